"""Plans an operation: which lookups it takes, and how their rows become its answer."""

from dataclasses import replace
from functools import cached_property
from typing import Any

import strawberry
from graphql import (
    GraphQLObjectType,
    print_ast,
)
from graphql.execution.collect_fields import FieldDetails
from strawberry.types.field import StrawberryField

from gateway.execution.arguments import Arguments
from gateway.execution.change_plan import WatchPlan, plan_sync, plan_watch
from gateway.execution.connections import connection_plan
from gateway.execution.leaves import can_be_wire
from gateway.execution.nesting import Nesting
from gateway.execution.plain import Complete, completer, is_attribute
from gateway.execution.plan import (
    AggregateRoot,
    AggregateStep,
    BatchedStep,
    ColumnOutput,
    ComputedStep,
    ConnectionPlan,
    ConnectionRoot,
    Constant,
    DelegatedStep,
    DeniedRoot,
    DeniedStep,
    EntitiesRoot,
    EntityMember,
    NodesRoot,
    ObjectPlan,
    Output,
    Plan,
    RelationStep,
    Root,
    Step,
    StepOutput,
)
from gateway.execution.reader import Reader
from gateway.execution.shapes import Place, RowShape, strawberry_field
from gateway.execution.viewer_dependence import is_function_of_row
from gateway.execution.write_plan import MutationPlan, WriteRoot, plan_mutation
from resolvers.aggregates import select_aggregate
from resolvers.annotations import Shape
from resolvers.computed import BatchedComputed, Computed
from resolvers.connections import PageSelection, select_page
from resolvers.definition import Entity
from resolvers.fields import (
    EnumField,
    GraphField,
    IdField,
    RelationAggregateField,
    RelationField,
)
from resolvers.guards import guard_of, other_extensions
from resolvers.mutation import WriteField
from resolvers.policies import Sight
from resolvers.query import AggregateField, ConnectionField, EntityField, NodeField, NodesField
from resolvers.selection import field_columns, selections
from resolvers.sync import SyncField

META = ("__schema", "__type", "__typename")
COLUMN_FIELDS = (StrawberryField, IdField, EnumField)

Selected = dict[str, list[FieldDetails]]
"""Fields by their keys in the answer."""
Trail = tuple[str | int, ...]
"""Where the first object of a level would stand in the answer."""


