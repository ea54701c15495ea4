"""Times and durations, as the command line reads and tells them."""

import re
from datetime import UTC, datetime

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}


def date(seconds: float | None) -> str:
    """A time in UTC, or nothing."""
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def duration(text: str) -> int | None:
    """The seconds of 30m, 24h or 7d; None of what is no duration."""
    parts = re.fullmatch(r"(\d{1,6})([smhd])", text)
    return None if parts is None else int(parts[1]) * SECONDS[parts[2]]
