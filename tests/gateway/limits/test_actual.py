"""What operations find is counted, within what is nested too; what else a source does is not in the way."""

import pytest

from datasources.lookup import AggregateLookup, Collection, Column, ColumnType, Lookup, Rows
from datasources.memory import MemorySource
from datasources.nested import Nested
from datasources.registry import Registry
from datasources.write import writable
from gateway.limits.actual import Meter
from tests.gateway.shop import ROWS, TYPES

pytestmark = pytest.mark.anyio


class Answering(MemorySource):
    """Answers the same to every question."""

    def __init__(self, rows: Rows) -> None:
        super().__init__("erp", ROWS["erp"], columns=TYPES)
        self.rows = rows

    async def lookup(self, lookup: Lookup) -> Rows:
        return self.rows

    async def aggregate(self, lookup: AggregateLookup) -> Rows:
        return self.rows


ORDERS = Collection("orders", "id", (Column("id", ColumnType.BIGINT),))


def nested(*names: str) -> Lookup:
    inner = tuple(Nested(name, "id", Lookup(ORDERS, ("id",), key="id"), ()) for name in names)
    return Lookup(ORDERS, ("id",), nested=inner)


@pytest.mark.parametrize(
    ("lookup", "rows", "counted"),
    [
        pytest.param(Lookup(ORDERS, ("id",)), [(1,), (2,)], 2, id="rows"),
        pytest.param(Lookup(ORDERS, ("id",)), [("{{",)], 1, id="braces-in-columns"),
        pytest.param(nested("lines"), [(1, '[{"id":1},{"id":2}]'), (2, "[]"), (3, None)], 5, id="nested"),
        pytest.param(nested("lines", "customer"), [(1, '[{"id":1}]', '{"id":2}')], 3, id="several"),
    ],
)
async def test_rows_are_counted(lookup: Lookup, rows: list[tuple[object, ...]], counted: int) -> None:
    meter = Meter()
    sources = meter.watch(Registry({"erp": Answering(Rows(("id",), rows))}))
    await sources["erp"].lookup(lookup)
    assert meter.rows == counted
    await sources["erp"].aggregate(AggregateLookup(ORDERS, ()))
    assert meter.rows == counted + len(rows)


async def test_a_source_can_be_written_as_before() -> None:
    source = MemorySource("erp", ROWS["erp"], columns=TYPES)
    watched = Meter().watch(Registry({"erp": source}))["erp"]
    assert writable(watched).transaction == source.transaction
