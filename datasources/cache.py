"""A bounded cache, out of which a flood of keys that are used once drives nothing that is used again."""

from collections import OrderedDict, deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

PROTECTED = 0.8
"""The protected entries' share of the whole, at most; those on probation have the rest."""
LARGEST = 8
"""A larger entry than this part of the whole is not kept."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a cache has done so far, and what it holds now."""

    hits: int
    misses: int
    evictions: int
    entries: int
    bytes: int
    """As its entries were declared."""


class Cache(Generic[K, V]):
    """At most `limit` entries, of at most `size` bytes together.

    A new entry is on probation. When its time is up it goes, unless it was used, or was so before and is back: then it
    is protected. Only entries that come to be protected drive protected ones out, and of these such as were not used
    meanwhile. A hit is one lookup in a dict. (This is S3-FIFO, https://doi.org/10.1145/3600006.3613147.)
    """

    def __init__(self, limit: int, size: int) -> None:
        self.hits = self.misses = self.evictions = 0
        self._limit = limit
        self._size = size
        self._protected_limit = max(1, int(limit * PROTECTED))
        self._protected_size = int(size * PROTECTED)
        self.clear()

    @property
    def figures(self) -> Figures:
        size = self._probation.size + self._protected.size
        return Figures(self.hits, self.misses, self.evictions, len(self._entries), size)

    def get(self, key: K) -> V | None:
        """The value, which is no None, if there is one."""
        entry = self._entries.get(key)
        if entry is None:
            self.misses += 1
            return None
        self.hits += 1
        entry.used = True
        return entry.value

    def put(self, key: K, value: V, size: int) -> None:
        """Keeps a value of so many bytes, unless these are too many."""
        if size * LARGEST > self._size or key in self._entries:
            return
        entry = self._entries[key] = _Entry(key, value, size)
        identity = hash(key)
        is_back = identity in self._gone
        if is_back:
            del self._gone[identity]
        (self._protected if is_back else self._probation).add(entry)
        self._shrink()

    def grow(self, key: K, size: int) -> None:
        """The value, if it is still kept, takes so many bytes more."""
        entry = self._entries.get(key)
        if entry is None:
            return
        entry.segment.size += size
        entry.size += size
        if entry.size * LARGEST > self._size:
            entry.segment.remove(entry)
            self._drop(entry)
        self._shrink()

    def clear(self) -> None:
        self._entries: dict[K, _Entry[K, V]] = {}
        self._probation: _Segment[K, V] = _Segment()
        self._protected: _Segment[K, V] = _Segment()
        self._gone: OrderedDict[int, None] = OrderedDict()
        """Hashes of the keys that went last."""

    def _shrink(self) -> None:
        while True:
            protected, size = self._protected, self._probation.size + self._protected.size
            if len(protected.entries) > self._protected_limit or protected.size > self._protected_size:
                self._turn(protected)
            elif len(self._entries) > self._limit or size > self._size:
                self._turn(self._probation)
            else:
                return

    def _turn(self, segment: "_Segment[K, V]") -> None:
        """The time of the segment's oldest entry is up."""
        entry = segment.entries[0]
        segment.remove(entry)
        if entry.used:
            entry.used = False
            self._protected.add(entry)
        else:
            self._drop(entry)

    def _drop(self, entry: "_Entry[K, V]") -> None:
        del self._entries[entry.key]
        self.evictions += 1
        self._gone[hash(entry.key)] = None
        if len(self._gone) > self._limit:
            self._gone.popitem(last=False)


class _Entry(Generic[K, V]):
    __slots__ = ("key", "segment", "size", "used", "value")

    def __init__(self, key: K, value: V, size: int) -> None:
        self.key = key
        self.value = value
        self.size = size
        self.used = False
        self.segment: _Segment[K, V]


class _Segment(Generic[K, V]):
    def __init__(self) -> None:
        self.entries: deque[_Entry[K, V]] = deque()
        self.size = 0

    def add(self, entry: _Entry[K, V]) -> None:
        self.entries.append(entry)
        self.size += entry.size
        entry.segment = self

    def remove(self, entry: _Entry[K, V]) -> None:
        self.entries.remove(entry)  # mostly the first
        self.size -= entry.size
