"""`@entity`: makes a class whose attributes are columns and relations into a Strawberry type."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum
from typing import Any, TypeVar, dataclass_transform
from uuid import UUID

import strawberry
from strawberry.types.base import get_object_definition
from strawberry.types.cast import TYPE_CAST_ATTRIBUTE
from strawberry.types.enum import has_enum_definition
from strawberry.types.field import StrawberryField

from datasources.base import EVERYTHING_CAPABLE, Capabilities
from datasources.lookup import Column, ColumnType
from resolvers.annotations import Shape, annotations_of, relation_target, shown, strip_none
from resolvers.caching import cache_directives
from resolvers.columns import ColumnSpec, column
from resolvers.computed import Computed
from resolvers.definition import Entity, EntityColumn, Relation, ThroughEntity, entity_of, is_enum
from resolvers.errors import SchemaError
from resolvers.fields import column_field, id_field, relation_field
from resolvers.node import Node
from resolvers.policies import Policies, Policy, RowRule, as_policies
from resolvers.relations import RelationSpec, belongs_to, has_many, has_one, many_to_many
from resolvers.scalars import BigInt, column_type_of
from resolvers.types import camel
from resolvers.writes import Validation, Writes
from resolvers.writes_checks import check_rules, check_validations, updated_column, version_column

T = TypeVar("T")

NATURAL_KEYS = (str, int, BigInt, UUID, date)
RESERVED_NAMES = ("and", "or", "not")


@dataclass_transform(kw_only_default=True, field_specifiers=(column, belongs_to, has_one, has_many, many_to_many))
def entity(
    collection: str,
    *,
    key: str = "id",
    natural_keys: Sequence[str] = (),
    plural: str | None = None,
    capabilities: Capabilities = EVERYTHING_CAPABLE,
    writable: bool | Writes = False,
    version: str | None = None,
    updated: str | None = None,
    watched: bool = False,
    cache: int | None = None,
    policy: Policy | Sequence[Policy] | None = None,
    rows: RowRule | None = None,
) -> Callable[[type[T]], type[T]]:
    """A type whose instances are rows of `collection`, written "source.collection".

    Annotated attributes are its columns; an enum's values are the strings that its column holds.
    `key` is the column of the primary key, an integer unless the class annotates it. Each of `natural_keys` is
    an attribute that identifies a row too, and gives a root field (`orderByNumber`). `plural` names the root
    connection, by default after the collection. `capabilities` is what the graph asks of the source at most;
    the schema is checked against the real source at start. What is `writable` gets the fields of `mutation_type`, all
    or some of them; `version` is an attribute that counts a row's writes, so that clients can tell which one they saw,
    `updated` one that says when the last one was. Changes of what is `watched` are told, by `subscription_type` and
    `sync`: its source keeps a change feed. Answers with its rows may be kept for `cache` seconds. `policy` is what a
    viewer must have to see any of it, and `rows` says which rows it sees then.
    """
    source, dot, collection_name = collection.partition(".")
    if not dot or not source or not collection_name:
        raise SchemaError(f'@entity({collection!r}): write "source.collection", such as "erp.orders".')

    def decorate(cls: type[T]) -> type[T]:
        written = Writes() if writable is True else writable or None
        visible = Visibility(as_policies(policy), rows)
        return _Builder(cls, source, collection_name, key, capabilities, visible, watched=watched, cache=cache).build(
            tuple(natural_keys), plural or camel(collection_name.rpartition(".")[2]), written, version, updated
        )

    return decorate


@dataclass(frozen=True, slots=True)
class Visibility:
    """Who sees an entity, and what of it."""

    policy: Policies
    rows: RowRule | None


class _Builder:
    """Reads one class; what it gathers becomes the entity's definition and the Strawberry type's fields."""

    def __init__(
        self,
        cls: type,
        source: str,
        collection: str,
        key: str,
        capabilities: Capabilities,
        visible: Visibility,
        *,
        watched: bool,
        cache: int | None,
    ) -> None:
        self.cls = cls
        self.source = source
        self.collection = collection
        self.key = key
        self.capabilities = capabilities
        self.visible = visible
        self.watched = watched
        self.cache = cache_directives(cls.__name__, cache)
        self.columns: dict[str, EntityColumn] = {}
        self.relations: dict[str, Relation] = {}
        self.fields: dict[str, StrawberryField] = {}
        self.definition: Entity | None = None

    def itself(self) -> Entity:
        assert self.definition is not None  # noqa: S101 - only called when the class is complete
        return self.definition

    def build(
        self,
        natural_keys: tuple[str, ...],
        plural: str,
        writes: Writes | None,
        version: str | None,
        updated: str | None,
    ) -> type:
        annotations = annotations_of(self.cls)
        self._check_attributes(annotations)
        key_type = self._add_key(annotations.pop("id", annotations.get(self.key, int)), vars(self.cls).get("id"))
        relations = {name: spec for name, spec in vars(self.cls).items() if isinstance(spec, RelationSpec)}
        for name, annotation in annotations.items():
            declared = self.cls.__dict__.get(name)
            if isinstance(declared, StrawberryField):
                self.fields[name] = declared
            elif name not in relations:
                self._add_column(name, annotation, declared)
        for name, spec in relations.items():
            self._add_relation(name, annotations[name], spec)
        for name in natural_keys:
            self._check_natural_key(name)
        validations = tuple(each for each in vars(self.cls).values() if isinstance(each, Validation))
        check_validations(self.cls.__name__, validations, self.columns)
        description = _docstring(self.cls)
        self.definition = Entity(
            name=self.cls.__name__,
            cls=self.cls,
            source=self.source,
            collection_name=self.collection,
            key=self.key,
            key_type=key_type,
            columns=self.columns,
            relations=self.relations,
            needs=self._needs(),
            natural_keys=natural_keys,
            plural=plural,
            capabilities=self.capabilities,
            description=description,
            writes=writes,
            version=None if version is None else version_column(self.cls.__name__, version, self.columns),
            updated=None if updated is None else updated_column(self.cls.__name__, updated, self.columns),
            validations=validations,
            watched=self.watched,
            policy=self.visible.policy,
            rows=self.visible.rows,
            own_policies={name: each.requires for name, each in vars(self.cls).items() if isinstance(each, Computed)},
        )
        return self._strawberry_type(description)

    def _check_attributes(self, annotations: Mapping[str, Any]) -> None:
        parent = self.cls.__mro__[1]
        if parent is not object:
            raise SchemaError(f"{self.cls.__name__} cannot inherit from {parent.__name__}: its columns are its own.")
        for name, declared in vars(self.cls).items():
            if isinstance(declared, (RelationSpec, ColumnSpec)) and name not in annotations:
                raise SchemaError(f"{self.cls.__name__}.{name} says nothing of its type: write `{name}: … = …`.")
        for name in annotations:
            if name.startswith("_"):
                raise SchemaError(f"{self.cls.__name__}.{name}: the graph has no names with a leading underscore.")
            if camel(name) in RESERVED_NAMES:
                raise SchemaError(
                    f"{self.cls.__name__}.{name}: filters have a {camel(name)!r} of their own; call the attribute "
                    f'otherwise and write column("{name}").'
                )

    def _check_natural_key(self, name: str) -> None:
        if name not in self.columns or name == "id":
            known = ", ".join(column for column in self.columns if column != "id") or "none"
            raise SchemaError(f"{self.cls.__name__}: natural key {name!r} is not one of its columns: {known}.")
        column = self.columns[name]
        if column.is_id or column.annotation not in NATURAL_KEYS:
            raise SchemaError(
                f"{self.cls.__name__}.{name}: a natural key is a str, an int, a BigInt, a UUID or a date; "
                "other types do not identify a row."
            )

    def _add_key(self, annotation: Any, declared: Any) -> ColumnType:
        inner, _ = strip_none(annotation)
        key_type = column_type_of(inner)
        if key_type is ColumnType.INTEGER:
            key_type = ColumnType.BIGINT
        if key_type not in (ColumnType.BIGINT, ColumnType.STRING, ColumnType.UUID) or is_enum(inner):
            raise SchemaError(f"{self.cls.__name__}: the key {self.key!r} must be an int, a str or a UUID.")
        spec = declared if isinstance(declared, ColumnSpec) else ColumnSpec()
        self.columns["id"] = EntityColumn(
            attribute="id",
            column=Column(self.key, key_type, False),
            annotation=strawberry.ID,
            refers_to=self.itself,
            generated=key_type is ColumnType.BIGINT if spec.generated is None else spec.generated,
            has_default=spec.default,
            required=spec.requires,
        )
        self.fields["id"] = id_field(
            "id", self.itself, nullable=False, description="Identifies this object anywhere in the graph."
        )
        return key_type

    def _add_column(self, name: str, annotation: Any, declared: Any) -> None:
        inner, nullable = strip_none(annotation)
        column_type = column_type_of(inner)
        if column_type is None:
            raise SchemaError(
                f"{self.cls.__name__}.{name}: a column cannot be {shown(inner)}. Columns are str, int, float, bool, "
                "Decimal, datetime, date, UUID, JSON, BigInt or an enum; relations are declared with belongs_to, "
                "has_one, has_many or many_to_many; other fields with computed."
            )
        if declared is not None and not isinstance(declared, ColumnSpec):
            raise SchemaError(f"{self.cls.__name__}.{name}: columns have no default; write column(…) to say more.")
        if is_enum(inner):
            self._check_enum(name, inner)
        spec = declared or ColumnSpec()
        check_rules(f"{self.cls.__name__}.{name}", inner, spec.rules)
        made = EntityColumn(
            attribute=name,
            column=Column(spec.name or name, column_type, nullable, spec.scale),
            annotation=inner,
            filterable=spec.filterable,
            sortable=spec.sortable,
            generated=spec.generated or False,
            has_default=spec.default,
            rules=spec.rules,
            required=spec.requires,
        )
        self.columns[name] = made
        self.fields[name] = column_field(self.itself, made, annotation, spec.description)
        self.fields[name].directives = cache_directives(f"{self.cls.__name__}.{name}", spec.cache)

    def _check_enum(self, name: str, enum: type[Enum]) -> None:
        for member in enum:
            if not isinstance(member.value, str):
                raise SchemaError(
                    f"{self.cls.__name__}.{name}: {enum.__name__}.{member.name} is {member.value!r}; the values of an "
                    "enum are the strings that the column holds."
                )
        if not has_enum_definition(enum):
            strawberry.enum(enum)
        graph_enum = enum.__strawberry_definition__  # type: ignore[attr-defined]
        if graph_enum.description is None:
            graph_enum.description = _docstring(enum)

    def _add_relation(self, name: str, annotation: Any, spec: RelationSpec) -> None:
        target = relation_target(annotation)
        if target is None:
            raise SchemaError(
                f"{self.cls.__name__}.{name}: {shown(annotation)} names no entity; write `X | None` for one, "
                "`Connection[X]` or `list[X]` for many."
            )
        to_many = spec.kind in ("has_many", "many_to_many")
        if to_many is (target.shape is Shape.ONE):
            wanted = f"Connection[{target.name}] or list[{target.name}]" if to_many else f"{target.name} | None"
            raise SchemaError(f"{self.cls.__name__}.{name}: {spec.kind} is annotated {wanted}.")

        def target_entity() -> Entity:
            return self.itself().target(target.name, name)

        local, through = self.key, None
        remote: str | None = spec.by
        if spec.kind == "belongs_to":
            local, remote = spec.by, None
            self._add_reference(spec, name, target_entity, nullable=target.nullable)
        if spec.kind == "many_to_many":
            junction = spec.through or ""
            through = ThroughEntity(lambda: self.itself().target(junction, name), spec.by, spec.to or "")
            remote = None
        self.relations[name] = Relation(
            name, self.itself, target_entity, local, remote, to_many, through, spec.writable, spec.requires
        )
        self.fields[name] = relation_field(self.relations[name], target, spec.description)

    def _add_reference(
        self, spec: RelationSpec, relation: str, target: Callable[[], Entity], *, nullable: bool
    ) -> None:
        """The column that a belongs_to reads; it may be declared, so that computed fields can name it."""
        name = column = spec.by
        known = next((each for each in self.columns.values() if each.column.name == column), None)
        required = (() if known is None else known.required) + spec.requires
        if known is not None and known.is_id:
            self.columns[known.attribute] = replace(known, required=required)
            return
        if known is not None:
            name, nullable = known.attribute, known.column.nullable
        self.columns[name] = EntityColumn(
            attribute=name,
            column=Column(column, ColumnType.BIGINT, nullable),
            annotation=strawberry.ID,
            refers_to=target,
            generated=known is not None and known.generated,
            has_default=known is not None and known.has_default,
            required=required,
        )
        self.fields[name] = id_field(name, target, nullable=nullable, description=f"The id of `{camel(relation)}`.")

    def _needs(self) -> dict[str, tuple[str, ...]]:
        needs: dict[str, tuple[str, ...]] = {
            camel(name): (column.column.name,) for name, column in self.columns.items()
        }
        for name, relation in self.relations.items():
            needs[camel(name)] = needs[camel(f"{name}_aggregate")] = (relation.local,)
        for name, field in vars(self.cls).items():
            if isinstance(field, Computed):
                needs[field.graphql_name or camel(name)] = tuple(self._column_name(name, need) for need in field.needs)
        return needs

    def _column_name(self, field: str, need: str) -> str:
        if need not in self.columns:
            known = ", ".join(self.columns)
            raise SchemaError(f"{self.cls.__name__}.{field} needs {need!r}, which is not one of its columns: {known}.")
        return self.columns[need].column.name

    def _strawberry_type(self, description: str | None) -> type:
        cls: Any = self.cls
        computed = {name: field for name, field in vars(cls).items() if isinstance(field, StrawberryField)}
        for name, field in self.fields.items():
            setattr(cls, name, field)
        cls.__annotations__ = {
            name: field.type for name, field in {**self.fields, **computed}.items() if field.base_resolver is None
        }
        cls.__getattr__ = _not_loaded
        cls = strawberry.type(cls, description=description, directives=self.cache)
        cls.__init__ = _row_of
        cls.__eq__, cls.__hash__ = object.__eq__, object.__hash__
        setattr(cls, TYPE_CAST_ATTRIBUTE, None)
        definition = get_object_definition(cls, strict=True)
        definition.interfaces.append(get_object_definition(Node, strict=True))
        definition.is_type_of = lambda value, _info: type(value) is cls
        cls.__entity__ = self.definition
        return cls  # type: ignore[no-any-return]


def _docstring(cls: type) -> str | None:
    """The class's own docstring, not one that Python or a parent class gives it."""
    written = vars(cls).get("__doc__")
    return inspect.cleandoc(written) if written else None


def _row_of(instance: Any, **values: Any) -> None:
    """For tests of computed fields: an instance with the columns that are given, as if only those had been loaded."""
    definition = entity_of(type(instance))
    columns = definition.columns if definition is not None else {}
    for name, value in values.items():
        if name not in columns:
            raise TypeError(f"{type(instance).__name__} has no column {name!r}; it has {', '.join(columns)}.")
        instance.__dict__[name] = value


def _not_loaded(instance: Any, name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    raise AttributeError(
        f"{type(instance).__name__}.{name} was not loaded. If it is a column, name it in the needs of the "
        "computed field that reads it."
    )
