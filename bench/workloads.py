"""What is asked: a GraphQL document for the gateway and the standard engine, a path for hand-written endpoints."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson

from bench.data import Size

ENGINES = ("gateway", "handwritten", "standard", "standard, untuned")
PAIR = ("gateway", "handwritten")

IDS = 997
"""Orders that take turns, where one is asked for by its id."""


Operations: TypeAlias = Sequence[tuple[str, Mapping[str, Any]]]
Paths: TypeAlias = Sequence[str]


@dataclass(frozen=True, slots=True)
class Workload:
    """Requests that take turns; those at the same place in `operations` and `paths` have the same answer."""

    name: str
    title: str
    operations: Operations
    """(document, variables) of each."""
    paths: Paths
    source: str = "postgres"
    servers: Sequence[str] = ENGINES
    bodies: Sequence[Mapping[str, Any]] = ()
    """What is posted to the paths, if anything is."""

    def posts(self) -> list[str]:
        """The requests of GraphQL clients, as they are sent."""
        return [_post(document, variables) for document, variables in self.operations]

    def gets(self) -> list[str]:
        """The requests to hand-written endpoints, as they are sent."""
        if self.bodies:
            return [_posted(path, body) for path, body in zip(self.paths, self.bodies, strict=True)]
        return [f"GET {path} HTTP/1.1\r\nhost: bench\r\naccept: */*\r\n\r\n" for path in self.paths]


def _post(document: str, variables: Mapping[str, Any]) -> str:
    return _posted("/graphql", {"query": document, "variables": variables} if variables else {"query": document})


def _posted(path: str, content: Mapping[str, Any]) -> str:
    body = orjson.dumps(content).decode()
    return (
        f"POST {path} HTTP/1.1\r\nhost: bench\r\naccept: */*\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body.encode())}\r\n\r\n{body}"
    )


ORDER = "query Order($id: ID!) { order(id: $id) { number total placedAt } }"
ORDERS = """
query Orders($first: Int!) {
  orders(first: $first) { nodes { number status placedAt currency total updatedAt version note } }
}
"""
LATEST = """
query Latest {
  customers(first: 50) {
    nodes {
      id
      name
      orders(first: 5, orderBy: [{ placedAt: DESC }]) {
        nodes {
          number
          total
          placedAt
          lines { nodes { quantity product { name } } }
        }
      }
    }
  }
}
"""
PRODUCTS = """
query Products {
  products(first: 1000) {
    nodes { sku name category unitPrice weightKg discontinued stock releasedOn createdAt updatedAt }
  }
}
"""
CREATE = """
mutation Create($input: OrderInput!) {
  createOrder(input: $input) {
    number status total placedAt version
    lines { nodes { quantity unitPrice productId } }
  }
}
"""
ALIASES = "abcdefghij"
_PARAMETERS = ", ".join(f"${alias}: ID!" for alias in ALIASES)
_FIELDS = " ".join(f"{alias}: order(id: ${alias}) {{ number total placedAt }}" for alias in ALIASES)
TEN = f"query Ten({_PARAMETERS}) {{ {_FIELDS} }}"


def every(size: Size) -> list[Workload]:
    """All that are measured, by default."""
    return [*_compared(size), *_row_counts(size), rotation(size)]


def _compared(size: Size) -> list[Workload]:
    ids = [1 + number * 101 % size.orders for number in range(IDS)]
    tens = [[1 + (number + step * 7919) % size.orders for step in range(len(ALIASES))] for number in ids]
    orders: tuple[str, Operations, Paths] = ("100 orders x 8 fields", [(ORDERS, {"first": 100})], ["/orders?first=100"])
    latest: tuple[str, Operations, Paths] = (
        "50 customers, 5 orders, lines, product",
        [(LATEST, {})],
        ["/latest"],
    )
    return [
        Workload(
            "W0",
            "{ __typename }",
            [("{ __typename }", {})],
            ["/typename"],
            servers=(*ENGINES, "standard, uncached"),
        ),
        Workload("W1", "one order by id, 3 fields", [(ORDER, {"id": str(id)}) for id in ids], _paths("/orders", ids)),
        Workload("W2", *orders),
        Workload("W3", *latest),
        Workload("W3j", "W3; by hand, lines joined with names", latest[1], ["/latest-joined"], servers=PAIR),
        Workload("W4", "1000 products x 10 fields", [(PRODUCTS, {})], ["/products"]),
        Workload(
            "W5",
            "ten orders by id, in ten root fields",
            [(TEN, {alias: str(id) for alias, id in zip(ALIASES, ten, strict=True)}) for ten in tens],
            [f"/ten?ids={','.join(map(str, ten))}" for ten in tens],
        ),
        Workload("W6a", f"SQLite: {orders[0]}", *orders[1:], "sqlite", PAIR),
        Workload("W6b", f"SQLite: {latest[0]}", *latest[1:], "sqlite", PAIR),
        _create(size),
    ]


def _create(size: Size) -> Workload:
    """New orders of customers whom no other workload asks for."""
    inputs = [_new_order(size, number) for number in range(IDS)]
    return Workload(
        "W7",
        "a new order with three lines",
        [(CREATE, {"input": each}) for each in inputs],
        ["/orders"] * len(inputs),
        servers=PAIR,
        bodies=inputs,
    )


def _new_order(size: Size, number: int) -> Mapping[str, Any]:
    lines = [
        {
            "productId": str(1 + (number * 7 + line) % size.products),
            "quantity": 1 + (number + line) % 90,
            "unitPrice": f"{10 + line}.50",
        }
        for line in range(3)
    ]
    return {
        "number": f"SO-NEW-{number:04}",
        "status": "PENDING",
        "placedAt": "2026-03-01T10:00:00+00:00",
        "currency": "EUR",
        "total": f"{100 + number}.25",
        "customerId": str(size.customers - number % (size.customers // 4)),
        "lines": {"create": lines},
    }


def _row_counts(size: Size) -> list[Workload]:
    """The same question for more and more rows."""
    counts = [count for count in (10, 100, 1000, 10_000) if count <= size.orders]
    return [
        Workload(
            f"rows {count}",
            "orders",
            [(ORDERS, {"first": count})],
            [f"/orders?first={count}"],
            servers=PAIR,
        )
        for count in counts
    ]


def rotation(size: Size) -> Workload:
    """W1 in 200 distinct documents."""
    ids = [1 + number * 101 % size.orders for number in range(200)]
    documents = [ORDER.replace("Order(", f"Order{number}(") for number in range(200)]
    operations = [(document, {"id": str(id)}) for document, id in zip(documents, ids, strict=True)]
    return Workload(
        "rotation", "W1 in 200 distinct documents", operations, _paths("/orders", ids), servers=("gateway",)
    )


def soak(size: Size) -> Workload:
    """Small answers, with a large one among every hundred."""
    small = rotation(size)
    operations = [*small.operations[:99], (LATEST, {}), *small.operations[99:198], (PRODUCTS, {})]
    paths = [*small.paths[:99], "/latest", *small.paths[99:198], "/products"]
    return Workload("soak", "100,000 requests", operations, paths)


def _paths(prefix: str, ids: Sequence[int]) -> list[str]:
    return [f"{prefix}/{id}" for id in ids]
