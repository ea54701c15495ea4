"""Positions in a PostgreSQL change feed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasources.sql.snapshots import Position, Snapshot


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    below = draw(st.integers(3, 2**63 - 1))
    running = draw(st.sets(st.integers(0, below - 1), max_size=5))
    return Snapshot(below, tuple(sorted(running)))


@st.composite
def positions(draw: st.DrawFn) -> Position:
    if draw(st.booleans()):
        return Position(draw(snapshots()))
    return Position(draw(snapshots()), draw(snapshots()), draw(st.integers(0, 2**63 - 1)))


@given(positions())
def test_a_position_is_what_its_text_says(position: Position) -> None:
    assert Position.parse(str(position)) == position


@given(snapshots())
def test_a_snapshot_is_what_postgres_says(snapshot: Snapshot) -> None:
    assert Snapshot.of_postgres(snapshot.to_postgres) == snapshot


@given(snapshots(), snapshots())
def test_one_that_sees_another_sees_all_of_it(one: Snapshot, other: Snapshot) -> None:
    edges = {edge + step for each in (one, other) for edge in (each.below, *each.running) for step in (-1, 0, 1)}

    def seen(snapshot: Snapshot) -> set[int]:
        return {number for number in edges if number < snapshot.below and number not in snapshot.running}

    assert one.sees(other) == (seen(other) <= seen(one))


def test_texts() -> None:
    assert str(Position(Snapshot(812))) == "812"
    assert str(Position(Snapshot(812, (790, 805)))) == "812-22-7"
    assert str(Position(Snapshot(812, (805,)), Snapshot(830), 4411)) == "812-7_830_4411"


@pytest.mark.parametrize(
    "text",
    ["", "a", "-1", "8-", "8-9", "8-0", "8-3-3", "8_9", "8_9_", "8__1", "8_9_1_2", "9999999999999999999", "٣", "8\n"],
)
def test_what_is_no_position(text: str) -> None:
    assert Position.parse(text) is None


@pytest.mark.parametrize(
    ("position", "pruned", "misses"),
    [
        pytest.param("812", (811, 99), False, id="all-of-it-was-told"),
        pytest.param("812", (812, 99), True, id="what-is-behind"),
        pytest.param("812-7", (804, 99), False, id="before-one-that-ran"),
        pytest.param("812-7", (805, 99), True, id="one-that-ran"),
        pytest.param("812_830_50", (820, 50), False, id="told-on-the-way"),
        pytest.param("812_830_50", (820, 51), True, id="ahead-on-the-way"),
        pytest.param("812_830_50", (811, 51), False, id="before-the-way"),
        pytest.param("812_830_50", (830, 50), True, id="beyond-the-way"),
    ],
)
def test_what_is_missed_once_it_is_no_longer_kept(position: str, pruned: tuple[int, int], misses: bool) -> None:
    parsed = Position.parse(position)
    assert parsed is not None
    assert parsed.misses(*pruned) is misses
