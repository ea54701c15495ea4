"""Published operations against another schema: which would break, where, and whether anybody would notice."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    Node,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    parse,
    visit,
)
from graphql.utilities import BreakingChangeType, find_schema_changes

from gateway.operations.documents import mistakes
from gateway.operations.store import EVERYBODY, Published, Usage


@dataclass(frozen=True, slots=True)
class Break:
    """One place in an operation that does not fit the schema any longer."""

    line: int
    column: int
    message: str
    field: str | None
    """What it is about, like Customer.name, if that is a field."""
    last_used_at: float | None
    """When any operation that has the field was last used; without a field, when this operation was."""


@dataclass(frozen=True, slots=True)
class Broken:
    """An operation that would break."""

    operation: Published
    count: int
    """How often it was used."""
    last_used_at: float | None
    breaks: Sequence[Break]


def replay(
    operations: Iterable[Published], usage: Sequence[Usage], new: GraphQLSchema, old: GraphQLSchema | None = None
) -> list[Broken]:
    """The operations that `new` would break.

    With `old`, also those that stay valid, and yet get values of another type than they did.
    """
    read = [_read(each, usage, new) for each in operations]
    last: dict[str, float] = {}
    for each in read:
        for name in {name for _, name in each.fields}:
            if each.last_used_at is not None:
                last[name] = max(each.last_used_at, last.get(name, 0.0))
    changed = {} if old is None else _changed_fields(old, new)
    found = [Broken(each.operation, each.count, each.last_used_at, _breaks(each, new, changed, last)) for each in read]
    return [each for each in found if each.breaks]


@dataclass(frozen=True, slots=True)
class _Read:
    """An operation, its uses, and its fields in the new schema."""

    operation: Published
    document: DocumentNode
    fields: Sequence[tuple[FieldNode, str]]
    count: int
    last_used_at: float | None


def _read(operation: Published, usage: Sequence[Usage], schema: GraphQLSchema) -> _Read:
    document = parse(operation.body)
    finder = _Fields(TypeInfo(schema))
    visit(document, TypeInfoVisitor(finder.types, finder))
    used = [each for each in usage if each.id == operation.id and operation.client in (EVERYBODY, each.client)]
    last = max((each.last_used_at for each in used), default=None)
    return _Read(operation, document, finder.found, sum(each.count for each in used), last)


class _Fields(Visitor):
    """Fields with the types that they are selected of, also where these do not have them."""

    def __init__(self, types: TypeInfo) -> None:
        super().__init__()
        self.types = types
        self.found: list[tuple[FieldNode, str]] = []

    def enter_field(self, node: FieldNode, *_: object) -> None:
        parent = self.types.get_parent_type()
        if parent is not None:
            self.found.append((node, f"{parent.name}.{node.name.value}"))


def _breaks(read: _Read, schema: GraphQLSchema, changed: dict[str, str], last: dict[str, float]) -> list[Break]:
    names = {id(node): name for node, name in read.fields}
    found = []
    for error in mistakes(schema, read.document):
        name = next((names[id(node)] for node in error.nodes or () if id(node) in names), None)
        used = read.last_used_at if name is None else last.get(name)
        found.append(Break(*_place(error), error.message, name, used))
    for node, name in read.fields:
        if name in changed:
            found.append(Break(*_place_of(node), changed[name], name, last.get(name)))
    return found


def _place(error: GraphQLError) -> tuple[int, int]:
    locations = error.locations
    return (locations[0].line, locations[0].column) if locations else (1, 1)


def _place_of(node: Node) -> tuple[int, int]:
    return (1, 1) if node.loc is None else (node.loc.start_token.line, node.loc.start_token.column)


def _changed_fields(old: GraphQLSchema, new: GraphQLSchema) -> dict[str, str]:
    """What is said of fields whose values are of another type, by their names."""
    return {
        change.description.removeprefix("Field ").partition(" ")[0]: change.description
        for change in find_schema_changes(old, new)
        if change.type is BreakingChangeType.FIELD_CHANGED_KIND
    }
