"""`@entity`: makes a class whose attributes are columns and relations into a Strawberry type."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, dataclass_transform

import strawberry
from strawberry.annotation import StrawberryAnnotation
from strawberry.types.base import get_object_definition
from strawberry.types.field import StrawberryField

from datasources.base import EVERYTHING_CAPABLE, Capabilities
from datasources.lookup import Column, ColumnType
from resolvers.annotations import Shape, annotations_of, relation_target, strip_none
from resolvers.computed import Computed
from resolvers.definition import Entity, EntityColumn, Relation, ThroughEntity
from resolvers.errors import SchemaError
from resolvers.fields import id_field, relation_field
from resolvers.node import Node
from resolvers.relations import RelationSpec, belongs_to, has_many, has_one, many_to_many
from resolvers.scalars import column_type_of
from resolvers.types import camel

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """What `column()` says beyond the annotation."""

    name: str | None
    description: str | None
    filterable: bool
    sortable: bool
    scale: int | None


def column(
    name: str | None = None,
    *,
    description: str | None = None,
    filterable: bool = True,
    sortable: bool = True,
    scale: int | None = None,
) -> Any:
    """A column that wants more said than its type: its `name` in the collection, a description, …

    `scale` is the number of digits after the point of a Decimal, where the source does not tell.
    """
    return ColumnSpec(name, description, filterable, sortable, scale)


@dataclass_transform(kw_only_default=True, field_specifiers=(column, belongs_to, has_one, has_many, many_to_many))
def entity(
    collection: str,
    *,
    key: str = "id",
    natural_keys: Sequence[str] = (),
    plural: str | None = None,
    capabilities: Capabilities = EVERYTHING_CAPABLE,
) -> Callable[[type[T]], type[T]]:
    """A type whose instances are rows of `collection`, written "source.collection".

    `key` is the column of the primary key, an integer unless the class annotates it. Each of `natural_keys` is
    an attribute that identifies a row too, and gives a root field (`orderByNumber`). `plural` names the root
    connection, by default after the collection. `capabilities` is what the graph asks of the source at most;
    the schema is checked against the real source at start.
    """
    source, dot, collection_name = collection.partition(".")
    if not dot or not source or not collection_name:
        raise SchemaError(f'@entity({collection!r}): write "source.collection", such as "erp.orders".')

    def decorate(cls: type[T]) -> type[T]:
        return _Builder(cls, source, collection_name, key, capabilities).build(
            tuple(natural_keys), plural or camel(collection_name.rpartition(".")[2])
        )

    return decorate


class _Builder:
    """Reads one class; what it gathers becomes the entity's definition and the Strawberry type's fields."""

    def __init__(self, cls: type, source: str, collection: str, key: str, capabilities: Capabilities) -> None:
        self.cls = cls
        self.source = source
        self.collection = collection
        self.key = key
        self.capabilities = capabilities
        self.columns: dict[str, EntityColumn] = {}
        self.relations: dict[str, Relation] = {}
        self.fields: dict[str, StrawberryField] = {}
        self.definition: Entity | None = None

    def itself(self) -> Entity:
        assert self.definition is not None  # noqa: S101 - only called when the class is complete
        return self.definition

    def build(self, natural_keys: tuple[str, ...], plural: str) -> type:
        annotations = annotations_of(self.cls)
        key_type = self._add_key(annotations.pop("id", annotations.get(self.key, int)))
        for name, annotation in annotations.items():
            declared = self.cls.__dict__.get(name)
            if isinstance(declared, RelationSpec):
                self._add_relation(name, annotation, declared)
            elif isinstance(declared, StrawberryField):
                self.fields[name] = declared
            else:
                self._add_column(name, annotation, declared)
        for name in natural_keys:
            if name not in self.columns:
                raise SchemaError(f"{self.cls.__name__}: natural key {name!r} is not one of its columns.")
        description = inspect.cleandoc(self.cls.__doc__) if self.cls.__doc__ else None
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
        )
        return self._strawberry_type(description)

    def _add_key(self, annotation: Any) -> ColumnType:
        inner, _ = strip_none(annotation)
        key_type = column_type_of(inner)
        if key_type is ColumnType.INTEGER:
            key_type = ColumnType.BIGINT
        if key_type not in (ColumnType.BIGINT, ColumnType.STRING, ColumnType.UUID):
            raise SchemaError(f"{self.cls.__name__}: the key {self.key!r} must be an int, a str or a UUID.")
        self.columns["id"] = EntityColumn("id", Column(self.key, key_type, False), strawberry.ID, self.itself)
        self.fields["id"] = id_field(
            "id", self.itself, nullable=False, description="Identifies this object anywhere in the graph."
        )
        return key_type

    def _add_column(self, name: str, annotation: Any, declared: Any) -> None:
        inner, nullable = strip_none(annotation)
        column_type = column_type_of(inner)
        if column_type is None:
            raise SchemaError(
                f"{self.cls.__name__}.{name}: a column cannot be {annotation!r}. Columns are str, int, float, bool, "
                "Decimal, datetime, date, UUID, JSON, BigInt or an enum; relations are declared with belongs_to, "
                "has_one, has_many or many_to_many; other fields with computed."
            )
        if declared is not None and not isinstance(declared, ColumnSpec):
            raise SchemaError(f"{self.cls.__name__}.{name}: columns have no default; write column(…) to say more.")
        spec = declared or ColumnSpec(None, None, True, True, None)
        self.columns[name] = EntityColumn(
            attribute=name,
            column=Column(spec.name or name, column_type, nullable, spec.scale),
            annotation=inner,
            filterable=spec.filterable,
            sortable=spec.sortable,
        )
        self.fields[name] = StrawberryField(
            python_name=name, type_annotation=StrawberryAnnotation(annotation), description=spec.description
        )

    def _add_relation(self, name: str, annotation: Any, spec: RelationSpec) -> None:
        target = relation_target(annotation)
        if target is None:
            raise SchemaError(f"{self.cls.__name__}.{name}: {annotation!r} names no entity.")
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
            self._add_reference(
                spec.by, target_entity, nullable=target.nullable, description=f"The id of `{camel(name)}`."
            )
        if spec.kind == "many_to_many":
            junction = spec.through or ""
            through = ThroughEntity(lambda: self.itself().target(junction, name), spec.by, spec.to or "")
            remote = None
        self.relations[name] = Relation(name, self.itself, target_entity, local, remote, to_many, through)
        self.fields[name] = relation_field(self.relations[name], target, spec.description)

    def _add_reference(self, name: str, target: Callable[[], Entity], *, nullable: bool, description: str) -> None:
        if name in self.columns:
            return
        self.columns[name] = EntityColumn(name, Column(name, ColumnType.BIGINT, nullable), strawberry.ID, target)
        self.fields[name] = id_field(name, target, nullable=nullable, description=description)

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
        cls = strawberry.type(cls, description=description)
        node = get_object_definition(Node, strict=True)
        cls.__strawberry_definition__.interfaces.append(node)
        cls.__entity__ = self.definition
        return cls  # type: ignore[no-any-return]


def _not_loaded(instance: Any, name: str) -> Any:
    raise AttributeError(
        f"{type(instance).__name__}.{name} was not loaded. If it is a column, name it in the needs of the "
        "computed field that reads it."
    )
