"""Which web origins' pages may use the endpoint: for CORS, and for WebSockets, to which that does not apply."""

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origins:
    """The origins of the settings, such as `https://shop.example`, `http://localhost:*` and `*`."""

    exact: tuple[str, ...]
    pattern: str | None
    """Of a regular expression that matches a whole origin."""

    @classmethod
    def of(cls, allowed: Sequence[str]) -> "Origins":
        exact = tuple(origin for origin in allowed if origin == "*" or "*" not in origin)
        wild = [re.escape(origin).replace(r"\*", r"[\w-]+") for origin in allowed if origin not in exact]
        return cls(exact, "|".join(wild) or None)

    def allow(self, origin: str) -> bool:
        if "*" in self.exact or origin in self.exact:
            return True
        return self.pattern is not None and re.fullmatch(self.pattern, origin) is not None
