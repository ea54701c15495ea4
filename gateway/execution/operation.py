"""An operation of a valid document, and what is made of it once: plans, one for each way that directives turn it."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any

import strawberry
from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLBoolean,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    NamedTypeNode,
    NonNullTypeNode,
    OperationDefinitionNode,
    SelectionSetNode,
    TypeNode,
    Visitor,
    visit,
)
from graphql.execution.values import VariableValues, get_variable_values
from graphql.type.directives import GraphQLDisableErrorPropagationDirective

from gateway.execution.arguments import variables_in
from gateway.execution.cache_hints import least_age
from gateway.execution.planner import Planner
from gateway.execution.reader import Reader, Scope
from gateway.execution.variables import NO_VARIABLES, Variables
from gateway.execution.viewer_dependence import sees_viewer
from resolvers.context import Context
from resolvers.policies import OPEN, Sight, Sights
from resolvers.viewer import ANONYMOUS, Viewer

MAXIMUM_PLANNERS = 64
"""Of one operation: variables of @skip and @include are few, and mostly the same; so are what viewers may see."""
MAXIMUM_AHEAD = 3
"""Such variables of an operation that is planned before it is asked for."""
MAXIMUM_INTROSPECTIONS = 16
"""Answers of one operation, for different variables."""
MAXIMUM_COERCION_ERRORS = 50

DOCUMENT_BYTES, TOKEN_BYTES = 8 * 1024, 512
"""What a parsed document takes, and each of its tokens more; measured, as is"""
FIELD_BYTES = 2 * 1024
"""what each selected field adds to a plan."""


def core_schema(schema: strawberry.Schema) -> GraphQLSchema:
    """The graphql-core schema inside."""
    return schema._schema


def size_of(document: DocumentNode) -> int:
    """Bytes that a parsed document takes, without its plans."""
    return DOCUMENT_BYTES + TOKEN_BYTES * (document.token_count or 0)


def _ignore(size: int) -> None:
    pass


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation of a document that is valid for `schema`."""

    schema: strawberry.Schema
    document: DocumentNode
    node: OperationDefinitionNode
    grow: Callable[[int], None] = _ignore
    """Told of the bytes of all that is kept here in the course of time."""
    planners: dict[tuple[Any, ...], Planner] = field(default_factory=dict)
    costs: dict[tuple[bool | None, ...], Any] = field(default_factory=dict)
    """What it costs, as those directives turn it."""
    introspections: dict[bytes, bytes] = field(default_factory=dict)
    """Answers as JSON, by the variables' values as JSON."""

    @cached_property
    def fragments(self) -> Mapping[str, FragmentDefinitionNode]:
        return {node.name.value: node for node in self.document.definitions if isinstance(node, FragmentDefinitionNode)}

    @cached_property
    def switches(self) -> tuple[str, ...]:
        """The variables that @skip and @include look at."""
        finder = _Switches()
        for node in (self.node, *self.fragments.values()):  # not all may be ours, but there may be many operations
            visit(node, finder)
        ours = {each.variable.name.value for each in self.node.variable_definitions or () if _is_boolean(each.type)}
        return tuple(sorted(finder.names & ours))

    @cached_property
    def is_incremental(self) -> bool:
        """Whether parts of the answer may be delivered later."""
        return self.schema.config.enable_experimental_incremental_execution and bool(
            _directives(self.document) & {"defer", "stream"}
        )

    @cached_property
    def can_be_planned(self) -> bool:
        """Whether it is executed by the rules that plans follow."""
        propagates = not any(each.name.value == DISABLE_PROPAGATION for each in self.node.directives or ())
        return propagates and not self.is_incremental

    @cached_property
    def sees_viewer(self) -> bool:
        """Whether something in the answer may depend on who asks."""
        return sees_viewer(self.schema, self.node, self.fragments.values())

    @cached_property
    def least_age(self) -> int:
        """Seconds for which an answer may be kept."""
        return least_age(self.schema, self.node, self.fragments.values())

    @cached_property
    def _has_variables(self) -> bool:
        return bool(self.node.variable_definitions)

    @cached_property
    def _variables(self) -> Variables:
        return Variables.of(core_schema(self.schema), self.node)

    def coerce(
        self, values: Mapping[str, Any] | None, *, hide_suggestions: bool = False
    ) -> VariableValues | list[GraphQLError]:
        """The variables' values, or what is wrong with them."""
        if not self._has_variables:
            return NO_VARIABLES
        simple = self._variables.simple(values or {})
        if simple is not None:
            return simple
        return get_variable_values(
            core_schema(self.schema),
            self.node.variable_definitions or (),
            dict(values or {}),
            max_errors=MAXIMUM_COERCION_ERRORS,
            hide_suggestions=hide_suggestions,
        )

    def keep_introspection(self, variables: bytes, answer: bytes) -> None:
        if len(self.introspections) < MAXIMUM_INTROSPECTIONS:
            self.introspections[variables] = answer
            self.grow(len(variables) + len(answer))

    def keep_costs(self, switches: tuple[bool | None, ...], costs: object) -> None:
        """Few are kept, as of plans, and they are small beside these."""
        if len(self.costs) >= MAXIMUM_PLANNERS:
            del self.costs[next(iter(self.costs))]
        self.costs[switches] = costs

    @cached_property
    def _plan_size(self) -> int:
        try:
            return FIELD_BYTES * (1 + _selected(self.node.selection_set, self.fragments, {}))
        except RecursionError:
            return sys.maxsize

    @cached_property
    def _sights(self) -> Sights | None:
        return getattr(self.schema, "sights", None)

    def sight_of(self, viewer: Viewer) -> Sight:
        """What a viewer sees of the graph."""
        return OPEN if self._sights is None else self._sights.of(viewer)

    @property
    def is_ruled(self) -> bool:
        """Whether there are policies or row rules in the graph, so that not everybody is answered the same."""
        return self._sights is not None

    def planner(self, variables: VariableValues, viewer: Viewer) -> Planner | None:
        """What plans the operation as these variables turn it, for a viewer.

        None where graphql-core decides at each field.
        """
        switches, sight = self.switches, self.sight_of(viewer)
        turned = tuple(map(variables.coerced.get, switches)) if switches else ()
        if None in turned or not self.can_be_planned:
            return None
        key = (*turned, sight.allowed)
        planner = self.planners.get(key)
        if planner is None:
            if len(self.planners) < MAXIMUM_PLANNERS:
                self.grow(self._plan_size)
            else:
                del self.planners[next(iter(self.planners))]
            kept = VariableValues(
                {name: variables.sources[name] for name in switches if name in variables.sources},
                {name: variables.coerced[name] for name in switches if name in variables.coerced},
            )
            scope = Scope(core_schema(self.schema), self.fragments, kept)
            planner = self.planners[key] = Planner(self.schema, Reader(scope, self.node), sight)
        return planner

    def plan_ahead(self) -> None:
        """Plans for all values of the variables that directives look at, unless they are many; as for nobody."""
        names = self.switches
        if len(names) > MAXIMUM_AHEAD:
            return
        for values in product((False, True), repeat=len(names)):
            planner = self.planner(VariableValues({}, dict(zip(names, values, strict=True))), ANONYMOUS)
            if planner is not None:
                _ = planner.plan, planner.mutation, planner.watch


