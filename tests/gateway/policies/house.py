"""A graph with policies and row rules of every kind, its rows, and what of them each viewer may see."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any

from datasources.lookup import ColumnType
from datasources.memory import MemorySource
from datasources.registry import Registry
from datasources.resilience import resilient
from datasources.sql import PostgresSource
from resolvers import (
    Connection,
    authenticated,
    belongs_to,
    claimed,
    column,
    computed,
    entity,
    has_many,
    has_one,
    many_to_many,
    mutation_type,
    policy,
    query_type,
    requires_roles,
    requires_scopes,
    subscription_type,
    unless,
)
from resolvers.context import Context, PageSizes
from resolvers.viewer import ANONYMOUS, Viewer
from tests.support.postgres import connected

ADMIN = requires_roles("admin")
INSIDER = policy("insider", lambda viewer: "in" in viewer.roles)
OWN = unless(ADMIN, claimed("tenant", "tenant"))


@entity("crm.customers", policy=authenticated(), rows=OWN, natural_keys=["code"], writable=True, watched=True)
class Customer:
    """Seen by those who are known, each its tenant's."""

    code: str
    tenant: str
    rating: int | None = column(requires=requires_scopes("ratings"))
    orders: Connection["Order"] = has_many(by="customer_id")


@entity("erp.orders", rows=OWN, natural_keys=["number", "secret"], writable=True, watched=True, version="version")
class Order:
    """Seen by all, each its tenant's; by nobody else's."""

    number: str
    tenant: str
    total: int | None = column(requires=requires_scopes("totals", ["all", "numbers"]))
    margin: int = column(requires=ADMIN)
    secret: str | None = column(requires=ADMIN)
    version: int
    customer: Customer | None = belongs_to(by="customer_id", requires=INSIDER)
    lines: Connection["Line"] = has_many(by="order_id", writable=True)
    all_lines: list["Line"] = has_many(by="order_id")
    note: "Note | None" = has_one(by="order_id")
    labels: Connection["Label"] = many_to_many(through="Labelling", by="order_id", to="label_id")

    @computed(needs=("number", "total"))
    def title(self) -> str | None:
        """Needs what not everybody sees."""
        return f"{self.number}: {self.total}"

    @computed(needs=("number",), requires=ADMIN)
    def loud(self) -> str | None:
        """Is not for everybody itself."""
        return str(self.number).upper()


@entity("erp.lines", rows=OWN, watched=True)
class Line:
    """A position of an order."""

    tenant: str
    quantity: int
    cost: int | None = column(requires=requires_scopes("totals"))
    order: Order | None = belongs_to(by="order_id")


@entity("erp.notes", policy=ADMIN)
class Note:
    """For some alone."""

    text: str
    order: Order | None = belongs_to(by="order_id")


@entity("erp.labels")
class Label:
    """For everybody."""

    name: str
    orders: Connection["Order"] = many_to_many(through="Labelling", by="label_id", to="order_id")


@entity("erp.labellings", policy=authenticated())
class Labelling:
    """Which orders have which labels."""

    order: Order | None = belongs_to(by="order_id")
    label: Label | None = belongs_to(by="label_id")


ENTITIES = (Customer, Order, Line, Note, Label, Labelling)
Query = query_type(*ENTITIES)
Mutation = mutation_type(*ENTITIES)
Subscription = subscription_type(*ENTITIES)


def viewer(tenant: str | None = None, *, roles: Sequence[str] = (), scopes: Sequence[str] = ()) -> Viewer:
    return Viewer("somebody", frozenset(roles), frozenset(scopes), MappingProxyType({"region": "north"}), tenant=tenant)


VIEWERS: Mapping[str, Viewer] = {
    "anonymous": ANONYMOUS,
    "no tenant": viewer(),
    "north": viewer("north"),
    "south": viewer("south"),
    "insider": viewer("north", roles=["in"]),
    "ratings": viewer("north", roles=["in"], scopes=["ratings"]),
    "totals": viewer("south", scopes=["totals"]),
    "both of a list": viewer("north", scopes=["all", "numbers"]),
    "one of a list": viewer("north", scopes=["all"]),
    "admin": viewer("south", roles=["admin"]),
    "everything": viewer("south", roles=["admin", "in"], scopes=["totals", "ratings"]),
}

HIDDEN: Mapping[tuple[str, str], Callable[[Viewer], bool]] = {
    ("customers", "rating"): lambda viewer: "ratings" in viewer.scopes,
    ("orders", "total"): lambda viewer: "totals" in viewer.scopes or {"all", "numbers"} <= viewer.scopes,
    ("orders", "margin"): lambda viewer: "admin" in viewer.roles,
    ("orders", "secret"): lambda viewer: "admin" in viewer.roles,
    ("orders", "customer_id"): lambda viewer: "in" in viewer.roles,
    ("lines", "cost"): lambda viewer: "totals" in viewer.scopes,
}
"""Said once more: who sees the columns that not everybody does,"""
CLOSED: Mapping[str, Callable[[Viewer], bool]] = {
    "customers": lambda viewer: not viewer.is_anonymous,
    "notes": lambda viewer: "admin" in viewer.roles,
    "labellings": lambda viewer: not viewer.is_anonymous,
}
"""and the collections,"""
RULED = ("customers", "orders", "lines")
"""and those of which everybody but admins sees a tenant's rows."""

