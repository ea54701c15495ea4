"""What an entity is, as data: its columns, relations and keys. Everything else is made from this."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any

from datasources.base import EVERYTHING_CAPABLE, Capabilities
from datasources.lookup import Collection, Column, ColumnType
from resolvers.errors import SchemaError
from resolvers.policies import Policies, Policy, RowRule, Sights
from resolvers.writes import NO_RULES, Rules, Validation, Writes


@dataclass(frozen=True)
class EntityColumn:
    """A column under its Python name; `annotation` is its Python type without `| None`."""

    attribute: str
    column: Column
    annotation: Any
    refers_to: Callable[[], "Entity"] | None = None
    """The entity whose key this column holds, if it is a foreign key."""
    filterable: bool = True
    sortable: bool = True
    generated: bool = False
    """Whether the source makes its values,"""
    has_default: bool = False
    """or has one for a new row that leaves it out."""
    rules: Rules = NO_RULES
    required: Policies = ()
    """What a viewer must have to see it."""

    @property
    def is_id(self) -> bool:
        return self.refers_to is not None


@dataclass(frozen=True)
class Relation:
    """An entity's field that leads to rows of `target`.

    `local` is the column of the owner, `remote` the column of the target, or, with `through`, of the junction.
    """

    attribute: str
    owner: Callable[[], "Entity"]
    target: Callable[[], "Entity"]
    local: str
    remote: str | None
    to_many: bool
    through: "ThroughEntity | None" = None
    writable: bool = False
    """Whether rows of `target` are written together with their owner."""
    requires: Policies = ()
    """What it declares itself."""

    @cached_property
    def required(self) -> Policies:
        """What a viewer must have to follow it: it tells of its columns and of where it leads to, too."""
        owner, target, junction = self.owner(), self.target(), self.through
        found = [*self.requires, *owner.by_column[self.local].required, *target.policy]
        found += target.by_column[self.remote_column].required
        if junction is not None:
            columns = junction.entity().by_column
            found += [*junction.entity().policy, *columns[junction.by].required, *columns[junction.to].required]
        return tuple(dict.fromkeys(found))

    @property
    def remote_column(self) -> str:
        return self.remote if self.remote is not None else self.target().key

    @property
    def same_source(self) -> bool:
        return self.owner().source == self.target().source


@dataclass(frozen=True)
class ThroughEntity:
    """The junction of a many-to-many relation: `by` refers to the owner, `to` to the target."""

    entity: Callable[[], "Entity"]
    by: str
    to: str


@dataclass(eq=False)
class Entity:
    """A Strawberry type whose instances are rows of a collection in one datasource."""

    name: str
    cls: type
    source: str
    collection_name: str
    key: str
    key_type: ColumnType
    columns: dict[str, EntityColumn]
    """By Python name. The key is `id`."""
    relations: Mapping[str, Relation]
    needs: Mapping[str, tuple[str, ...]]
    """The columns that each field needs, by GraphQL name; a field that is not in here needs every column."""
    natural_keys: tuple[str, ...]
    plural: str
    capabilities: Capabilities = EVERYTHING_CAPABLE
    description: str | None = None
    writes: Writes | None = None
    version: str | None = None
    """The column that counts the writes of a row,"""
    updated: str | None = None
    """and the one that says when the last one was."""
    validations: tuple[Validation, ...] = ()
    watched: bool = False
    """Whether its changes are told."""
    policy: Policies = ()
    """What a viewer must have to see any of it,"""
    rows: RowRule | None = None
    """and which rows it sees then."""
    own_policies: Mapping[str, Policies] = field(default_factory=dict)
    """Of computed fields, by Python name."""
    sights: Sights | None = None
    """What viewers see of the graph that this is in; None where there are no rules."""
    targets: dict[str, "Entity"] = field(default_factory=dict)
    """The entities of the schema, by name; filled when the schema's query type is made."""

    @cached_property
    def collection(self) -> Collection:
        return Collection(
            self.collection_name, self.key, tuple({c.column.name: c.column for c in self.all_columns}.values())
        )

    @property
    def all_columns(self) -> tuple[EntityColumn, ...]:
        return tuple(self.columns.values())

    @cached_property
    def is_checked(self) -> bool:
        """Whether there are rules about its rows as they are written."""
        return bool(self.validations) or self.rows is not None

    @cached_property
    def by_column(self) -> Mapping[str, EntityColumn]:
        return {column.column.name: column for column in self.all_columns}

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        return tuple(self.by_column)

    @cached_property
    def written_relations(self) -> Mapping[str, Relation]:
        """The relations whose rows are written together with this entity's, by their Python names."""
        return {name: relation for name, relation in self.relations.items() if relation.writable}

    @property
    def policies(self) -> Iterator[Policy]:
        """All that are declared in it."""
        yield from self.policy
        for column in self.all_columns:
            yield from column.required
        for relation in self.relations.values():
            yield from relation.requires
        for policies in self.own_policies.values():
            yield from policies

    def target(self, name: str, attribute: str) -> "Entity":
        if name not in self.targets:
            known = ", ".join(sorted(self.targets)) or "none: pass the entities to query_type()"
            raise SchemaError(
                f"{self.name}.{attribute} refers to {name!r}, which is not among the entities of the schema ({known})."
            )
        return self.targets[name]


def is_enum(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Enum)


def entity_of(cls: Any) -> Entity | None:
    """The definition that `@entity` left on a class, if it did."""
    found = getattr(cls, "__entity__", None)
    return found if isinstance(found, Entity) else None
