"""Reads what a client wants written into rows of columns, and finds all that is wrong with it at once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from functools import cache, partial
from typing import Any

from resolvers.definition import Entity, EntityColumn, Relation
from resolvers.errors import InputInvalid, InvalidId, Problem
from resolvers.ids import decode_id
from resolvers.policies import Policies, Sight
from resolvers.types import camel
from resolvers.writes import NO_RULES, Validation
from resolvers.writes_checks import moment_of_write, starts_at_one
from resolvers.writes_inputs import changed_columns, written_columns

InputPath = tuple[str | int, ...]


@dataclass(slots=True)
class New:
    """A new row: values by column, in the same order whenever the same columns are given."""

    path: InputPath
    values: dict[str, Any]
    given: Mapping[str, Any]
    """As the client gave it, by the names of the graph."""
    children: "Mapping[str, Sequence[New]]"
    """By the relation's Python name."""
    unchecked: Sequence[Validation] = ()
    """Rules that only the written row can answer."""


@dataclass(slots=True)
class Named:
    """A row that is there already, by its key."""

    path: InputPath
    key: Any
    expected: int | None = None

    def beside(self, name: str) -> InputPath:
        """The path of what is given along with it; in a list of ids there is nothing."""
        return self.path if isinstance(self.path[-1], int) else (*self.path[:-1], name)


@dataclass(slots=True)
class Patched(Named):
    """What changes of it."""

    values: dict[str, Any] = field(default_factory=dict)
    children: "Mapping[str, Changes]" = field(default_factory=dict)
    unchecked: Sequence[Validation] = ()
    """As of `New`."""


@dataclass(slots=True)
class Changes:
    """What becomes of the rows of a relation."""

    delete: Sequence[Named]
    update: Sequence[Patched]
    connect: Sequence[Named]
    create: Sequence[New]


class Problems:
    """What is wrong with an input of a viewer."""

    def __init__(self, sight: Sight) -> None:
        self.sight = sight
        self.found: list[Problem] = []

    def add(self, path: InputPath, message: str, rule: str) -> None:
        self.found.append(Problem(path, message, rule))

    def refuse(self) -> None:
        """Raises InputInvalid if there are any."""
        if self.found:
            raise InputInvalid(self.found)


@dataclass(frozen=True, slots=True)
class _Member:
    """A column, as a member of an input."""

    name: str
    """Of the member."""
    column: EntityColumn
    native: Callable[[Any], Any] | None
    checked: bool
    """Whether there are rules that its values may break."""

    @property
    def stays(self) -> bool:
        """Whether all values but nulls stay as they are."""
        return self.native is None and not self.checked

    def read(self, value: Any, path: InputPath, problems: Problems) -> Any:
        column = self.column
        if value is None:
            if not column.column.nullable:
                without = "; leave it out for the default" if column.has_default else ""
                problems.add((*path, self.name), f"{self.name} cannot be null{without}.", "notNull")
            return None
        if self.checked:
            for rule, message in column.rules.broken_by(value):
                problems.add((*path, self.name), f"{self.name} {message}.", rule)
        if self.native is None:
            return value
        try:
            return self.native(value)
        except InvalidId as error:
            problems.add((*path, self.name), str(error), "id")
            return None


def _member(column: EntityColumn) -> _Member:
    native: Callable[[Any], Any] | None = None
    if column.refers_to is not None:
        native = partial(decode_id, column.refers_to())
    elif isinstance(column.annotation, type) and issubclass(column.annotation, Enum):
        native = _stored
    rules = column.rules
    checked = rules != NO_RULES and (rules.of_text or rules.of_range or column.annotation is Decimal)
    return _Member(camel(column.attribute), column, native, checked)


def _stored(member: Enum) -> Any:
    return member.value