INTEGER, STRING, BIGINT = ColumnType.INTEGER, ColumnType.STRING, ColumnType.BIGINT
TYPES: Mapping[str, Mapping[str, Mapping[str, ColumnType]]] = {
    "crm": {"customers": {"id": BIGINT, "code": STRING, "tenant": STRING, "rating": INTEGER}},
    "erp": {
        "orders": {
            "id": BIGINT,
            "number": STRING,
            "tenant": STRING,
            "total": INTEGER,
            "margin": INTEGER,
            "secret": STRING,
            "version": INTEGER,
            "customer_id": BIGINT,
        },
        "lines": {"id": BIGINT, "tenant": STRING, "quantity": INTEGER, "cost": INTEGER, "order_id": BIGINT},
        "notes": {"id": BIGINT, "text": STRING, "order_id": BIGINT},
        "labels": {"id": BIGINT, "name": STRING},
        "labellings": {"id": BIGINT, "order_id": BIGINT, "label_id": BIGINT},
    },
}

Rows = dict[str, list[dict[str, Any]]]


def rows() -> Rows:
    """By collection."""
    tenants = ("north", "north", "south", "south")
    return {
        "customers": [
            {"id": number, "code": f"C{number}", "tenant": tenant, "rating": 40 + 5 * number}
            for number, tenant in enumerate(tenants, 1)
        ],
        "orders": [
            {
                "id": number,
                "number": f"SO-{number}",
                "tenant": tenant,
                "total": 30 + 10 * number,
                "margin": 70 - 10 * number,
                "secret": f"s{number}",
                "version": 1,
                "customer_id": number,
            }
            for number, tenant in enumerate(tenants, 1)
        ],
        "lines": [
            {
                "id": number,
                "tenant": tenants[(number - 1) // 2],
                "quantity": number,
                "cost": 40 + 3 * ((number + 1) // 2),
                "order_id": (number + 1) // 2,
            }
            for number in range(1, 9)
        ],
        "notes": [{"id": number, "text": f"note {number}", "order_id": number} for number in range(1, 5)],
        "labels": [{"id": number, "name": f"label {number}"} for number in range(1, 3)],
        "labellings": [{"id": number, "order_id": number, "label_id": 1 + number % 2} for number in range(1, 5)],
    }


def is_seen(who: Viewer, collection: str, row: Mapping[str, Any]) -> bool:
    """Whether a viewer sees a row."""
    if collection in CLOSED and not CLOSED[collection](who):
        return False
    return collection not in RULED or "admin" in who.roles or row["tenant"] == who.tenant


def otherwise(who: Viewer) -> Rows:
    """The rows, all that the viewer does not see of them being otherwise: what it is told must not be."""
    found = rows()
    for collection, each in found.items():
        closed = collection in CLOSED and not CLOSED[collection](who)
        for row in list(each):
            if not is_seen(who, collection, row):
                each.remove(row)
                continue
            for name in row:
                if (collection, name) in HIDDEN and not HIDDEN[collection, name](who):
                    row[name] = _otherwise(name, row[name], row["id"])
        if closed:
            each.clear()
    return found


def _otherwise(name: str, value: Any, key: int) -> Any:
    """Values that were alike are not."""
    if name == "customer_id":
        return None
    return f"{value}!" if isinstance(value, str) else 1000 - 3 * value + key


def registry(of: Rows) -> Registry:
    return Registry(
        {
            source: MemorySource(source, {name: of[name] for name in collections}, columns=collections)
            for source, collections in TYPES.items()
        }
    )


async def opened(of: Rows) -> Registry:
    made = registry(of)
    await made.open()
    return made


def context(sources: Registry, who: Viewer) -> Context:
    return Context(sources, PageSizes(default=10), viewer=who)


SQL_TYPES = {BIGINT: "BIGINT", INTEGER: "INTEGER", STRING: "TEXT"}


@asynccontextmanager
async def in_database(url: str) -> AsyncIterator[Registry]:
    """The same in PostgreSQL, where it has not been before."""
    async with connected(url) as connection:
        for collection, columns in {name: each for of in TYPES.values() for name, each in of.items()}.items():
            others = ", ".join(f'"{name}" {SQL_TYPES[kind]}' for name, kind in columns.items() if name != "id")
            key = "id BIGINT GENERATED BY DEFAULT AS IDENTITY (START WITH 100) PRIMARY KEY"
            await connection.execute(f"CREATE TABLE {collection} ({key}, {others})")
        await fill(url)
    sources = Registry({name: resilient(PostgresSource(name, url)) for name in TYPES})
    await sources.open()
    try:
        yield sources
    finally:
        await sources.close()


async def fill(url: str) -> None:
    """The rows, in the place of what has become of them."""
    async with connected(url) as connection:
        for collection, each in rows().items():
            marks = ", ".join(f"${number}" for number in range(1, len(each[0]) + 1))
            await connection.execute(f"TRUNCATE {collection}")
            await connection.executemany(
                f"INSERT INTO {collection} VALUES ({marks})", [tuple(row.values()) for row in each]
            )
