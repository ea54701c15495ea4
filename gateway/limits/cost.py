"""What an operation may cost: its estimate by IBM's specification, before anything of it is executed.

https://ibm.github.io/graphql-specs/cost-spec.html. Estimates are worked out once for each document; those that
variables decide, as the sizes of pages, are functions of these.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLObjectType,
    GraphQLUnionType,
    IntValueNode,
    ListValueNode,
    OperationType,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
)
from graphql.execution.collect_fields import FieldDetails
from graphql.execution.values import VariableValues

from gateway.errors import ValidationFailed
from gateway.execution.operation import Operation, core_schema
from gateway.execution.reader import Reader, Scope
from gateway.limits.errors import CostExceeded
from gateway.settings import LimitSettings
from resolvers.costs import Cost, ListSize
from resolvers.fields import GraphField

MUTATION = 10
"""What a root field of a mutation costs more than others."""

Estimate = int | Callable[[Mapping[str, Any]], int]
"""Of the variables, where they matter."""
Sizes = Mapping[str, Estimate]
"""Of the lists in the fields of an object."""


class Costs(NamedTuple):
    """Of one operation, as directives turn it."""

    estimate: Estimate
    fixed: int
    """What it costs though all lists are empty."""


@dataclass(frozen=True, slots=True)
class Estimator:
    """Estimates the operations of one graph."""

    limits: LimitSettings

    def check(self, operation: Operation, variables: VariableValues) -> int:
        """What the operation may cost. Raises CostExceeded, ValidationFailed."""
        costs = self.of(operation, variables)
        found = costs.estimate if isinstance(costs.estimate, int) else costs.estimate(variables.coerced)
        if found > self.limits.cost:
            raise CostExceeded(f"The operation may cost {found}, which is more than {self.limits.cost}.")
        return found

    def actual(self, operation: Operation, variables: VariableValues, estimated: int, rows: int) -> int:
        """What it did cost, when it has found so many rows; writes cost what was estimated."""
        if operation.node.operation is not OperationType.QUERY:
            return estimated
        return min(max(self.of(operation, variables).fixed, rows + 1), estimated)

    def of(self, operation: Operation, variables: VariableValues) -> Costs:
        switches = operation.switches
        key = tuple(map(variables.coerced.get, switches)) if switches else ()
        costs: Costs | None = operation.costs.get(key)
        if costs is None:
            if None not in key:
                costs = self._compiled(operation, dict(zip(switches, key, strict=True)))
            else:  # a mistake, that is told of the fields that make it: others may be executed all the same
                both = [self._compiled(operation, dict.fromkeys(switches, value)) for value in (True, False)]
                costs = Costs(_total(each.estimate for each in both), sum(each.fixed for each in both))
            operation.keep_costs(key, costs)
        return costs

    def _compiled(self, operation: Operation, switches: dict[str, Any]) -> Costs:
        schema = core_schema(operation.schema)
        reader = Reader(Scope(schema, operation.fragments, VariableValues({}, switches)), operation.node)
        fixed = _Compiler(reader, self.limits, empty=True).operation()
        assert isinstance(fixed, int)  # noqa: S101 - nothing but the lengths of lists depends on variables
        return Costs(_Compiler(reader, self.limits).operation(), fixed)


class _Compiler:
    """Compiles the estimate of one operation; with `empty`, all lists are."""

    def __init__(self, reader: Reader, limits: LimitSettings, *, empty: bool = False) -> None:
        self._reader = reader
        self._limits = limits
        self._empty = empty
        self._known: dict[tuple[Any, ...], Estimate] = {}

    def operation(self) -> Estimate:
        root_type, selected = self._reader.root
        if root_type is None or selected is None:
            return 0
        weight = MUTATION if self._reader.operation.operation is OperationType.MUTATION else 0
        return _total(self._field(root_type, details, {}, weight) for details in selected.values())

    def _field(self, parent: GraphQLObjectType, details: list[FieldDetails], sizes: Sizes, more: int = 0) -> Estimate:
        """What a field costs; `sizes` are those that its object says."""
        node = details[0].node
        definition = self._reader.scope.schema.get_field(parent, node.name.value)
        if definition is None or node.name.value.startswith("__"):
            return 0
        field = definition.extensions.get("strawberry-definition")
        cost, list_size = _directive(field, Cost), _directive(field, ListSize)
        size = self._size(definition, node, list_size, isinstance(field, GraphField))
        sized: Sizes = {}
        if list_size is not None and list_size.sized_fields:
            sized = dict.fromkeys(list_size.sized_fields, size)
        one = self._one(definition, details, sized, cost)
        if not isinstance(get_nullable_type(definition.type), GraphQLList):
            return _total((more, one))
        return _product(0 if self._empty else sizes.get(node.name.value, size), _total((more, one)))

    def _one(self, definition: GraphQLField, details: list[FieldDetails], sized: Sizes, cost: Cost | None) -> Estimate:
        """What one value of a field costs, with all that is selected of it; of an abstract type, the most expensive."""
        named = get_named_type(definition.type)
        if isinstance(named, GraphQLObjectType):
            types: Sequence[GraphQLObjectType] = (named,)
        elif isinstance(named, GraphQLInterfaceType | GraphQLUnionType):
            types = self._reader.scope.schema.get_possible_types(named)
        else:
            return 0 if cost is None else cost.weight
        key = (id(definition), *(id(each.node) for each in details))
        if key not in self._known:
            self._known[key] = _most([self._object(each, details, sized, cost) for each in types])
        return self._known[key]

    def _object(
        self, type_: GraphQLObjectType, details: list[FieldDetails], sized: Sizes, cost: Cost | None
    ) -> Estimate:
        cost = cost or _directive(type_.extensions.get("strawberry-definition"), Cost)
        fields = self._reader.fields(type_, details).values()
        return _total((1 if cost is None else cost.weight, *(self._field(type_, each, sized) for each in fields)))

    def _size(self, definition: GraphQLField, node: FieldNode, list_size: ListSize | None, is_ours: bool) -> Estimate:
        """How long a list is, or those in an object's fields are; no longer than pages of our own may be."""
        default = self._limits.page_default
        if list_size is None:
            return default
        if list_size.assumed_size:
            default = list_size.assumed_size
        names = list_size.slicing_arguments or ()
        given = {each.name.value: each.value for each in node.arguments or () if each.name.value in names}
        if names and list_size.require_one_slicing_argument and len(given) != 1:
            message = f"{node.name.value} takes one of {', '.join(names)}, to tell how long its list is."
            raise ValidationFailed(message, [GraphQLError(message, [node])])
        found = [_length(value, default) for value in given.values()] or list(_defaults(definition, names))
        size = _most(found) if found else default
        return _at_most(size, self._limits.page_maximum) if is_ours else size


