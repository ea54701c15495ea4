"""Policies, row rules, and what they make of viewers."""

import gc
import logging
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import pytest

from datasources.filters import EVERYTHING, NOTHING, Compare, Filter, Operator
from gateway.graph import make_graph
from resolvers import (
    Connection,
    authenticated,
    belongs_to,
    claimed,
    column,
    computed,
    entity,
    has_many,
    many_to_many,
    policy,
    query_type,
    requires_roles,
    requires_scopes,
    unless,
)
from resolvers.definition import Entity, entity_of
from resolvers.errors import SchemaError
from resolvers.policies import OPEN, Policy, sight_of
from resolvers.viewer import ANONYMOUS, NO_CLAIMS, Viewer


def viewer(
    subject: str = "s",
    *,
    roles: str = "",
    scopes: str = "",
    tenant: str | None = None,
    claims: Mapping[str, Any] = NO_CLAIMS,
) -> Viewer:
    """Roles and scopes are a letter each."""
    return Viewer(subject, frozenset(roles), frozenset(scopes), claims, tenant=tenant)


def failing(_: Viewer) -> Any:
    raise RuntimeError("is broken")


@pytest.mark.parametrize(
    ("rule", "who", "allowed"),
    [
        pytest.param(authenticated(), ANONYMOUS, False, id="nobody"),
        pytest.param(authenticated(), viewer(), True, id="somebody"),
        pytest.param(authenticated(), Viewer(client="app"), True, id="an app"),
        pytest.param(requires_scopes("a", ["b", "c"]), viewer(scopes="a"), True, id="one scope"),
        pytest.param(requires_scopes("a", ["b", "c"]), viewer(scopes="bc"), True, id="all of a list"),
        pytest.param(requires_scopes("a", ["b", "c"]), viewer(scopes="bd"), False, id="one of a list"),
        pytest.param(requires_scopes("a"), viewer(roles="a"), False, id="a role is no scope"),
        pytest.param(requires_roles("a"), viewer(roles="a"), True, id="role"),
        pytest.param(requires_roles("a"), viewer(scopes="a"), False, id="a scope is no role"),
        pytest.param(policy("p", lambda who: who.tenant == "t"), viewer(tenant="t"), True, id="own"),
        pytest.param(policy("p", lambda who: who.tenant == "t"), viewer(), False, id="own that refuses"),
        pytest.param(policy("p", failing), viewer(), False, id="own that fails"),
        pytest.param(policy("p", lambda _: "yes"), viewer(), False, id="own that says neither"),  # type: ignore[arg-type, return-value]
    ],
)
def test_a_policy(rule: Policy, who: Viewer, allowed: bool) -> None:
    assert sight_of(made(policy=rule), who).allows((rule,)) is allowed


def made(**declared: Any) -> Entity:
    @entity("erp.things", **declared)
    class Thing:
        """A thing."""

        tenant: str | None

    query_type(Thing)
    found = entity_of(Thing)
    assert found is not None
    return found


IN_T = Compare("tenant", Operator.IN, ("t",))


@pytest.mark.parametrize(
    ("rule", "who", "rows"),
    [
        pytest.param(claimed("tenant", "tenant"), viewer(tenant="t"), IN_T, id="claim"),
        pytest.param(claimed("tenant", "tenant"), viewer(), NOTHING, id="no claim"),
        pytest.param(claimed("tenant", "subject"), viewer("t"), IN_T, id="subject"),
        pytest.param(
            claimed("tenant", "orgs"),
            viewer(claims=MappingProxyType({"orgs": ("t", "u", None)})),
            Compare("tenant", Operator.IN, ("t", "u")),
            id="list",
        ),
        pytest.param(claimed("tenant", "orgs"), viewer(claims=MappingProxyType({"orgs": ()})), NOTHING, id="empty"),
        pytest.param(
            claimed("tenant", "orgs"),
            viewer(claims=MappingProxyType({"orgs": MappingProxyType({})})),
            NOTHING,
            id="no value",
        ),
        pytest.param(
            unless(requires_roles("a"), claimed("tenant", "tenant")), viewer(roles="a"), EVERYTHING, id="exempt"
        ),
        pytest.param(unless(requires_roles("a"), claimed("tenant", "tenant")), viewer(), NOTHING, id="not exempt"),
        pytest.param(unless(policy("p", failing), claimed("tenant", "tenant")), viewer(), NOTHING, id="fails"),
        pytest.param(failing, viewer(), NOTHING, id="raises"),
        pytest.param(lambda _: None, viewer(), NOTHING, id="no filter"),
        pytest.param(lambda _: Compare("gone", Operator.EQ, 1), viewer(), NOTHING, id="unknown column"),
        pytest.param(lambda _: Compare("tenant", Operator.EQ, []), viewer(), NOTHING, id="not hashable"),
    ],
)
def test_a_row_rule(rule: Callable[[Viewer], Filter], who: Viewer, rows: Filter) -> None:
    thing = made(rows=rule)
    assert sight_of(thing, who).rows(thing) == rows


def test_what_fails_is_told_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        sight_of(made(rows=failing, policy=policy("p", failing)), viewer())
    assert [record.message for record in caplog.records] == [
        "The policy @policy(p) failed, and does not allow.",
        "The row rule of Thing failed, and leaves no rows.",
    ]


