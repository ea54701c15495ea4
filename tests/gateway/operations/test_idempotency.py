"""Requests with a key: how it is given, and by what they are recognised."""

import pytest

from gateway.errors import BadRequest
from gateway.operations.idempotency import identify, with_key
from gateway.operations.request import read_parameters
from resolvers.viewer import Viewer

KEY = "7c2e2b4e-45c5-4a5f-9d4e-6b5f2d9f0a11"


@pytest.mark.parametrize("header", [KEY, f'"{KEY}"', f" {KEY} "])
def test_a_header_stands_for_the_extension(header: str) -> None:
    parameters = {"query": "{ a }", "extensions": {"other": 1}}
    expected = {"query": "{ a }", "extensions": {"other": 1, "idempotencyKey": KEY}}
    assert with_key(parameters, {b"idempotency-key": header.encode()}) == expected
    assert with_key(expected, {b"idempotency-key": header.encode()}) == expected
    assert with_key(parameters, {}) is parameters
    assert read_parameters(expected).idempotency_key == KEY
    assert read_parameters(parameters).idempotency_key is None


@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param({"extensions": {"idempotencyKey": "another"}}, id="two-keys"),
        pytest.param([{"query": "{ a }"}], id="batch"),
    ],
)
def test_a_header_that_cannot_be_meant_is_refused(parameters: object) -> None:
    with pytest.raises(BadRequest):
        with_key(parameters, {b"idempotency-key": b"key"})


@pytest.mark.parametrize("key", [1, "", "with space", "ü", "x" * 256, ["a"]], ids=repr)
def test_a_key_is_short_and_plain(key: object) -> None:
    with pytest.raises(BadRequest):
        read_parameters({"query": "{ a }", "extensions": {"idempotencyKey": key}})


def test_a_request_is_recognised_by_all_that_decides_its_effect() -> None:
    same = identify("k", "{ a }", {"x": 1, "y": [2]}, None)
    assert identify("k", "{ a }", {"y": [2], "x": 1}, None) == same
    assert identify("k", "{ a }", None, None) == identify("k", "{ a }", {}, None)
    others = [
        identify("k", "{ b }", {"x": 1, "y": [2]}, None),
        identify("k", "{ a }", {"x": 1, "y": [3]}, None),
        identify("k", "{ a }", {"x": 1, "y": [2]}, "a"),
        identify("k", "{ a }", {"x": 2**70, "y": ["\ud800"]}, None),
    ]
    assert len({each.digest for each in (same, *others)}) == 5


def test_the_same_key_of_another_viewer_is_another_key() -> None:
    """Whatever else the viewer may do, by which token ever; and no client can name another one's key."""
    viewers = [
        Viewer(),
        Viewer("ada", issuer="a"),
        Viewer("ada", issuer="b"),
        Viewer("eve", issuer="a"),
        Viewer("ada", issuer="a", client="app"),
        Viewer(client="app"),
        Viewer("ada", issuer="a", tenant="t"),
    ]
    keys = [identify("k", "{ a }", None, None, viewer).key for viewer in viewers]
    assert (len({*keys}), keys[0]) == (len(viewers), "k")
    assert identify("k", "{ a }", None, None, Viewer("ada", frozenset("r"), issuer="a", expires_at=7)).key == keys[1]
    for key in keys[1:]:
        with pytest.raises(BadRequest):
            read_parameters({"query": "{ a }", "extensions": {"idempotencyKey": key}})
