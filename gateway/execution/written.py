"""What is JSON already."""


class Written:
    """Data that is JSON already. No dataclass: orjson would take it apart."""

    __slots__ = ("json",)

    def __init__(self, json: bytes) -> None:
        self.json = json