def test_viewers_who_are_alike_to_the_rules_have_one_sight() -> None:
    thing = made(policy=requires_scopes("a"), rows=claimed("tenant", "tenant"))
    one = sight_of(thing, viewer("one", tenant="t", scopes="ab", roles="x"))
    assert sight_of(thing, viewer("other", tenant="t", scopes="a")) is one
    assert sight_of(thing, viewer("other", tenant="u", scopes="a")) is not one
    assert sight_of(thing, viewer("other", tenant="t", scopes="b")) is not one
    assert (
        one.digest
        == sight_of(
            made(policy=requires_scopes("a"), rows=claimed("tenant", "tenant")), viewer(tenant="t", scopes="a")
        ).digest
    )


def test_sights_are_bounded() -> None:
    thing = made(rows=claimed("tenant", "tenant"))
    for number in range(12_000):
        sight_of(thing, viewer(tenant=str(number)))
    gc.collect()
    assert thing.sights is not None
    assert len(thing.sights._alike) <= 10_000


def test_a_graph_without_rules_has_no_sights() -> None:
    thing = made()
    assert (thing.sights, sight_of(thing, viewer())) == (None, OPEN)


def test_what_is_not_known_is_not_seen() -> None:
    thing = made(rows=claimed("tenant", "tenant"))
    assert (OPEN.rows(thing), OPEN.allows((authenticated(),))) == (NOTHING, False)


def test_policies_are_printed_in_sdl() -> None:
    @entity("erp.orders", policy=authenticated())
    class Order:
        """An order."""

        number: str
        total: int | None = column(requires=[requires_scopes("a", ["b", "c"]), requires_roles("admin")])
        customer: "Customer | None" = belongs_to(by="customer_id", requires=policy("insider", lambda _: True))

        @computed(needs=("number",), requires=requires_scopes("s"))
        def loud(self) -> str | None:
            """Loud."""
            return None

    @entity("erp.customers")
    class Customer:
        """A customer."""

        name: str
        orders: Connection["Order"] = has_many(by="customer_id", requires=authenticated())

    text = make_graph(query_type(Order, Customer)).schema.as_str()
    for line in (
        "type Order implements Node @authenticated {",
        '  total: Int @requiresScopes(scopes: [["a"], ["b", "c"]]) @policy(policies: [["admin"]])',
        '  customer: Customer @policy(policies: [["insider"]])',
        '  customerId: ID @policy(policies: [["insider"]])',
        '  loud: String @requiresScopes(scopes: [["s"]])',
        "directive @authenticated on OBJECT | FIELD_DEFINITION",
        "directive @requiresScopes(scopes: [[String!]!]!) on OBJECT | FIELD_DEFINITION",
        "directive @policy(policies: [[String!]!]!) on OBJECT | FIELD_DEFINITION",
        "type Customer implements Node {",
    ):
        assert f"\n{line}\n" in f"\n{text}\n", text
    assert re.search(r"\): OrderConnection .*@authenticated", text)


def test_a_row_rule_of_no_column_stops_the_start() -> None:
    with pytest.raises(SchemaError, match="The row rule of Thing looks at gone: not among its columns"):
        made(rows=unless(authenticated(), claimed("gone", "tenant")))


def test_a_junction_with_a_row_rule_stops_the_start() -> None:
    @entity("erp.left")
    class Left:
        """One end."""

        rights: Connection["Right"] = many_to_many(through="Between", by="left_id", to="right_id")

    @entity("erp.right")
    class Right:
        """The other."""

        name: str

    @entity("erp.between", rows=claimed("tenant", "tenant"))
    class Between:
        """Between them."""

        tenant: str
        left: Left | None = belongs_to(by="left_id")
        right: Right | None = belongs_to(by="right_id")

    with pytest.raises(SchemaError, match=r"Left\.rights: Between has a row rule"):
        query_type(Left, Right, Between)


@pytest.mark.parametrize("make", [requires_scopes, requires_roles])
@pytest.mark.parametrize("given", [(), ([],)], ids=["none", "empty"])
def test_a_policy_that_requires_nothing_stops_the_start(make: Any, given: Any) -> None:
    with pytest.raises(SchemaError, match="names nothing that is required"):
        make(*given)


def test_an_entity_of_two_graphs_is_seen_alike_in_both() -> None:
    thing = made(rows=claimed("tenant", "tenant"))

    @entity("erp.others", policy=authenticated())
    class Other:
        """Another."""

        name: str

    query_type(thing.cls, Other)
    other = entity_of(Other)
    assert other is not None
    assert sight_of(thing, viewer()) is sight_of(other, viewer())


def test_two_policies_of_one_name_are_refused() -> None:
    """Whoever has one of them and then the other would be taken to see the same."""

    @entity("vault.papers")
    class Paper:
        title: str | None = column(requires=policy("trusted", lambda viewer: viewer.subject == "ada"))
        secret: str | None = column(requires=policy("trusted", lambda viewer: viewer.subject == "bob"))

    with pytest.raises(SchemaError, match="two policies called 'trusted'"):
        query_type(Paper)


def test_one_policy_may_be_asked_for_anywhere() -> None:
    trusted = policy("trusted", lambda viewer: viewer.subject == "ada")

    @entity("vault.papers", policy=trusted)
    class Paper:
        secret: str | None = column(requires=trusted)

    query_type(Paper)
