"""How much those who ask may use over time."""

from pydantic import Field

from gateway.settings_section import Section


class RateSettings(Section):
    """Cost units; 0 is as many as they like. Processes count together where they have a Redis."""

    viewer: int = Field(default=1_000_000, ge=0)
    """Cost units of each viewer in a minute; here and in the next two, 0 is as many as they like."""
    client: int = Field(default=10_000_000, ge=0)
    """Cost units of each client in a minute, if it has no quota of its own."""
    anonymous: int = Field(default=0, ge=0)
    """Cost units of all anonymous viewers together in a minute, for nobody knows them apart."""
    burst: float = Field(default=60.0, gt=0)
    """Seconds whose units may be used at once."""