def viewer_of(context: object) -> Viewer:
    """Who asks, in a context that may be anybody's own."""
    return context.viewer if isinstance(context, Context) else ANONYMOUS


def _selected(
    selection_set: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode], known: dict[str, int]
) -> int:
    """How many fields are selected; those of a fragment count wherever it is spread. `known` is of fragments."""
    count = 0
    for node in selection_set.selections:
        if isinstance(node, FragmentSpreadNode):
            name = node.name.value
            if name not in known:
                known[name] = _selected(fragments[name].selection_set, fragments, known)
            count += known[name]
        elif isinstance(node, FieldNode | InlineFragmentNode):
            inner = node.selection_set
            count += isinstance(node, FieldNode) + (_selected(inner, fragments, known) if inner else 0)
    return count


def _is_boolean(type_: TypeNode) -> bool:
    named = type_.type if isinstance(type_, NonNullTypeNode) else type_
    return isinstance(named, NamedTypeNode) and named.name.value == GraphQLBoolean.name


DISABLE_PROPAGATION = GraphQLDisableErrorPropagationDirective.name


def _directives(document: DocumentNode) -> set[str]:
    finder = _Directives()
    visit(document, finder)
    return finder.names


class _Directives(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_directive(self, node: DirectiveNode, *_: object) -> None:
        self.names.add(node.name.value)


class _Switches(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_directive(self, node: DirectiveNode, *_: object) -> None:
        if node.name.value in ("skip", "include"):
            self.names.update(variables_in(node))
