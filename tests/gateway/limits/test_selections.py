"""Documents that select too much: what is counted, and that it is told before validation could take long."""

import pytest

from tests.gateway.limits.documents import code, refusal, validated

assert validated

SPREAD = "{ customers { nodes { ...A ...A } } } fragment A on Customer { name id }"


@pytest.mark.parametrize(
    ("document", "limit", "needed"),
    [
        pytest.param("{ customers { nodes { orders { nodes { number } } } } }", "depth", 5, id="depth"),
        pytest.param(
            "{ customers { ...A } } fragment A on CustomerConnection { nodes { ... { name } } }",
            "depth",
            3,
            id="depth-within-fragments",
        ),
        pytest.param("{ customers { nodes { id name } } }", "fields", 4, id="fields"),
        pytest.param(SPREAD, "fields", 6, id="fragments-are-fields-too"),
        pytest.param(
            "{ a: customers { nodes { ...A } } b: customers { nodes { ...A } } } fragment A on Customer { name id }",
            "fields",
            10,
            id="fragments-count-wherever-they-are-spread",
        ),
        pytest.param("query A { customers { nodes { id } } } query B { __typename }", "fields", 4, id="operations"),
        pytest.param("{ customers { totalCount } __typename orders { totalCount } }", "root_fields", 3, id="root"),
        pytest.param("{ ...A __typename } fragment A on Query { t: __typename }", "root_fields", 2, id="root-fragment"),
        pytest.param("{ a: customers { b: nodes { c: id } } }", "aliases", 3, id="aliases"),
        pytest.param("{ customers { nodes { id id id } } }", "repeats", 9, id="three-pairs-three-levels-down"),
        pytest.param(
            "{ ...A ...B } fragment A on Query { __typename } fragment B on Query { __typename }",
            "repeats",
            2,
            id="fragments-are-compared",
        ),
    ],
)
def test_what_a_document_needs(document: str, limit: str, needed: int, validated: list[int]) -> None:
    assert code(document, **{limit: needed}) is None
    assert code(document, **{limit: needed - 1}) == f"{limit.upper()}_EXCEEDED"
    assert len([rules for rules in validated if rules > 1]) == 1  # the second was not validated


def test_tells_which_and_where() -> None:
    assert refusal("{\n  customers {\n    nodes { id } } }", depth=2) == (
        "DEPTH_EXCEEDED",
        "The document selects more than 2 levels of fields.",
        [(3, 5)],
    )


BOMBS = {
    "inline-fragments": "{ orders { nodes {"
    + ("... on Order { customer {" + "... on Customer { name }" * 20 + "} }") * 20
    + "} } }",
    "inline-fragments-in-one-place": "{ orders { nodes {"
    + ("... on Order {" + "... on Order { number }" * 20 + "}") * 20
    + "} } }",
    "fragments-side-by-side": "{ customers { nodes {"
    + " ".join(f"...F{n}" for n in range(600))
    + "} } }"
    + " ".join(f"fragment F{n} on Customer {{ name }}" for n in range(600)),
    "fragments-that-nobody-spreads": "{ __typename }"
    + "fragment A on Customer { orders { nodes {"
    + ("... on Order { customer {" + "... on Customer { name }" * 20 + "} }") * 20
    + "} } }",
    "the-same-field": "{ customers { nodes {" + "name " * 9000 + "} } }",
    "operations": " ".join(f"query Q{n} {{ customers {{ nodes {{ ...F0 }} }} }}" for n in range(300))
    + " ".join(f"fragment F{n} on Customer {{ name ...F{n + 1} }}" for n in range(60))
    + "fragment F60 on Customer { name }",
    "multiplying-fragments": "{ customer(id: 1) { ...F0 } }"
    + " ".join(
        f"fragment F{n} on Customer {{ a: orders {{ nodes {{ customer {{ ...F{n + 1} }} }} }} "
        f"b: orders {{ nodes {{ customer {{ ...F{n + 1} }} }} }} }}"
        for n in range(6)
    )
    + "fragment F6 on Customer { name }",
    "aliases": "{" + " ".join(f"a{n}: __typename" for n in range(3000)) + "}",
    "ten-thousand-aliases": "{" + " ".join(f"a{n}: __typename" for n in range(10_000)) + "}",
    "unknown-fields": "{" + " ".join(f"custome{n}" for n in range(9000)) + "}",
    "brackets": "{ customer(id: " + "[" * 10_000 + "]" * 10_000 + ") { id } }",
    "braces": "{ a" * 10_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_before_they_are_validated(name: str, validated: list[int]) -> None:
    codes = {
        "aliases": "ALIASES_EXCEEDED",
        "ten-thousand-aliases": "DOCUMENT_TOO_LARGE",
        "multiplying-fragments": "ALIASES_EXCEEDED",
        "the-same-field": "FIELDS_EXCEEDED",
        "unknown-fields": "FIELDS_EXCEEDED",
        "brackets": "GRAPHQL_PARSE_FAILED",
        "braces": "GRAPHQL_PARSE_FAILED",
    }
    assert code(BOMBS[name], tokens=10_000) == codes.get(name, "REPEATS_EXCEEDED")
    assert [rules for rules in validated if rules > 1] == []


@pytest.mark.parametrize(
    "document",
    [
        "{ customer(id: 1) { ...A } } fragment A on Customer { orders { nodes { customer { ...A } } } }",
        "{ customer(id: 1) { ...A } } fragment A on Customer { name ...B } fragment B on Customer { id ...A }",
        "{ __typename } fragment A on Customer { ...A }",
    ],
    ids=["through-fields", "in-one-place", "spread-by-itself-alone"],
)
def test_circular_fragments_are_told_as_what_they_are(document: str) -> None:
    found = refusal(document)
    assert found is not None
    assert found[:2] == (
        "GRAPHQL_VALIDATION_FAILED",
        "Cannot spread fragment 'A' within itself" + (" via 'B'." if "...B" in document else "."),
    )
