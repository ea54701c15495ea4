"""Clients, which are apps and partners, and their API keys: `gw_<id>_<secret>`, of which only a hash is kept."""

import hmac
import re
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import (
    JSON,
    Column,
    Double,
    ForeignKey,
    Integer,
    LargeBinary,
    RowMapping,
    String,
    Table,
    delete,
    insert,
    select,
    update,
)

from gateway.control import METADATA, ControlStore
from gateway.errors import ConfigError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
KEY = re.compile(r"gw_([0-9a-f]{12})_([\w-]{43})", re.ASCII)

CLIENTS = Table(
    "gateway_clients",
    METADATA,
    Column("name", String, primary_key=True),
    Column("scopes", JSON, nullable=False),
    Column("quota", Integer),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double),
    Column("revoked_at", Double),
)
API_KEYS = Table(
    "gateway_api_keys",
    METADATA,
    Column("id", String, primary_key=True),
    Column("client", ForeignKey(CLIENTS.c.name), nullable=False, index=True),
    Column("digest", LargeBinary, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double),
)


@dataclass(frozen=True, slots=True)
class Client:
    """Times are in seconds since 1970."""

    name: str
    scopes: tuple[str, ...]
    quota: int | None
    """Cost units that it may use in a minute."""
    created_at: float
    expires_at: float | None
    revoked_at: float | None
    keys: int = 0
    """That are good."""


class Clients:
    """Those of one control store; everything raises ControlUnavailable."""

    def __init__(self, store: ControlStore, now: Callable[[], float] = time.time) -> None:
        self._store = store
        self._now = now

    async def create(
        self, name: str, scopes: Iterable[str] = (), quota: int | None = None, expires_at: float | None = None
    ) -> str:
        """The API key of a new client, or of one that was revoked and begins anew. Raises ConfigError."""
        if not NAME.fullmatch(name):
            raise ConfigError(f"clients: {name!r} is no name: write up to 64 letters, digits, and . _ - between them.")
        async with self._store.writing() as connection:
            known = (await connection.execute(select(CLIENTS.c.revoked_at).where(CLIENTS.c.name == name))).first()
            if known is not None and known.revoked_at is None:
                raise ConfigError(f"clients: there is a client {name!r} already; clients rotate gives it a new key.")
            values = {
                "scopes": sorted({*scopes}),
                "quota": quota,
                "created_at": self._now(),
                "expires_at": expires_at,
                "revoked_at": None,
            }
            if known is None:
                await connection.execute(insert(CLIENTS).values(name=name, **values))
            else:
                await connection.execute(update(CLIENTS).where(CLIENTS.c.name == name).values(values))
            key, row = _new_key(name, self._now())
            await connection.execute(insert(API_KEYS).values(row))
            return key

    async def rotate(self, name: str, overlap: float = 0) -> str:
        """A new API key; those that there are end in `overlap` seconds. Raises ConfigError."""
        async with self._store.writing() as connection:
            known = (await connection.execute(select(CLIENTS.c.revoked_at).where(CLIENTS.c.name == name))).first()
            if known is None or known.revoked_at is not None:
                raise ConfigError(f"clients: there is no client {name!r}; clients create makes it.")
            now = self._now()
            ours = API_KEYS.c.client == name
            end = now + overlap
            await connection.execute(delete(API_KEYS).where(ours, API_KEYS.c.expires_at <= now))
            later = API_KEYS.c.expires_at.is_(None) | (API_KEYS.c.expires_at > end)
            await connection.execute(update(API_KEYS).where(ours, later).values(expires_at=end))
            key, row = _new_key(name, now)
            await connection.execute(insert(API_KEYS).values(row))
            return key

    async def revoke(self, name: str) -> None:
        """No key of the client is good any longer. Raises ConfigError."""
        async with self._store.writing() as connection:
            await connection.execute(delete(API_KEYS).where(API_KEYS.c.client == name))
            changed = await connection.execute(
                update(CLIENTS).where(CLIENTS.c.name == name).values(revoked_at=self._now())
            )
            if not changed.rowcount:
                raise ConfigError(f"clients: there is no client {name!r}.")

    async def all(self) -> Sequence[Client]:
        """By name."""
        async with self._store.reading(CLIENTS) as connection:
            if connection is None:
                return []
            rows = (await connection.execute(select(CLIENTS).order_by(CLIENTS.c.name))).mappings().all()
            good = API_KEYS.c.expires_at.is_(None) | (API_KEYS.c.expires_at > self._now())
            keys = (await connection.execute(select(API_KEYS.c.client).where(good))).scalars().all()
        return [_client(row, keys.count(row["name"])) for row in rows]

    async def of_key(self, api_key: str) -> tuple[Client, float | None] | None:
        """Whose key it is, and when it ends; None when it is not good."""
        parts = KEY.fullmatch(api_key)
        if parts is None:
            return None
        async with self._store.reading(CLIENTS) as connection:
            if connection is None:
                return None
            found = select(CLIENTS, API_KEYS.c.digest, API_KEYS.c.expires_at.label("key_expires_at"))
            joined = found.join(API_KEYS, API_KEYS.c.client == CLIENTS.c.name).where(API_KEYS.c.id == parts[1])
            row = (await connection.execute(joined)).mappings().first()
        if row is None or not hmac.compare_digest(row["digest"], sha256(parts[2].encode()).digest()):
            return None
        ends = [end for end in (row["expires_at"], row["key_expires_at"]) if end is not None]
        end = min(ends, default=None)
        if row["revoked_at"] is not None or (end is not None and end <= self._now()):
            return None
        return _client(row, 1), end

    async def close(self) -> None:
        await self._store.close()


def _new_key(client: str, now: float) -> tuple[str, dict[str, object]]:
    """The key, and what is kept of it. A hash without salt will do: nobody guesses 256 random bits."""
    id_, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    digest = sha256(secret.encode()).digest()
    row = {"id": id_, "client": client, "digest": digest, "created_at": now, "expires_at": None}
    return f"gw_{id_}_{secret}", row


def _client(row: RowMapping, keys: int) -> Client:
    return Client(
        row["name"],
        tuple(row["scopes"]),
        row["quota"],
        row["created_at"],
        row["expires_at"],
        row["revoked_at"],
        keys,
    )
