"""Those who ask the same: a subscriber gets the events that are made for all, once it has got those that it missed."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from datasources.changes import Change
from datasources.events import Batch, Follower, Hub
from gateway.errors import OperationTimeout
from gateway.execution.events import Seen
from gateway.subscriptions.evaluation import Evaluation
from gateway.subscriptions.stream import Event, Hand, Mailbox, Stream

CHUNK = 100
"""Events that are made and delivered at once, so that subscribers take some before the next ones come."""


@dataclass(slots=True)
class Counts:
    """What subscriptions have done so far."""

    evaluated: int = 0
    """Events that were made, each for all of a group or for one who had missed it,"""
    delivered: int = 0
    """and those that were handed to members of groups."""


class Group:
    """One operation with its variables. It is there as long as somebody has entered and not left."""

    def __init__(
        self, evaluation: Evaluation, hubs: Mapping[str, Hub], counts: Counts, on_end: "Callable[[Group], None]"
    ) -> None:
        self.hubs = hubs
        self.ends: dict[str, int] = {}
        """How many changes of each source its members have got, in the hub's count; less while it is far behind."""
        self.apart: set[str] = set()
        """Sources of which members are just being told what the group has read by itself: in an order of its own."""
        self._cursors: dict[str, str] = {}
        self._evaluation = evaluation
        self._counts = counts
        self._on_end = on_end
        self._entered = 0
        self._members: set[Mailbox] = set()
        self._error: Exception | None = None
        self._moved: asyncio.Event | None = None
        """There while somebody waits for the group to go on."""
        self._beginning: asyncio.Task[None] | None = None
        self._pumps: list[asyncio.Task[None]] = []

    @property
    def sources(self) -> Sequence[str]:
        return list(self.hubs)

    def enter(self) -> None:
        self._entered += 1

    def leave(self) -> None:
        self._entered -= 1
        if not self._entered:
            self.close()

    async def ready(self) -> None:
        """Returns when it follows its sources. Raises what keeps it from that."""
        if self._beginning is None:
            self._beginning = asyncio.create_task(self._begin())
        await asyncio.shield(self._beginning)

    def join(self, limit: int, known: dict[str, str] | None) -> Stream:
        """The events of one who has entered: behind what is `known` of each source, or from now on."""
        mailbox = Mailbox(limit, lambda: self._remove(mailbox))
        if known is None:
            self.add(mailbox)
            return mailbox
        return Resumed(self, mailbox, known)

    def add(self, mailbox: Mailbox) -> None:
        """Deliver to it what comes from now on. Raises what the group has failed with."""
        if self._error is not None:
            raise self._error
        self._members.add(mailbox)

    async def reach(self, source: str, number: int) -> None:
        """Returns when members have got so many changes of a source."""
        while self.ends[source] < number or source in self.apart:
            if self._error is not None:
                raise self._error
            if self._moved is None:
                self._moved = asyncio.Event()
            await self._moved.wait()

    def see(self, source: str, changes: Sequence[Change]) -> Sequence[tuple[int, Seen]]:
        """The changes of a source that are events, each with its number among all."""
        return self._evaluation.see(source, changes)

    async def events(
        self, source: str, seen: Sequence[tuple[int, Seen]], cursors: dict[str, str]
    ) -> AsyncIterator[tuple[int, list[Event]]]:
        """Events for those who know each source up to its cursor; `cursors` go on with them.

        With each list, the number of the change that it ends with. Raises OperationTimeout.
        """
        for start in range(0, len(seen), CHUNK):
            chunk = [each for _, each in seen[start : start + CHUNK]]
            try:
                told = await self._evaluation.tell(chunk)
            except TimeoutError:
                seconds = self._evaluation.seconds
                raise OperationTimeout(f"The event was given up after {seconds:g} s.") from None
            self._counts.evaluated += len(told)
            events = []
            for each, written in zip(chunk, told, strict=True):
                cursors[source] = each.change.cursor
                events.append(self._evaluation.write(written, cursors))
            yield seen[start + len(chunk) - 1][0], events

    def close(self) -> Sequence[asyncio.Task[None]]:
        """Follow no longer. Returns the tasks that end with this."""
        self._on_end(self)
        tasks = [*self._pumps] if self._beginning is None else [self._beginning, *self._pumps]
        for task in tasks:
            task.cancel()
        return tasks

    async def _begin(self) -> None:
        followers: dict[str, Follower] = {}
        try:
            for source, hub in self.hubs.items():
                followers[source] = await hub.follow(skim=partial(self._skim, source))
                self.ends[source], self._cursors[source] = hub.window.end, hub.window.cursor or ""
        except BaseException as error:
            for follower in followers.values():
                follower.close()
            self._on_end(self)
            if isinstance(error, Exception):
                self._error = error
            raise
        self._pumps = [asyncio.create_task(self._pump(source, each)) for source, each in followers.items()]

    async def _pump(self, source: str, follower: Follower) -> None:
        try:
            while True:
                batch = await follower.take()
                seen = self.see(source, batch.changes)
                if seen:
                    await self._pass_on(source, batch, seen)
                self._move(source, batch)
        except Exception as error:  # noqa: BLE001 - each member raises it
            self._fail(error)
        finally:
            follower.close()

    def _skim(self, source: str, batch: Batch) -> bool:
        """Move on where nothing is an event here: that is what most changes are to most groups."""
        try:
            if self.see(source, batch.changes):
                return False
        except Exception:  # noqa: BLE001 - the pump meets it again, and fails this group alone
            return False
        self._move(source, batch)
        return True

    def _move(self, source: str, batch: Batch) -> None:
        self._cursors[source] = batch.cursor
        self.apart.discard(source)
        if batch.end is not None:
            self.ends[source] = batch.end
        self._wake()

    async def _pass_on(self, source: str, batch: Batch, seen: Sequence[tuple[int, Seen]]) -> None:
        start = None if batch.end is None else batch.end - len(batch.changes)
        if not batch.in_order:
            self.apart.add(source)
            start = None
        async for count, events in self.events(source, seen, self._cursors):
            for member in list(self._members):
                for event in events:
                    member.put(event)
            self._counts.delivered += len(events) * len(self._members)
            if start is not None:
                self.ends[source] = start + count
            await asyncio.sleep(0)

    def _fail(self, error: Exception) -> None:
        self._error = error
        self._on_end(self)
        self._wake()
        for member in list(self._members):
            member.end(error)
        for pump in self._pumps:
            if pump is not asyncio.current_task():
                pump.cancel()

    def _wake(self) -> None:
        moved, self._moved = self._moved, None
        if moved is not None:
            moved.set()

    def _remove(self, mailbox: Mailbox) -> None:
        self._members.discard(mailbox)
        self.leave()


