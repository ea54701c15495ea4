"""Who may see what: policies of entities and their fields, and which rows of an entity a viewer sees.

What a graph's rules make of a viewer is a `Sight`. Viewers whom the rules treat alike have the same one, so that what
is prepared for one of them serves all.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from datasources.base import required
from datasources.cache import Cache
from datasources.filters import EVERYTHING, NOTHING, And, Compare, Filter, Operator, own_columns
from datasources.lookup import Lookup
from resolvers.errors import SchemaError, Unauthorized
from resolvers.viewer import Viewer

if TYPE_CHECKING:
    from resolvers.definition import Entity

logger = logging.getLogger("gateway.policies")

KEPT_VIEWERS = 10_000
VIEWER_BYTES = 2 * 1024
"""What is kept of one, about."""

Alternatives = tuple[tuple[str, ...], ...]
"""All of one of them."""


class Kind(Enum):
    """What a policy looks at."""

    AUTHENTICATED = "authenticated"
    SCOPES = "scopes"
    ROLES = "roles"
    CUSTOM = "custom"


@dataclass(frozen=True, slots=True)
class Policy:
    """What a viewer must have."""

    kind: Kind
    alternatives: Alternatives = ()
    predicate: Callable[[Viewer], bool] | None = None

    def allows(self, viewer: Viewer) -> bool:
        match self.kind:
            case Kind.AUTHENTICATED:
                return not viewer.is_anonymous
            case Kind.SCOPES:
                return any(viewer.scopes.issuperset(scopes) for scopes in self.alternatives)
            case Kind.ROLES:
                return any(viewer.roles.issuperset(roles) for roles in self.alternatives)
        return self.predicate is not None and self.predicate(viewer) is True

    def __str__(self) -> str:
        """Like its directive in SDL."""
        if self.kind is Kind.AUTHENTICATED:
            return "@authenticated"
        name = "requiresScopes" if self.kind is Kind.SCOPES else "policy"
        return f"@{name}({' | '.join(' & '.join(names) for names in self.alternatives)})"


Policies = tuple[Policy, ...]
"""All of them must allow it."""

RowRule = Callable[[Viewer], Filter]
"""The rows that a viewer sees, as a filter over columns of the collection: of the viewer alone, and always the same."""


def authenticated() -> Policy:
    """Whoever has proven who it is."""
    return Policy(Kind.AUTHENTICATED)


def requires_scopes(*alternatives: str | Sequence[str]) -> Policy:
    """One of these scopes, or all of a list: `requires_scopes("admin", ["orders:read", "prices:read"])`."""
    return Policy(Kind.SCOPES, _alternatives("requires_scopes", alternatives))


def requires_roles(*alternatives: str | Sequence[str]) -> Policy:
    """One of these roles, or all of a list. In SDL they are policies by the same names."""
    return Policy(Kind.ROLES, _alternatives("requires_roles", alternatives))


def policy(name: str, predicate: Callable[[Viewer], bool]) -> Policy:
    """A policy of your own: of the viewer alone, and always the same. What raises does not allow."""
    return Policy(Kind.CUSTOM, ((name,),), predicate)


def claimed(column: str, claim: str) -> RowRule:
    """The rows whose `column` holds the viewer's claim, or one of them where it is a list; without it, none.

    `tenant`, `subject` and `client` are the viewer's own; other claims are those that the settings name.
    """

    return Claimed(column, claim)


def unless(policy: Policy, rule: RowRule) -> RowRule:
    """All rows for whom the policy allows it, for others those of the rule."""
    return Unless(policy, rule)


@dataclass(frozen=True, slots=True)
class Claimed:
    """See `claimed`."""

    column: str
    claim: str

    def __call__(self, viewer: Viewer) -> Filter:
        claim = self.claim
        value = getattr(viewer, claim) if claim in ("tenant", "subject", "client") else viewer.claims.get(claim)
        values = value if isinstance(value, tuple) else (value,)
        present = tuple(each for each in values if isinstance(each, str | int))
        return Compare(self.column, Operator.IN, present) if present else NOTHING


@dataclass(frozen=True, slots=True)
class Unless:
    """See `unless`."""

    policy: Policy
    rule: RowRule

    def __call__(self, viewer: Viewer) -> Filter:
        return EVERYTHING if self.policy.allows(viewer) else self.rule(viewer)


def as_policies(declared: Policy | Sequence[Policy] | None) -> Policies:
    if declared is None:
        return ()
    return (declared,) if isinstance(declared, Policy) else tuple(declared)


def _alternatives(function: str, given: Sequence[str | Sequence[str]]) -> Alternatives:
    found = tuple((each,) if isinstance(each, str) else tuple(each) for each in given)
    if not found or not all(found):
        raise SchemaError(f"{function}(…) names nothing that is required.")
    return found


@dataclass(frozen=True, eq=False)
class Sight:
    """What viewers see who are all alike to the rules of a graph."""

    allowed: frozenset[Policy] = frozenset()
    row_rules: "Mapping[Entity, Filter]" = field(default_factory=dict)

    def allows(self, policies: Policies) -> bool:
        return self.allowed.issuperset(policies)

    def refuse(self, policies: Policies, what: str) -> None:
        """Raises Unauthorized unless all of them allow it."""
        if not self.allowed.issuperset(policies):
            raise unauthorized(what)

    def rows(self, entity: "Entity") -> Filter:
        """The rows of an entity that are seen."""
        return EVERYTHING if entity.rows is None else self.row_rules.get(entity, NOTHING)

    @cached_property
    def restricts(self) -> bool:
        """Whether there are rows, of anything, that are not seen."""
        return any(rows != EVERYTHING for rows in self.row_rules.values())

    @cached_property
    def digest(self) -> str | None:
        """The same for the same sight in every process; None where there are no rules."""
        if self is OPEN:
            return None
        rules = sorted(f"{entity.name} {rows!r}" for entity, rows in self.row_rules.items())
        allowed = sorted(f"{policy.kind.name} {policy.alternatives}" for policy in self.allowed)
        return sha256(repr((allowed, rules)).encode()).hexdigest()[:16]


def both(one: Filter, other: Filter) -> Filter:
    """What satisfies both filters."""
    if one == EVERYTHING:
        return other
    return one if other == EVERYTHING else And((one, other))


OPEN = Sight()
"""What everybody sees of a graph without rules; in others, nothing that has any."""


def unauthorized(what: str) -> Unauthorized:
    return Unauthorized(f"You may not see {what}.")


class Sights:
    """What viewers see of entities that belong together."""

    def __init__(self, entities: Iterable["Entity"]) -> None:
        self.entities = tuple(entities)
        self._policies = frozenset(each for entity in self.entities for each in entity.policies)
        self._ruled = [entity for entity in self.entities if entity.rows is not None]
        self._by_viewer: Cache[Viewer, Sight] = Cache(KEPT_VIEWERS, KEPT_VIEWERS * VIEWER_BYTES)
        self._alike: WeakValueDictionary[Any, Sight] = WeakValueDictionary()

    @property
    def has_rules(self) -> bool:
        return bool(self._policies or self._ruled)

    def of(self, viewer: Viewer) -> Sight:
        sight = self._by_viewer.get(viewer)
        if sight is None:
            sight = self._made(viewer)
            self._by_viewer.put(viewer, sight, VIEWER_BYTES)
        return sight

    def _made(self, viewer: Viewer) -> Sight:
        allowed = frozenset(policy for policy in self._policies if _allows(policy, viewer))
        rules = {entity: rows_of(entity, viewer) for entity in self._ruled}
        alike = allowed, tuple(rules.values())
        sight = self._alike.get(alike)
        if sight is None:
            sight = self._alike[alike] = Sight(allowed, rules)
        return sight


def _allows(policy: Policy, viewer: Viewer) -> bool:
    try:
        return policy.allows(viewer)
    except Exception:
        logger.exception("The policy %s failed, and does not allow.", policy)
        return False


def rows_of(entity: "Entity", viewer: Viewer) -> Filter:
    """What the entity's rule says; a rule that fails leaves no rows."""
    assert entity.rows is not None  # noqa: S101 - only of those that have a rule
    try:
        filter = entity.rows(viewer)
        problem = rule_problem(entity, filter)
        hash(filter)
    except Exception:
        logger.exception("The row rule of %s failed, and leaves no rows.", entity.name)
        return NOTHING
    if problem is not None:
        logger.error("%s It leaves no rows.", problem)
        return NOTHING
    return filter