def _directive(definition: Any, kind: type) -> Any:
    """The directive of this kind on a Strawberry type or field."""
    return next((each for each in getattr(definition, "directives", None) or () if isinstance(each, kind)), None)


def _defaults(definition: GraphQLField, names: Iterable[str]) -> Iterator[int]:
    for name in names:
        argument = definition.args.get(name)
        if argument is not None and isinstance(argument.default_value, int):
            yield argument.default_value


def _length(value: ValueNode, default: int) -> Estimate:
    if isinstance(value, IntValueNode):
        return max(int(value.value), 0)
    if isinstance(value, ListValueNode):
        return len(value.values)
    if not isinstance(value, VariableNode):
        return default
    name = value.name.value

    def length(variables: Mapping[str, Any]) -> int:
        found = variables.get(name)
        if isinstance(found, list):
            return len(found)
        return max(found, 0) if isinstance(found, int) else default

    return length


def _total(parts: Iterable[Estimate]) -> Estimate:
    constant, others = _split(parts)
    if not others:
        return sum(constant)
    rest = sum(constant)
    return lambda variables: rest + sum(each(variables) for each in others)


def _most(parts: Iterable[Estimate]) -> Estimate:
    constant, others = _split(parts)
    most = max(constant, default=0)
    if not others:
        return most
    return lambda variables: max(most, *(each(variables) for each in others))


def _product(size: Estimate, one: Estimate) -> Estimate:
    if isinstance(size, int) and isinstance(one, int):
        return size * one
    if size == 0 or one == 0:
        return 0
    return lambda variables: _at(size, variables) * _at(one, variables)


def _at_most(size: Estimate, maximum: int) -> Estimate:
    if isinstance(size, int):
        return min(size, maximum)
    return lambda variables: min(size(variables), maximum)


def _at(estimate: Estimate, variables: Mapping[str, Any]) -> int:
    return estimate if isinstance(estimate, int) else estimate(variables)


def _split(parts: Iterable[Estimate]) -> tuple[list[int], Sequence[Callable[[Mapping[str, Any]], int]]]:
    constant: list[int] = []
    others = []
    for part in parts:
        if isinstance(part, int):
            constant.append(part)
        else:
            others.append(part)
    return constant, others