class Resumed:
    """The events of a subscriber who knows each source up to a cursor: those that it missed, then its group's.

    It reads what it has missed when it is about to take it, up to where its group is; from that moment on the
    group's events wait in its mailbox.
    """

    def __init__(self, group: Group, mailbox: Mailbox, cursors: dict[str, str]) -> None:
        """`cursors` go on with what it takes."""
        self._group = group
        self._mailbox = mailbox
        self._cursors = cursors
        self._numbers: dict[str, int] = {}
        """How many changes of each source it has got, in the hub's count, once that is known."""
        self._missed: AsyncGenerator[list[Event], None] | None = self._catch_up()

    async def take(self) -> Sequence[Event]:
        """See Stream."""
        if self._missed is not None:
            events = await anext(self._missed, None)
            if events is not None:
                return events
            self._missed = None
        return await self._mailbox.take()

    def hand_over(self, hand: Hand) -> None:
        """See Stream."""
        self._mailbox.hand_over(hand)

    async def close(self) -> None:
        """See Stream."""
        if self._missed is not None:
            await self._missed.aclose()
        await self._mailbox.close()

    async def _catch_up(self) -> AsyncGenerator[list[Event], None]:
        group = self._group
        rest = None
        while rest is None:
            for source, hub in group.hubs.items():
                if source in self._numbers:
                    continue
                async with aclosing(self._read(source, hub)) as missed:
                    async for events in missed:
                        yield events
            rest = self._join()
        for source, changes in rest.items():
            async for _, events in group.events(source, group.see(source, changes), self._cursors):
                yield events

    async def _read(self, source: str, hub: Hub) -> AsyncGenerator[list[Event], None]:
        """Events behind the cursor, until it is known how many there are up to the group's."""
        follower = await hub.follow(self._cursors[source])
        try:
            while source not in self._numbers:
                batch = await follower.take()
                if batch.end is not None:  # what the group is yet to be told may be any of this, in its own order
                    await self._group.reach(source, batch.end)
                seen = self._group.see(source, batch.changes)
                async for _, events in self._group.events(source, seen, self._cursors):
                    yield events
                self._cursors[source] = batch.cursor
                if batch.end is not None:
                    self._numbers[source] = batch.end
        finally:
            follower.close()

    def _join(self) -> dict[str, Sequence[Change]] | None:
        """Become a member of the group; returns what is missing up to where it is.

        None where that has to be read first: the source's changes were so many that they are no longer in memory, or
        the group has had to read some by itself.
        """
        group, rest = self._group, {}
        for source, hub in group.hubs.items():
            number, end = self._numbers[source], group.ends[source]
            if number < hub.window.start or source in group.apart:
                del self._numbers[source]
                return None
            rest[source] = hub.window.after(number)[: end - number]
        group.add(self._mailbox)
        return rest
