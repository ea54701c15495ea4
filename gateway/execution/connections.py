"""Plans a page: which selections of its rows there are, and the code that writes it."""

from collections.abc import Callable
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
    fields: dict[str, str] = {}
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
                fields[key] = _literal({each: _page_info(of, info) for each, of in collect(info, details).items()})
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
    fields: dict[str, str] = {}
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


def _literal(fields: dict[str, str]) -> str:
    return f"{{{', '.join(f'{key!r}: {value}' for key, value in fields.items())}}}"


def _writer(fields: dict[str, str], objects: int) -> Callable[..., dict[str, Any]]:
    """`write(rows, cursor, has_next, has_previous, count, o0, …)`: the page of `rows`, whose selections are `o0` …"""
    parameters = ["rows", "cursor", "has_next", "has_previous", "count", *(f"o{index}" for index in range(objects))]
    code = f"def write({', '.join(parameters)}):\n    return {_literal(fields)}"
    names: dict[str, Any] = {}
    exec(compile(code, "<page>", "exec"), names)  # noqa: S102 - of names and literals that are quoted
    made: Callable[..., dict[str, Any]] = names["write"]
    return made


def _bulk_writer(fields: dict[str, str]) -> Callable[..., list[dict[str, Any]]]:
    """`write(keys, found, nexts, previouses, counts)`: a page for each key; those that have more are in `nexts` …"""
    has = "for k in keys for o0, has_next, has_previous, count in "
    code = (
        "def write(keys, found, nexts, previouses, counts):\n"
        f"    return [{_literal(fields)} {has}((found.get(k) or [], k in nexts, k in previouses, counts.get(k, 0)),)]"
    )
    names: dict[str, Any] = {}
    exec(compile(code, "<pages>", "exec"), names)  # noqa: S102 - of names and literals that are quoted
    made: Callable[..., list[dict[str, Any]]] = names["write"]
    return made
