"""Operations that clients name instead of sending their texts."""

from enum import StrEnum

from pydantic import Field

from gateway.settings_section import Section


class Mode(StrEnum):
    """What a client may execute."""

    OPEN = "open"
    """Anything, and its texts are kept by their hashes."""
    TRUSTED_PREFERRED = "trusted_preferred"
    """Anything, but what is not published for it is not kept."""
    TRUSTED_ONLY = "trusted_only"
    """What is published for it."""


class OperationSettings(Section):
    """Which are stored, and for whom."""

    mode: Mode = Mode.OPEN
    """What clients may execute that have no mode of their own: open, trusted_preferred or trusted_only."""
    require_id: bool = False
    """Whether clients of trusted_only must send ids, and never texts."""
    log_only: bool = False
    """Whether what trusted_only refuses is told in the log, and executed all the same."""
    refresh: float = Field(default=2.0, gt=0)
    """Seconds after which a process sees what was published or retired."""
    rest: bool = True
    """Whether what is published is at `/operations/{client}/{name}`, too, for clients that do not speak GraphQL."""
    automatic: bool = True
    """Whether texts are kept for clients that send their hashes the next time (APQ)."""
    automatic_limit: int = Field(default=1000, ge=1)
    """Texts that a process keeps."""
    automatic_seconds: int = Field(default=24 * 3600, ge=1)
    """Seconds that Redis keeps one for all processes, where there is `redis.url`."""
