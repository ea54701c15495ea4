"""Plans a page: which selections of its rows there are, and the code that writes it."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

from graphql import GraphQLObjectType, GraphQLSchema
from graphql.execution.collect_fields import FieldDetails

from gateway.execution.plan import ConnectionPlan, ObjectPlan
from gateway.execution.shapes import Place, RowShape
from resolvers.connections import PageSelection

Collect = Callable[[GraphQLObjectType, list[FieldDetails]], dict[str, list[FieldDetails]]]

PAGE_INFO = {
    "hasNextPage": "has_next",
    "hasPreviousPage": "has_previous",
    "startCursor": "cursor(rows[0]) if rows else None",
    "endCursor": "cursor(rows[-1]) if rows else None",
}


OF_KEY = {
    "o0": "found.get(k) or []",
    "has_next": "k in nexts",
    "has_previous": "k in previouses",
    "count": "counts.get(k, 0)",
}
"""What the values of PAGE_INFO, and others, are for the key `k`, of all pages at once."""

Fields = dict[str, "str | Fields"]
"""The expressions of an object's values, by their keys in the answer."""


class PlanRows(Protocol):
    """Plans one selection of the page's rows; `only` says that it is the only one."""

    def __call__(self, details: list[FieldDetails], suffix: tuple[str | int, ...], *, only: bool) -> ObjectPlan: ...


def connection_plan(
    core: GraphQLSchema, place: Place, shape: RowShape, selection: PageSelection, collect: Collect, plan: PlanRows
) -> ConnectionPlan:
    """The plan of the connection field at `place`."""
    name = shape.entity.name
    connection, edge, info = (_type(core, each) for each in (f"{name}Connection", f"{name}Edge", "PageInfo"))
    wanted: list[tuple[list[FieldDetails], str, str | None]] = []
    count_place = None
    fields: Fields = {}
    for key, details in collect(connection, place.details).items():
        match details[0].node.name.value:
            case "__typename":
                fields[key] = repr(connection.name)
            case "nodes":
                fields[key] = f"o{len(wanted)}"
                wanted.append((details, key, None))
            case "edges":
                fields[key] = _edges(key, collect(edge, details), edge, wanted)
            case "pageInfo":
                fields[key] = {each: _page_info(of, info) for each, of in collect(info, details).items()}
            case "totalCount":
                fields[key] = "count"
                count_place = Place(key, connection, connection.fields["totalCount"], details)
    only = len(wanted) == 1
    objects = tuple(
        plan(details, (outer, 0) if inner is None else (outer, 0, inner), only=only) for details, outer, inner in wanted
    )
    return ConnectionPlan(
        place,
        shape,
        selection,
        objects,
        tuple((outer, inner) for _, outer, inner in wanted),
        count_place,
        _around(fields, connection.name),
        _writer(fields, len(objects)),
        _bulk_writer(fields) if only and not (selection.edges or selection.ends) else None,
    )


def _type(core: GraphQLSchema, name: str) -> GraphQLObjectType:
    found = core.type_map[name]
    assert isinstance(found, GraphQLObjectType)  # noqa: S101 - these are made for every entity
    return found


def _edges(
    key: str,
    selected: dict[str, list[FieldDetails]],
    edge: GraphQLObjectType,
    wanted: list[tuple[list[FieldDetails], str, str | None]],
) -> str:
    fields: Fields = {}
    sources: dict[str, str] = {}
    for inner, details in selected.items():
        match details[0].node.name.value:
            case "__typename":
                fields[inner] = repr(edge.name)
            case "node":
                fields[inner] = f"n{len(wanted)}"
                sources[f"n{len(wanted)}"] = f"o{len(wanted)}"
                wanted.append((details, key, inner))
            case "cursor":
                fields[inner] = "c"
                sources["c"] = "map(cursor, rows)"
    if not sources:
        sources["_"] = "rows"
    return f"[{_literal(fields)} for {', '.join(sources)}, in zip({', '.join(sources.values())})]"


def _page_info(details: list[FieldDetails], info: GraphQLObjectType) -> str:
    name = details[0].node.name.value
    return repr(info.name) if name == "__typename" else PAGE_INFO[name]


def _literal(fields: Fields, spelled: Mapping[str, str] = MappingProxyType({})) -> str:
    """The expression of an object; `spelled` says what stands for some of the values."""
    pairs = (
        f"{key!r}: {spelled.get(value, value) if isinstance(value, str) else _literal(value, spelled)}"
        for key, value in fields.items()
    )
    return f"{{{', '.join(pairs)}}}"


def _around(fields: Fields, name: str) -> tuple[str, str] | None:
    """What stands before and after the rows in JSON, where there is nothing else to a page."""
    if [value for value in fields.values() if value != repr(name)] != ["o0"]:
        return None
    pairs = (f'"{key}":[\n]' if value == "o0" else f'"{key}":"{name}"' for key, value in fields.items())
    before, _, after = f"{{{','.join(pairs)}}}".partition("\n")
    return before, after


def _writer(fields: Fields, objects: int) -> Callable[..., dict[str, Any]]:
    """`write(rows, cursor, has_next, has_previous, count, o0, …)`: the page of `rows`, whose selections are `o0` …"""
    parameters = ["rows", "cursor", "has_next", "has_previous", "count", *(f"o{index}" for index in range(objects))]
    made: Callable[..., dict[str, Any]] = _made(parameters, _literal(fields))
    return made


def _bulk_writer(fields: Fields) -> Callable[..., list[dict[str, Any]]]:
    """`write(keys, found, nexts, previouses, counts)`: a page for each key; those that have more are in `nexts` …"""
    parameters = ["keys", "found", "nexts", "previouses", "counts"]
    made: Callable[..., list[dict[str, Any]]] = _made(parameters, f"[{_literal(fields, OF_KEY)} for k in keys]")
    return made


def _made(parameters: Sequence[str], expression: str) -> Any:
    names: dict[str, Any] = {}
    code = f"def write({', '.join(parameters)}):\n    return {expression}"
    exec(compile(code, "<page>", "exec"), names)  # noqa: S102 - of names and literals that are quoted
    return names["write"]
