"""The changes that a hub has read last."""

from collections.abc import Sequence

from datasources.changes import Change


class Window:
    """Changes number `start` + 1 to `end`, and where each of their cursors leads."""

    def __init__(self, size: int) -> None:
        self.start = 0
        self.end = 0
        self.cursor: str | None = None
        """Behind everything that was read."""
        self._size = size
        self._changes: list[Change] = []
        self._ends: dict[str, int] = {}

    def add(self, changes: Sequence[Change], cursor: str) -> None:
        self.cursor = cursor
        for change in changes:
            self.end += 1
            self._ends[change.cursor] = self.end
        self._changes.extend(changes)
        if len(self._changes) > 2 * self._size:  # seldom, for it moves what is kept
            self._drop(len(self._changes) - self._size)

    def find(self, cursor: str) -> int | None:
        """How many changes had been read at the cursor; None where not everything behind it is kept."""
        return self.end if cursor == self.cursor else self._ends.get(cursor)

    def after(self, number: int) -> Sequence[Change]:
        """The changes that come after `number`."""
        return self._changes[number - self.start :]

    def reset(self) -> None:
        """Forget everything but the count."""
        self._drop(len(self._changes))
        self.cursor = None

    def _drop(self, count: int) -> None:
        for change in self._changes[:count]:
            del self._ends[change.cursor]
        del self._changes[:count]
        self.start += count