class InputReader:
    """Reads the inputs of one entity; of rows that are written with their owner, the relation says which one."""

    def __init__(self, entity: Entity, owner: Relation | None) -> None:
        self._entity = entity
        self._new = [
            (
                each.name,
                each.column.column.name,
                each.native is None and not each.checked,
                each.column.has_default,
                each,
            )
            for each in map(_member, written_columns(entity, owner))
        ]
        self._changed = {camel(each.attribute): _member(each) for each in changed_columns(entity, owner)}
        self._relations = {camel(name): (name, relation) for name, relation in entity.written_relations.items()}
        self._validations = _validations(entity)
        self._nullable = {camel(name): column.column.nullable for name, column in entity.columns.items()}
        self._version = entity.version if starts_at_one(entity) else None
        self._guarded = list(_guarded(entity))
        self._null_by_default = frozenset(name for name, _, _, has_default, _ in self._new if not has_default)

    def new(self, given: Mapping[str, Any], path: InputPath, problems: Problems, *, may_exist: bool = False) -> New:
        """`may_exist`: what is not given may be of a row that is there already. Raises Unauthorized."""
        self._refuse_unseen(given, problems)
        values: dict[str, Any] = {}
        for name, column, stays, has_default, member in self._new:
            if name in given:
                value = given[name]
                values[column] = value if stays and value is not None else member.read(value, path, problems)
            elif not has_default:
                values[column] = None
        children: dict[str, Sequence[New]] = {}
        for name, (attribute, relation) in self._relations.items():
            wanted = given.get(name)
            if wanted is not None:
                reader, below = nested_reader(relation), (*path, name, "create")
                children[attribute] = [
                    reader.new(each, (*below, index), problems) for index, each in enumerate(wanted["create"])
                ]
        null = frozenset[str]() if may_exist else self._null_by_default
        unchecked = self._validate(given, null, path, problems, new=True) if self._validations else ()
        if self._version is not None:
            values[self._version] = 1
        if self._entity.updated is not None:
            values |= moment_of_write(self._entity)
        return New(path, values, given, children, unchecked)

    def patch(
        self, key: Any, given: Mapping[str, Any], expected: int | None, path: InputPath, problems: Problems
    ) -> Patched:
        """`path` is that of the patch. Raises Unauthorized."""
        self._refuse_unseen(given, problems)
        self.refuse_unseen_version(expected, problems)
        values = moment_of_write(self._entity)
        children: dict[str, Changes] = {}
        for name, value in given.items():
            member = self._changed.get(name)
            if member is not None:
                values[member.column.column.name] = member.read(value, path, problems)
            elif value is not None:
                attribute, relation = self._relations[name]
                children[attribute] = _changes(relation, value, (*path, name), problems)
        unchecked = self._validate(given, frozenset(), path, problems, new=False) if self._validations else ()
        return Patched(path, key, expected, values, children, unchecked)

    def _refuse_unseen(self, given: Mapping[str, Any], problems: Problems) -> None:
        for name, required, what in self._guarded:
            if name in given:
                problems.sight.refuse(required, what)

    def refuse_unseen_version(self, expected: int | None, problems: Problems) -> None:
        """Whoever may not see a row's version must not find it out by guessing. Raises Unauthorized."""
        if expected is not None and self._entity.version is not None:
            column = self._entity.by_column[self._entity.version]
            problems.sight.refuse(column.required, f"{self._entity.name}.{camel(column.attribute)}")

    def update(self, given: Mapping[str, Any], path: InputPath, problems: Problems) -> Patched:
        """Of an input with `id`, `patch` and `expectedVersion`."""
        key = self.key(given["id"], (*path, "id"), problems)
        return self.patch(key, given["patch"], given.get("expectedVersion"), (*path, "patch"), problems)

    def key(self, text: str, path: InputPath, problems: Problems) -> Any:
        try:
            return decode_id(self._entity, text)
        except InvalidId as error:
            problems.add(path, str(error), "id")
            return None

    def named(self, ids: Sequence[str], path: InputPath, problems: Problems) -> list[Named]:
        """Rows by their ids."""
        return [Named((*path, index), self.key(each, (*path, index), problems)) for index, each in enumerate(ids)]

    def _validate(
        self, given: Mapping[str, Any], null: frozenset[str], path: InputPath, problems: Problems, *, new: bool
    ) -> Sequence[Validation]:
        """The rules that cannot be answered yet; what is not given and in `null` is null."""
        unchecked = []
        for validation, names in self._validations:
            if any(name in given and given[name] is None and not self._nullable[name] for name in names):
                continue  # it is a mistake that is told already
            if all(name in given or name in null for name in names):
                message = validation.function(*(given.get(name) for name in names))
                if message is not None:
                    problems.add(path, message, camel(validation.name))
            elif new or any(name in given for name in names):
                unchecked.append(validation)
        return unchecked


def _guarded(entity: Entity) -> Iterator[tuple[str, Policies, str]]:
    """(member of inputs, what a viewer must have to give it, its name in errors), of those that not everybody may."""
    members = {name: column.required for name, column in entity.columns.items()}
    members |= {name: relation.required for name, relation in entity.written_relations.items()}
    return ((camel(name), required, f"{entity.name}.{camel(name)}") for name, required in members.items() if required)


def refuse_repeated(rows: Sequence[Named], problems: Problems) -> None:
    seen: set[Any] = set()
    for row in rows:
        if row.key is not None and row.key in seen:
            problems.add(row.path, "This one is named twice.", "unique")
        seen.add(row.key)


def _validations(entity: Entity) -> Sequence[tuple[Validation, tuple[str, ...]]]:
    return [(each, tuple(map(camel, each.attributes))) for each in entity.validations]


@cache
def reader_of(entity: Entity) -> InputReader:
    """Reads `OrderInput` and its like."""
    return InputReader(entity, None)


@cache
def nested_reader(relation: Relation) -> InputReader:
    """Reads `OrderLinesCreate` and its like."""
    return InputReader(relation.target(), relation)


def _changes(relation: Relation, given: Mapping[str, Any], path: InputPath, problems: Problems) -> Changes:
    reader = nested_reader(relation)

    def each_of(name: str) -> Iterator[tuple[Any, InputPath]]:
        return ((each, (*path, name, index)) for index, each in enumerate(given.get(name) or ()))

    changes = Changes(
        delete=reader.named(given.get("delete") or (), (*path, "delete"), problems),
        update=[reader.update(each, at, problems) for each, at in each_of("update")],
        connect=reader.named(given.get("connect") or (), (*path, "connect"), problems),
        create=[reader.new(each, at, problems) for each, at in each_of("create")],
    )
    refuse_repeated([*changes.delete, *changes.update, *changes.connect], problems)
    return changes