class Planner:
    """Plans one operation for viewers who may see the same, with the values of the variables of its directives."""

    def __init__(self, schema: strawberry.Schema, reader: Reader, sight: Sight) -> None:
        """`reader` reads the operation's selections. Of `sight` it counts what is allowed, not which rows are seen."""
        self._schema = schema
        self._reader = reader
        self._scope = reader.scope
        self._sight = sight
        self._shapes: dict[tuple[Any, ...], RowShape] = {}
        self._completers: dict[tuple[int, ...], Complete | None] = {}
        self._single: dict[tuple[Any, ...], Root | WriteRoot | RelationStep | AggregateStep | None] = {}

    @cached_property
    def plan(self) -> Plan | None:
        """The whole operation's plan; None when some root field is not an entity's."""
        root_type, selected = self._reader.root
        if selected is None or root_type is None or root_type is not self._scope.schema.query_type:
            return None
        constants: dict[str, str] = {}
        groups: dict[Any, list[Place]] = {}
        for key, details in selected.items():
            if details[0].node.name.value == "__typename":
                constants[key] = root_type.name
                continue
            place = self._reader.place(root_type, key, details)
            if place is None or not isinstance(strawberry_field(place), GraphField):
                return None
            groups.setdefault(self._alike(place), []).append(place)
        roots = tuple(self._roots(places, alone=len(groups) == 1) for places in groups.values())
        return Plan(tuple(selected), constants, roots)

    @cached_property
    def mutation(self) -> MutationPlan | None:
        """The whole operation's plan; None when it writes nothing, or some root field does not write entities."""
        return plan_mutation(self._reader, lambda place, number: self._write_root(place, number, alone=True))

    def _write_root(self, place: Place, number: int, *, alone: bool) -> WriteRoot:
        field = strawberry_field(place)
        trail: Trail = (place.key, 0) if field.many else (place.key,)
        row = self._object(RowShape(field.entity, 1), place.details, trail, alone=alone)
        return WriteRoot(place, field, self._arguments(place), row, number)

    @cached_property
    def watch(self) -> WatchPlan | None:
        """The whole operation's plan; None when it is no subscription to changes."""
        return plan_watch(self._reader, self._arguments, self._rows)

    def _rows(self, shape: RowShape, details: list[FieldDetails], trail: Trail) -> ObjectPlan:
        return self._object(shape, details, trail, alone=False)

    @cached_property
    def asks_schema(self) -> bool:
        """Whether the operation asks for nothing but the schema."""
        _, selected = self._reader.root
        return bool(selected) and all(details[0].node.name.value in META for details in (selected or {}).values())

    @cached_property
    def single_roots(self) -> dict[str, Root | WriteRoot | RelationStep | AggregateStep | None]:
        """The root fields, each planned for itself, by key; `__typename` needs no plan."""
        root_type, selected = self._reader.root
        if root_type is None or selected is None:
            return {}
        return {
            key: self.single(root_type, details)
            for key, details in selected.items()
            if details[0].node.name.value != "__typename"
        }

    def single(
        self, parent: GraphQLObjectType, details: list[FieldDetails]
    ) -> Root | WriteRoot | RelationStep | AggregateStep | None:
        """The plan of one entity field that stands among others; None where it is no such field."""
        identity = (parent.name, *(id(detail.node) for detail in details))
        if identity in self._single:
            return self._single[identity]
        node = details[0].node
        place = self._reader.place(parent, node.alias.value if node.alias else node.name.value, details)
        made: Root | WriteRoot | RelationStep | AggregateStep | None = None
        if place is not None:
            field = strawberry_field(place)
            if isinstance(field, (RelationField, RelationAggregateField)):
                parents = RowShape(field.relation.owner(), 0, {field.relation.local})
                step = self._step(parents, place, (), alone=False)
                made = step if isinstance(step, (RelationStep, AggregateStep)) else None
            elif isinstance(field, WriteField):
                made = self._write_root(place, 0, alone=False)
            elif isinstance(field, GraphField):
                made = self._roots([place], alone=False)
        self._single[identity] = made
        return made

    def completer(self, type_: Any, details: list[FieldDetails]) -> Complete | None:
        """What completes a value of an ordinary type; None where graphql-core has to."""
        identity = (id(type_), *(id(detail.node) for detail in details))
        if identity not in self._completers:
            self._completers[identity] = completer(type_, details, self._reader.fields)
        return self._completers[identity]

    def _arguments(self, place: Place) -> Arguments:
        return Arguments(
            place.definition,
            strawberry_field(place),
            place.details[0],
            self._schema.config,
            self._schema.schema_converter.scalar_registry,
        )

    def _alike(self, place: Place) -> Any:
        """Root fields that can be one lookup have the same."""
        field = strawberry_field(place)
        together = isinstance(field, EntityField) and self._allows(field)
        return (field.entity, field.key_column) if together else place

    def _allows(self, field: Any) -> bool:
        """Whether the viewer may see a field."""
        guard = guard_of(field)
        return guard is None or self._sight.allows(guard.required)

    def _roots(self, places: list[Place], *, alone: bool) -> Root:
        """The root of these fields, which are alike."""
        place = places[0]
        field = strawberry_field(place)
        if not self._allows(field):
            return DeniedRoot(place)
        arguments = self._arguments(place)
        match field:
            case EntityField():
                shape = RowShape(field.entity, 1)
                only = alone and len(places) == 1
                members = []
                for each in places:
                    row = self._object(shape, each.details, (each.key,), alone=only)
                    members.append(EntityMember(each, self._arguments(each), strawberry_field(each).key_of, row))
                selections = {tuple(print_ast(node.selection_set) for node in each.nodes) for each in places}  # type: ignore[arg-type]
                alike = len(selections) == 1 and not members[0].row.steps
                return EntitiesRoot(shape, field.key_column, tuple(members), alike, alone)
            case ConnectionField():
                return ConnectionRoot(
                    place, arguments, self._page(place, RowShape(field.entity, 0), None, (), alone=alone)
                )
            case AggregateField():
                selection = select_aggregate(field.entity, self._scope, place.nodes)
                complete = self.completer(place.definition.type, place.details)
                return AggregateRoot(place, field.entity, arguments, selection, complete)
            case NodeField():
                return self._node_root(place, field, arguments)
            case SyncField():
                return plan_sync(self._reader, place, arguments, self._rows, self.completer)
        raise AssertionError(field)

    def _node_root(self, place: Place, field: NodeField, arguments: Arguments) -> NodesRoot:
        plans: dict[str, ObjectPlan] = {}

        def plan_of(name: str) -> ObjectPlan:
            if name not in plans:
                trail = (place.key, 0) if isinstance(field, NodesField) else (place.key,)
                plans[name] = self._object(RowShape(field.entities[name], 1), place.details, trail, alone=False)
            return plans[name]

        return NodesRoot(place, field, arguments, isinstance(field, NodesField), plan_of)

    def _object(self, shape: RowShape, details: list[FieldDetails], trail: Trail, *, alone: bool) -> ObjectPlan:
        """What the fields in `details` select of the rows of `shape`."""
        type_ = self._scope.schema.type_map[shape.entity.name]
        assert isinstance(type_, GraphQLObjectType)  # noqa: S101 - entities are object types
        selected = selections(self._scope, [detail.node for detail in details], type_.name)
        seen = [name for name in selected if self._allows(_field_of(type_, name))]
        shape.wanted.update(field_columns(shape.entity, seen))
        shape.readers += 1
        outputs: list[Output] = []
        places: list[Place] = []
        for key, fields in self._reader.fields(type_, details).items():
            if fields[0].node.name.value == "__typename":
                outputs.append(Constant(key, type_.name))
                continue
            place = self._reader.place(type_, key, fields)
            if place is None:
                continue
            column = self._column(shape, place)
            if column is not None:
                outputs.append(column)
                continue
            outputs.append(StepOutput(place, len(places)))
            places.append(place)
        made = tuple(self._step(shape, place, trail, alone=alone and len(places) == 1) for place in places)
        traced, nesting = any(step.traced for step in made), Nesting(shape, tuple(outputs), made)
        return ObjectPlan(type_, shape, tuple(outputs), made, traced, nesting)

    def _column(self, shape: RowShape, place: Place) -> ColumnOutput | None:
        field = is_attribute(place.definition)
        if field is None or type(field) not in COLUMN_FIELDS or field.python_name not in shape.entity.columns:
            return None
        if not self._allows(field):
            return None
        column = shape.entity.columns[field.python_name]
        if can_be_wire(column, place.definition.type):
            shape.written.add(column.column.name)
        else:
            shape.native.add(column.column.name)
        return ColumnOutput(place, column)

    def _step(self, parents: RowShape, place: Place, trail: Trail, *, alone: bool) -> Step:
        field = strawberry_field(place)
        if not self._allows(field):
            return DeniedStep(place)
        if isinstance(field, RelationField):
            return self._relation(parents, place, field, trail, alone=alone)
        if isinstance(field, RelationAggregateField):
            parents.native.add(field.relation.local)
            selection = select_aggregate(field.relation.target(), self._scope, place.nodes)
            complete = self.completer(place.definition.type, place.details)
            return AggregateStep(place, field, self._arguments(place), parents, selection, complete)
        parents.need_instances()
        complete = self.completer(place.definition.type, place.details)
        if complete is not None and isinstance(field, BatchedComputed) and not other_extensions(field):
            return BatchedStep(place, field, complete, trail)
        if complete is not None and isinstance(field, Computed) and self._is_simple(field, place):
            assert field.base_resolver is not None  # noqa: S101 - what is computed has a resolver
            return ComputedStep(place, field.base_resolver, complete)
        return DelegatedStep(place)

    def _is_simple(self, field: StrawberryField, place: Place) -> bool:
        """Whether the field is a function of the row alone."""
        if other_extensions(field) or place.definition.args or self._schema.exception_handlers:
            return False
        return is_function_of_row(field)

    def _relation(
        self, parents: RowShape, place: Place, field: RelationField, trail: Trail, *, alone: bool
    ) -> RelationStep:
        parents.native.add(field.relation.local)
        arguments = self._arguments(place)
        target = field.relation.target()
        below = (*trail, place.key)
        if field.target.shape is Shape.CONNECTION:
            identity = (parents, field, arguments.text, self._page_flags(target, place))
            shape = self._shapes.setdefault(identity, RowShape(target, 1))
            page = self._page(place, shape, parents, trail, alone=alone)
            return RelationStep(place, field, arguments, parents, shape, None, page, alone)
        shape = self._shapes.setdefault((parents, field), RowShape(target, 1))
        items = below if field.target.shape is Shape.ONE else (*below, 0)
        row = self._object(shape, place.details, items, alone=alone)
        return RelationStep(place, field, arguments, parents, shape, row, None, alone)

    def _page_flags(self, entity: Entity, place: Place) -> PageSelection:
        return replace(select_page(entity, self._scope, place.nodes), columns=())

    def _page(
        self, place: Place, shape: RowShape, parents: RowShape | None, trail: Trail, *, alone: bool
    ) -> ConnectionPlan:
        selection = select_page(shape.entity, self._scope, place.nodes)

        def rows(details: list[FieldDetails], suffix: Trail, *, only: bool) -> ObjectPlan:
            return self._object(shape, details, (*trail, place.key, *suffix), alone=alone and only)

        return connection_plan(self._scope.schema, place, shape, selection, self._reader.fields, rows)


def _field_of(type_: GraphQLObjectType, name: str) -> Any:
    """The Strawberry field of that name; None where there is none."""
    definition = type_.fields.get(name)
    return None if definition is None else definition.extensions.get("strawberry-definition")
