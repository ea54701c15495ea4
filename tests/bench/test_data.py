"""The data of the measurements: the same on every machine."""

from bench.data import TABLES, TINY, rows


def test_the_rows_are_those_of_every_machine() -> None:
    first = {table: next(rows(TINY, table)) for table in TABLES}
    assert {table: [str(value) for value in row][1:4] for table, row in first.items()} == {
        "customers": ["Tampere Hydraulic hoses 1", "purchasing@customer-1.example", "Lyon"],
        "products": ["V-B-00001", "V-belt pulley 7780", "V-belt pulley"],
        "orders": ["SO-0000001", "20", "PENDING"],
        "order_lines": ["1", "4", "118"],
    }


def test_there_are_three_lines_to_an_order() -> None:
    assert {table: sum(1 for _ in rows(TINY, table)) for table in TABLES} == {
        "customers": 100,
        "products": 50,
        "orders": 1000,
        "order_lines": 3000,
    }
