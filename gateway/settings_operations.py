"""Operations that clients name instead of sending their texts."""

from pydantic import Field

from gateway.settings_section import Section


class OperationSettings(Section):
    """Which are stored, and for whom."""

    automatic: bool = True
    """Whether texts are kept for clients that send their hashes the next time (APQ)."""
    automatic_limit: int = Field(default=1000, ge=1)
    """Texts that a process keeps."""
    automatic_seconds: int = Field(default=24 * 3600, ge=1)
    """Seconds that Redis keeps one for all processes, where there is `redis.url`."""
