"""What is read from an entity's annotations."""

from typing import Any, ForwardRef, Optional

import pytest

from resolvers.annotations import (
    Connection,
    Shape,
    Target,
    annotations_of,
    relation_target,
    return_annotation,
    shown,
    strip_none,
)


class Here:
    """A class of this module."""


def test_names_that_are_not_imported_become_references() -> None:
    class Sample:
        number: int
        here: "Here | None"
        elsewhere: "Elsewhere | None"  # type: ignore[name-defined]  # noqa: F821
        many: Connection["Elsewhere"]  # type: ignore[name-defined]  # noqa: F821

    found = annotations_of(Sample)
    assert list(found) == ["number", "here", "elsewhere", "many"]
    assert (found["number"], found["here"]) == (int, Here | None)
    assert strip_none(found["elsewhere"]) == (ForwardRef("Elsewhere"), True)
    assert relation_target(found["many"]) == Target("Elsewhere", Shape.CONNECTION, nullable=False)


def test_inherited_annotations_are_the_parents_own() -> None:
    class Base:
        number: int

    class Child(Base):
        name: str

    assert annotations_of(Child) == {"name": str}


@pytest.mark.parametrize(
    ("annotation", "target"),
    [
        (Here, Target("Here", Shape.ONE, nullable=False)),
        (Here | None, Target("Here", Shape.ONE, nullable=True)),
        (Optional[Here], Target("Here", Shape.ONE, nullable=True)),  # noqa: UP045
        (ForwardRef("There"), Target("There", Shape.ONE, nullable=False)),
        (list[Here], Target("Here", Shape.LIST, nullable=False)),
        (Connection[Here] | None, Target("Here", Shape.CONNECTION, nullable=True)),
        (int | str, None),
        (5, None),
    ],
    ids=str,
)
def test_what_a_relation_leads_to(annotation: Any, target: Target | None) -> None:
    assert relation_target(annotation) == target


def test_annotations_are_shown_as_they_were_written() -> None:
    assert [shown(each) for each in (int, Here, ForwardRef("There"), list[int], int | str)] == [
        "int",
        "Here",
        "There",
        "list[int]",
        "int | str",
    ]


def test_what_a_function_returns() -> None:
    def plain() -> list[int]:
        return []

    def quoted() -> "list[Here]":
        return []

    def silent():  # type: ignore[no-untyped-def]  # noqa: ANN202
        return []

    assert [return_annotation(each) for each in (plain, quoted, silent)] == [list[int], list[Here], None]


def test_a_connection_is_no_iterable() -> None:
    with pytest.raises(TypeError):
        iter(Connection[Here]())
