"""Lookups that requests make in the same moment, and that differ in their keys alone, asked as one."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from datasources.errors import DatasourceError, SourceTimeout, SourceUnavailable
from datasources.lookup import Lookup, Row, Rows

FEW = 16
"""Keys of a lookup that is asked together with others; one of more is worth a statement of its own."""
MOST = 256
"""Keys that are asked together."""

Ask = Callable[[Lookup], Awaitable[Rows]]
AskAgain = Callable[[Lookup, float], Awaitable[Rows]]
"""Asks for a lookup that began at this time, by the event loop's clock."""


class Joint:
    """Whoever comes first asks for all who come within the same turn of the event loop, unless nothing else goes on.

    A joint lookup that fails because of what is asked is asked again by each alone.
    """

    def __init__(self, ask: Ask, ask_again: AskAgain) -> None:
        self._ask = ask
        self._ask_again = ask_again
        self._parties: dict[int, _Party] = {}
        """Those that can still be joined, by the identity of the lookup's origin."""
        self._leaders = 0

    async def lookup(self, lookup: Lookup) -> Rows:
        """Raises what `ask` does."""
        origin = lookup.origin
        if origin is None or len(lookup.keys) > FEW or _is_mutable(lookup):
            return await self._ask(lookup)
        party = self._parties.get(id(origin))
        if party is None:
            return await self._lead(origin, lookup)
        began = asyncio.get_running_loop().time()
        found = await self._join(party, lookup)
        return await self._ask_again(lookup, began) if found is None else found

    async def _lead(self, origin: Lookup, lookup: Lookup) -> Rows:
        party = self._parties[id(origin)] = _Party(origin, dict.fromkeys(lookup.keys))
        self._leaders += 1
        try:
            if self._leaders > 1:  # there is something going on
                await asyncio.sleep(0)
            self._close(party)
            if not party.others:
                return await self._ask(lookup)
            began = asyncio.get_running_loop().time()
            found = await self._ask(origin.of(tuple(party.keys)))
            rows: defaultdict[Any, list[Row]] = defaultdict(list)
            for row in found.rows:
                rows[row[0]].append(row)
            party.share(found, rows)
            return _of(lookup.keys, found, rows)
        except BaseException as error:
            self._close(party)
            if isinstance(error, (SourceUnavailable, SourceTimeout)):
                party.fail(error)
                raise
            party.give_up()
            if party.others and isinstance(error, DatasourceError):
                return await self._ask_again(lookup, began)
            raise
        finally:
            self._leaders -= 1

    async def _join(self, party: "_Party", lookup: Lookup) -> Rows | None:
        """None where the party came to nothing."""
        party.keys |= dict.fromkeys(lookup.keys)
        if len(party.keys) > MOST - FEW:
            self._close(party)
        answer: asyncio.Future[Rows | None] = asyncio.get_running_loop().create_future()
        party.others.append((lookup.keys, answer))
        return await answer

    def _close(self, party: "_Party") -> None:
        if self._parties.get(id(party.origin)) is party:
            del self._parties[id(party.origin)]


@dataclass(eq=False, slots=True)
class _Party:
    origin: Lookup
    """Kept, for it is known by its identity."""
    keys: dict[Any, None]
    others: list[tuple[tuple[Any, ...], asyncio.Future[Rows | None]]] = field(default_factory=list)

    def share(self, found: Rows, rows: defaultdict[Any, list[Row]]) -> None:
        for keys, answer in self.others:
            if not answer.done():
                answer.set_result(_of(keys, found, rows))

    def fail(self, error: Exception) -> None:
        for _, answer in self.others:
            if not answer.done():
                answer.set_exception(error)

    def give_up(self) -> None:
        for _, answer in self.others:
            if not answer.done():
                answer.set_result(None)


def _of(keys: Sequence[Any], found: Rows, rows: defaultdict[Any, list[Row]]) -> Rows:
    """What was found under these keys."""
    own = rows.get(keys[0], []) if len(keys) == 1 else [row for key in dict.fromkeys(keys) for row in rows.get(key, ())]
    counts = found.counts
    return Rows(found.columns, own, {key: counts[key] for key in keys if key in counts} if counts else counts)


def _is_mutable(lookup: Lookup) -> bool:
    """Whether values could be changed by one who is answered, under the eyes of others."""
    json = lookup.collection.json_columns
    return bool(json) and not json.isdisjoint(lookup.columns)
