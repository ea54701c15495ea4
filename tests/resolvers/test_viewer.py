"""Who asks: what makes two viewers the same, and where resolvers find them."""

from types import MappingProxyType

import pytest

from datasources.registry import Registry
from resolvers import Viewer
from resolvers.context import Context
from resolvers.viewer import ANONYMOUS

ADA = Viewer("ada", frozenset({"sales"}), frozenset({"read"}), MappingProxyType({"region": "EU"}), "app", "acme", "a")


@pytest.mark.parametrize(
    ("other", "same"),
    [
        pytest.param(
            Viewer(
                "ada",
                frozenset({"sales"}),
                frozenset({"read"}),
                MappingProxyType({"region": "EU"}),
                "app",
                "acme",
                "a",
                7.0,
            ),
            True,
            id="end",
        ),
        pytest.param(
            Viewer("ada", frozenset({"sales"}), frozenset({"read"}), {"region": "EU"}, "app", "acme"),
            False,
            id="issuer",
        ),
        pytest.param(
            Viewer("ada", frozenset(), frozenset({"read"}), {"region": "EU"}, "app", "acme", "a"), False, id="roles"
        ),
        pytest.param(
            Viewer("ada", frozenset({"sales"}), frozenset({"read"}), {"region": "US"}, "app", "acme", "a"),
            False,
            id="claims",
        ),
    ],
)
def test_viewers_are_the_same_when_the_same_is_allowed_to_them(other: Viewer, same: bool) -> None:
    assert (other == ADA, len({other, ADA})) == (same, 1 if same else 2)


def test_nobody_is_anonymous_but_who_tells_nothing() -> None:
    assert [each.is_anonymous for each in (Viewer(), ANONYMOUS, Viewer("ada"), Viewer(client="app"))] == [
        True,
        True,
        False,
        False,
    ]


def test_a_context_within_another_is_the_same_viewers() -> None:
    context = Context(Registry({}), viewer=ADA)
    assert context.within(Registry({})).viewer is ADA
    assert Context(Registry({})).viewer is ANONYMOUS
