"""Positions in a PostgreSQL change feed: which transactions have been told.

Transactions commit in another order than the one in which they begin, and in another than the one in which they take
numbers from a sequence. So a position is a snapshot of PostgreSQL's: transactions below a number, but for those that
were still running. What comes behind it is what a later snapshot sees and this one does not, by the sequence; nothing
that commits late is missed, and no transaction that runs for long holds the others back. Changes of one row have
sequence numbers in the order of their commits, for they are taken while the row is locked.

A position within such a step has both snapshots, and the last sequence number that was told.

As text: `812` · `812-7-22`, where 805 and 790 were running · `812-7_830_4411`, from the one to the other, behind 4411.
"""

import re
from dataclasses import dataclass

_SNAPSHOT = r"\d{1,19}(?:-\d{1,19})*"
_POSITION = re.compile(rf"({_SNAPSHOT})(?:_({_SNAPSHOT})_(\d{{1,19}}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Sees the transactions below `below` that are not among `running`."""

    below: int
    running: tuple[int, ...] = ()
    """In ascending order."""

    @classmethod
    def of_postgres(cls, text: str) -> "Snapshot":
        """From PostgreSQL's own form, `xmin:xmax:xip,xip`."""
        _, below, running = text.split(":")
        return cls(int(below), tuple(sorted(map(int, running.split(",")))) if running else ())

    @property
    def to_postgres(self) -> str:
        first = min(self.running, default=self.below)
        return f"{first}:{self.below}:{','.join(map(str, self.running))}"

    def sees(self, other: "Snapshot") -> bool:
        """Whether it sees all that the other does."""
        return other.below <= self.below and all(
            running >= other.below or running in other.running for running in self.running
        )

    def sees_all_below(self, number: int) -> bool:
        """Whether it sees whatever had ended of the transactions up to this one."""
        return number < self.below and all(running > number for running in self.running)

    def __str__(self) -> str:
        return "-".join(map(str, (self.below, *(self.below - running for running in self.running))))


@dataclass(frozen=True, slots=True)
class Position:
    """Behind `since`; with `upto`, on the way there, behind the change number `seq`."""

    since: Snapshot
    upto: Snapshot | None = None
    seq: int = 0

    @classmethod
    def parse(cls, text: str) -> "Position | None":
        parts = _POSITION.fullmatch(text)
        since = parts and _snapshot(parts[1])
        upto = _snapshot(parts[2]) if parts and parts[2] else None
        if parts is None or since is None or (parts[2] and upto is None) or int(parts[3] or 0) >= 2**63:
            return None
        return cls(since, upto, int(parts[3] or 0))

    def misses(self, pruned_xid: int, pruned_seq: int) -> bool:
        """Whether what is no longer kept, up to this transaction and this number, may be behind it."""
        if self.upto is None:
            return not self.since.sees_all_below(pruned_xid)
        if not self.upto.sees_all_below(pruned_xid):
            return True
        return pruned_seq > self.seq and not self.since.sees_all_below(pruned_xid)

    def is_ahead_of(self, now: Snapshot) -> bool:
        return max(self.since.below, self.upto.below if self.upto else 0) > now.below

    def before(self, goal: Snapshot | None) -> "Position":
        """The same, on the way to the goal where that is nearer."""
        is_nearer = goal is not None and self.upto is not None and not goal.sees(self.upto)
        return Position(self.since, goal, self.seq) if is_nearer else self

    def __str__(self) -> str:
        return str(self.since) if self.upto is None else f"{self.since}_{self.upto}_{self.seq}"


def _snapshot(text: str) -> Snapshot | None:
    below, *distances = map(int, text.split("-"))
    running = tuple(sorted({below - distance for distance in distances}))
    if below >= 2**63 or len(running) != len(distances) or not all(0 <= each < below for each in running):
        return None
    return Snapshot(below, running)
