"""Web origins that are allowed, and those that only look so."""

import pytest

from gateway.transport.origins import Origins


@pytest.mark.parametrize(
    ("allowed", "origin", "is_allowed"),
    [
        pytest.param((), "https://shop.example", False, id="none"),
        pytest.param(("https://shop.example",), "https://shop.example", True, id="exact"),
        pytest.param(("https://shop.example",), "http://shop.example", False, id="other-scheme"),
        pytest.param(("http://localhost:*",), "http://localhost:5173", True, id="any-port"),
        pytest.param(("http://localhost:*",), "http://localhost:5173.evil.example", False, id="any-port-only"),
        pytest.param(("https://*.shop.example",), "https://eu.shop.example", True, id="subdomain"),
        pytest.param(("https://*.shop.example", "https://b.example"), "https://b.example", True, id="one-of-several"),
        pytest.param(("*",), "null", True, id="all"),
    ],
)
def test_allowed(allowed: tuple[str, ...], origin: str, *, is_allowed: bool) -> None:
    assert Origins.of(allowed).allow(origin) is is_allowed