def check_rule(entity: "Entity") -> None:
    """Raises SchemaError where the entity's rule can be known to be of no use."""
    rule = entity.rows
    while isinstance(rule, Unless):
        rule = rule.rule
    if isinstance(rule, Claimed):
        problem = rule_problem(entity, Compare(rule.column, Operator.IN, ()))
        if problem is not None:
            raise SchemaError(problem)


def rule_problem(entity: "Entity", filter: object) -> str | None:
    """Why a row rule's filter cannot be used."""
    if not isinstance(filter, Filter):
        return f"The row rule of {entity.name} makes no filter."
    unknown = sorted(set(own_columns(filter)) - entity.by_column.keys())
    if unknown:
        return f"The row rule of {entity.name} looks at {', '.join(unknown)}: not among its columns."
    lacking = required(Lookup(entity.collection, (), filter=filter)).beyond(entity.capabilities)
    if lacking:
        return f"The row rule of {entity.name} needs what source {entity.source!r} cannot do: {', '.join(lacking)}."
    return None


def sight_of(entity: "Entity", viewer: Viewer) -> Sight:
    """What a viewer sees of the graph that the entity is in."""
    return OPEN if entity.sights is None else entity.sights.of(viewer)


def share_sights(entities: Iterable["Entity"]) -> None:
    """Entities that are in one graph are seen by the same sights; so are those of other graphs that share some.

    Raises SchemaError where two policies have one name: in SDL, and to who asks what has changed, they are the same.
    """
    together: dict[Entity, None] = {}
    for entity in entities:
        together |= dict.fromkeys((entity,) if entity.sights is None else entity.sights.entities)
        together[entity] = None
    named: dict[Alternatives, Policy] = {}
    for each in (policy for entity in together for policy in entity.policies if policy.kind is Kind.CUSTOM):
        if named.setdefault(each.alternatives, each) != each:
            raise SchemaError(f"There are two policies called {each.alternatives[0][0]!r}: declare it once, for all.")
    sights = Sights(together)
    if sights.has_rules:
        for entity in together:
            entity.sights = sights
