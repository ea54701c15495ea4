"""Trusted documents in the control store: who may ask what, and how often that was asked."""

import math
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Column, Double, Integer, RowMapping, String, Table, Text, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.auth.clients import NAME
from gateway.control import METADATA, ControlStore
from gateway.errors import ConfigError
from gateway.operations.automatic import digest_of

EVERYBODY = ""
"""In the place of a client: documents of all."""

DOCUMENTS = Table(
    "gateway_operations",
    METADATA,
    Column("client", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("body", Text, nullable=False),
    Column("sha256", String, nullable=False),
    Column("published_at", Double, nullable=False),
    Column("retired_at", Double),
)
MODES = Table(
    "gateway_client_modes",
    METADATA,
    Column("client", String, primary_key=True),
    Column("mode", String, nullable=False),
)
REVISION = Table(
    "gateway_operations_revision",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("revision", String, nullable=False),
)
"""One row, by which processes see that something else is published."""
USES = Table(
    "gateway_operation_uses",
    METADATA,
    Column("client", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("bucket", Integer, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("last_used_at", Double, nullable=False),
)
"""How often an operation took how long: see bucket_of."""

FINEST, STEP = 1e-4, 1.2
"""Seconds that the first bucket goes to, and by how much each next one goes further."""


@dataclass(frozen=True, slots=True)
class Published:
    """A document with one operation, as it is published. Times are in seconds since 1970."""

    client: str
    id: str
    name: str
    kind: str
    """query, mutation or subscription."""
    body: str
    sha256: str
    published_at: float = 0.0
    retired_at: float | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """How an operation was used, by whoever used it."""

    client: str
    """Who used it, which need not be whom it was published for."""
    id: str
    count: int
    last_used_at: float
    p50: float | None
    """Seconds; None where nothing was measured, as of subscriptions."""
    p99: float | None


UseKey = tuple[str, str, int]
"""Client, id and bucket."""


def published(client: str, id_: str, name: str, kind: str, body: str) -> Published:
    return Published(client, id_, name, kind, body, digest_of(body))


class OperationStore:
    """What is published in one control store; everything raises ControlUnavailable."""

    def __init__(self, store: ControlStore, now: Callable[[], float] = time.time) -> None:
        self._store = store
        self._now = now

    async def publish(self, documents: Sequence[Published]) -> int:
        """Publishes all or none; how many are new, or back. Raises ConfigError: an id stands for one text forever."""
        for client in {each.client for each in documents}:
            check_client(client)
        count = 0
        async with self._store.writing() as connection:
            await _touch(connection)  # others who publish wait from here on
            for each in documents:
                key = (DOCUMENTS.c.client == each.client) & (DOCUMENTS.c.id == each.id)
                known = (await connection.execute(select(DOCUMENTS).where(key))).mappings().first()
                if known is None:
                    row = _row(each, self._now())
                    await connection.execute(insert(DOCUMENTS).values(row))
                elif known["body"] != each.body:
                    raise ConfigError(
                        f"{each.name}: the id {each.id!r} stands for another text already, also if that is retired."
                    )
                elif known["retired_at"] is not None:
                    again = {"retired_at": None, "published_at": self._now()}
                    await connection.execute(update(DOCUMENTS).where(key).values(again))
                else:
                    continue
                count += 1
        return count

    async def retire(self, documents: Iterable[Published]) -> None:
        """They are trusted no longer."""
        async with self._store.writing() as connection:
            await _touch(connection)
            for each in documents:
                key = (DOCUMENTS.c.client == each.client) & (DOCUMENTS.c.id == each.id)
                await connection.execute(update(DOCUMENTS).where(key).values(retired_at=self._now()))

    async def all(self, client: str | None = None, *, retired: bool = False) -> list[Published]:
        """Those of the client, or of all, by client and name."""
        async with self._store.reading(DOCUMENTS) as connection:
            if connection is None:
                return []
            found = select(DOCUMENTS).order_by(DOCUMENTS.c.client, DOCUMENTS.c.name, DOCUMENTS.c.id)
            if client is not None:
                found = found.where(DOCUMENTS.c.client == client)
            if not retired:
                found = found.where(DOCUMENTS.c.retired_at.is_(None))
            return [_published(row) for row in (await connection.execute(found)).mappings()]

    async def set_mode(self, client: str, mode: str | None) -> None:
        """None leaves it to the settings. Raises ConfigError."""
        check_client(client)
        async with self._store.writing() as connection:
            await _touch(connection)
            await connection.execute(delete(MODES).where(MODES.c.client == client))
            if mode is not None:
                await connection.execute(insert(MODES).values(client=client, mode=mode))

    async def modes(self) -> Mapping[str, str]:
        """Of clients that have one of their own."""
        async with self._store.reading(MODES) as connection:
            if connection is None:
                return {}
            rows = (await connection.execute(select(MODES))).all()
        return {row.client: row.mode for row in rows}

    async def revision(self) -> str | None:
        """Another one whenever something has changed."""
        async with self._store.reading(REVISION) as connection:
            if connection is None:
                return None
            return (await connection.execute(select(REVISION.c.revision))).scalar()

    async def count(self, uses: Mapping[UseKey, int]) -> None:
        """Adds to what was counted, by this process and by others."""
        async with self._store.writing() as connection:
            dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
            for (client, id_, bucket), count in sorted(
                uses.items()
            ):  # all in one order, so that nobody waits in a ring
                row = {"client": client, "id": id_, "bucket": bucket, "count": count, "last_used_at": self._now()}
                statement = dialect.insert(USES).values(row)
                more = {
                    "count": USES.c.count + statement.excluded.count,
                    "last_used_at": statement.excluded.last_used_at,
                }
                key = [USES.c.client, USES.c.id, USES.c.bucket]
                await connection.execute(statement.on_conflict_do_update(index_elements=key, set_=more))

    async def usage(self) -> list[Usage]:
        """Of all that was used, by client and id."""
        async with self._store.reading(USES) as connection:
            if connection is None:
                return []
            ordered = select(USES).order_by(USES.c.client, USES.c.id, USES.c.bucket)
            rows = (await connection.execute(ordered)).mappings().all()
        found: dict[tuple[str, str], list[RowMapping]] = {}
        for row in rows:
            found.setdefault((row["client"], row["id"]), []).append(row)
        return [_usage(client, id_, rows) for (client, id_), rows in found.items()]

    async def close(self) -> None:
        await self._store.close()


def check_client(name: str) -> None:
    """Raises ConfigError."""
    if name != EVERYBODY and not NAME.fullmatch(name):
        raise ConfigError(f"{name!r} is no client: write up to 64 letters, digits, and . _ - between them.")


UNMEASURED = -1
"""The bucket of what has no duration."""


def bucket_of(seconds: float) -> int:
    """Which of the buckets, each a fifth wider than the one before, the duration falls into."""
    return max(0, math.ceil(math.log(max(seconds, FINEST) / FINEST, STEP)))


def _seconds(bucket: int) -> float:
    return FINEST * STEP**bucket


def _usage(client: str, id_: str, rows: Sequence[RowMapping]) -> Usage:
    measured = [(row["bucket"], row["count"]) for row in rows if row["bucket"] != UNMEASURED]
    return Usage(
        client,
        id_,
        sum(row["count"] for row in rows),
        max(row["last_used_at"] for row in rows),
        _quantile(measured, 0.5),
        _quantile(measured, 0.99),
    )


def _quantile(counts: Sequence[tuple[int, int]], share: float) -> float | None:
    rest = share * sum(count for _, count in counts)
    for bucket, count in counts:
        rest -= count
        if rest <= 0:
            return _seconds(bucket)
    return None


async def _touch(connection: AsyncConnection) -> None:
    """Makes another revision, and holds the lock on it until the transaction ends."""
    values = {"revision": uuid.uuid4().hex}
    changed = await connection.execute(update(REVISION).values(values))
    if not changed.rowcount:
        await connection.execute(insert(REVISION).values(id=1, **values))


def _row(document: Published, now: float) -> dict[str, object]:
    return {
        "client": document.client,
        "id": document.id,
        "name": document.name,
        "kind": document.kind,
        "body": document.body,
        "sha256": document.sha256,
        "published_at": now,
        "retired_at": None,
    }


def _published(row: RowMapping) -> Published:
    return Published(**row)
