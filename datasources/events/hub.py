"""One reader of a source's change feed, and everyone in this process who follows it."""

import asyncio
import logging
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from datasources.changes import Change, ChangeFeed, by_name
from datasources.errors import CursorExpired, DatasourceError
from datasources.events.window import Window
from datasources.lookup import Collection

BATCH = 1000
"""Changes that are read at once."""
CATCHING_UP = 4
"""Followers that read the outbox at the same time, at most."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds until a source that is away is tried again: doubled each time, with as much jitter."""

logger = logging.getLogger("gateway.changes")


@dataclass(frozen=True, slots=True)
class Batch:
    """Changes that a follower gets at once, oldest first, and the cursor behind them."""

    changes: Sequence[Change]
    cursor: str
    end: int | None
    """How many changes the hub had read when it had read these: the last of them is number `end`, for every follower.

    None while the follower reads what the hub has read before it, or keeps no more.
    """
    in_order: bool = True
    """Whether they come as the hub has read them: transactions may commit in another order than they wrote in."""


class Hub:
    """Reads the changes of `collections` as long as somebody follows, and keeps the last `window` of them.

    Followers that come with one of their cursors need no read of their own; with an older one they read the outbox up
    to where the hub is, and go on with what it reads. Of one event loop.
    """

    def __init__(self, feed: ChangeFeed, collections: Iterable[Collection], *, window: int = 10_000) -> None:
        self.feed = feed
        self.collections = by_name(collections)
        self.window = Window(window)
        self.caught_up: tuple[str | None, int] = None, 0
        """The cursor and the count at which it had read all that was there, the last time."""
        self.catching_up = asyncio.Semaphore(CATCHING_UP)
        self._followers: set[Follower] = set()
        self._reading: asyncio.Task[None] | None = None
        self._begun = 0
        self._done = 0
        self._passed = _Pulse()

    async def follow(self, after: str | None = None, skim: Callable[[Batch], bool] | None = None) -> "Follower":
        """Everything behind the cursor, or what is new from now on; the follower must be closed.

        `skim` sees what comes while the follower waits, and returns whether that is dealt with: nobody is woken for it.
        Raises the DatasourceError of a source that is away, unless it was there for others already.
        """
        follower = Follower(self, after, skim)
        self._followers.add(follower)
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
        try:
            if after is None:
                await self.catch_up(follower)
                follower.begin()
        except BaseException:
            self.leave(follower)
            raise
        return follower

    async def catch_up(self, follower: "Follower") -> None:
        """Returns when the hub has read all that is there now. Raises what has failed the follower."""
        wanted = self._begun + 1
        self.feed.nudge()
        while self._done < wanted:
            follower.check()
            await self._passed.wait()
        follower.check()

    def leave(self, follower: "Follower") -> None:
        self._followers.discard(follower)
        if not self._followers:
            self._stop()

    async def close(self) -> None:
        """Ends the reading; followers wait in vain from then on."""
        reading = self._stop()
        if reading is not None:
            await asyncio.wait([reading])

    def _stop(self) -> asyncio.Task[None] | None:
        reading, self._reading = self._reading, None
        self.window.reset()
        if reading is not None:
            reading.cancel()
        return reading

    async def _read(self) -> None:
        pause = FIRST_PAUSE
        try:
            while True:
                try:
                    await self._pass()
                    pause = FIRST_PAUSE
                    await self.feed.wait()
                except DatasourceError as error:
                    if self.window.cursor is None:
                        raise
                    if pause == FIRST_PAUSE:
                        logger.warning("%s; its changes wait until it is back", error)
                    await asyncio.sleep(random.uniform(pause, 2 * pause))  # noqa: S311 - jitter
                    pause = min(2 * pause, LONGEST_PAUSE)
        except Exception as error:  # noqa: BLE001 - each follower raises it
            self._fail(error)

    async def _pass(self) -> None:
        """Reads all that is there."""
        self._begun += 1
        if self.window.cursor is None:
            self.window.cursor = await self.feed.head()
        is_more = True
        while is_more:
            changes, cursor = await self.feed.read(self.window.cursor, BATCH, self.collections)
            self.window.add(changes, cursor)
            if changes:
                for follower in [*self._followers]:
                    follower.notice()
            is_more = len(changes) == BATCH
        self.caught_up = self.window.cursor, self.window.end
        self._done = self._begun
        self._passed.beat()

    def _fail(self, error: Exception) -> None:
        """Nobody can go on from where the hub is; who follows from now on begins anew."""
        if not isinstance(error, (DatasourceError, CursorExpired)):
            logger.error("%r", error, exc_info=error)
        self._reading = None
        self.window.reset()
        self._done = self._begun
        failed, self._followers = self._followers, set()
        for follower in failed:
            follower.fail(error)
        self._passed.beat()


class Follower:
    """Where one of those who follow stands."""

    def __init__(self, hub: Hub, after: str | None, skim: Callable[[Batch], bool] | None) -> None:
        self._hub = hub
        self._skim = skim
        self._cursor = after or ""
        self._at: int | None = None
        """In the hub's count; None before it has caught up."""
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    def begin(self) -> None:
        """Begin where the hub is."""
        window = self._hub.window
        self._at, self._cursor = window.end, window.cursor or ""

    async def take(self) -> Batch:
        """What comes next: waits for at least one change, but for the batch that catches up, which may be empty.

        Raises CursorExpired, UnknownCursor, and what has gone wrong that waiting cannot mend.
        """
        window = self._hub.window
        while True:
            self.check()
            if self._at is None or self._at < window.start:
                return self._taken(await self._caught_up())
            if self._at < window.end:
                return self._taken(self._from_window(self._at))
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    def close(self) -> None:
        """Nothing more is wanted."""
        self._hub.leave(self)

    def notice(self) -> None:
        """Something has come."""
        waiter, at = self._waiter, self._at
        if waiter is None or waiter.done():
            return
        if self._skim is not None and at is not None and at >= self._hub.window.start:
            batch = self._from_window(at)
            if self._skim(batch):
                self._taken(batch)
                return
        self._wake()

    def fail(self, error: Exception) -> None:
        self._error = error
        self._wake()

    def check(self) -> None:
        if self._error is not None:
            raise self._error

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _taken(self, batch: Batch) -> Batch:
        self._at, self._cursor = batch.end, batch.cursor
        return batch

    def _from_window(self, at: int) -> Batch:
        window = self._hub.window
        return Batch(window.after(at), window.cursor or "", window.end)

    async def _caught_up(self) -> Batch:
        """What is behind the cursor: all of it from the window, or some of it from the outbox."""
        hub, pause = self._hub, FIRST_PAUSE
        while True:
            at = hub.window.find(self._cursor)
            if at is not None:
                return self._from_window(at)
            try:
                async with hub.catching_up:
                    return await self._read()
            except DatasourceError:
                await asyncio.sleep(random.uniform(pause, 2 * pause))  # noqa: S311 - jitter
                pause = min(2 * pause, LONGEST_PAUSE)
                self.check()

    async def _read(self) -> Batch:
        hub = self._hub
        await hub.catch_up(self)  # for the cursor may be ahead, where another process has read further
        goal, end = hub.caught_up
        changes, cursor = await hub.feed.read(self._cursor, BATCH, hub.collections, goal)
        return Batch(changes, cursor, end if cursor == goal else None, in_order=False)


class _Pulse:
    """Wakes all who wait, each time."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    async def wait(self) -> None:
        await self._event.wait()

    def beat(self) -> None:
        event, self._event = self._event, asyncio.Event()
        event.set()
