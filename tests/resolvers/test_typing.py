"""What editors and mypy see of an entity: plain attributes."""

import re
from pathlib import Path

from mypy import api

SNIPPET = """
from decimal import Decimal

from resolvers import Connection, belongs_to, column, computed, entity, has_many


@entity("erp.orders", natural_keys=["number"])
class Order:
    id: int
    number: str
    total: Decimal | None = column(scale=2)
    customer: "Customer | None" = belongs_to(by="customer_id")

    @computed(needs=("total",))
    def rounded(self) -> int:
        reveal_type(self.total)
        return round(self.total or 0)


@entity("crm.customers")
class Customer:
    id: int
    name: str
    orders: Connection[Order] = has_many(by="customer_id")


def read(order: Order, customer: Customer) -> None:
    reveal_type(order.number)
    reveal_type(order.customer)
    reveal_type(customer.orders)
    order.totl
    order.number + 1
"""


def test_attributes_are_plain(tmp_path: Path) -> None:
    path = tmp_path / "snippet.py"
    path.write_text(SNIPPET)
    cache = Path(__file__).parents[2] / ".mypy_cache"
    out, err, code = api.run([str(path), "--strict", "--no-error-summary", f"--cache-dir={cache}"])
    found = [re.sub(r"^.*?: ", "", line) for line in out.splitlines()]
    assert (err, code) == ("", 1)
    assert found == [
        'note: Revealed type is "decimal.Decimal | None"',
        'note: Revealed type is "str"',
        'note: Revealed type is "snippet.Customer | None"',
        'note: Revealed type is "resolvers.annotations.Connection[snippet.Order]"',
        'error: "Order" has no attribute "totl"; maybe "total"?  [attr-defined]',
        'error: Unsupported operand types for + ("str" and "int")  [operator]',
    ]
