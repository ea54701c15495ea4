"""Pages of rows: Relay connections over keyset cursors."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import repeat
from typing import Any

import strawberry
from graphql import FieldNode

from datasources.lookup import Lookup, Row
from resolvers.context import PageSizes, ResolveInfo
from resolvers.cursors import cursor_encoder, decode_cursor
from resolvers.definition import Entity
from resolvers.errors import BadUserInput, PageSizeExceeded
from resolvers.filters import filter_input, to_filter
from resolvers.ordering import order_input, to_order
from resolvers.rows import Materialise, materialiser
from resolvers.selection import needed_columns, selections
from resolvers.types import FieldSpec, deferred, list_of, object_type, optional


@strawberry.type(description="Where a page stands among all rows.")
class PageInfo:
    """https://relay.dev/graphql/connections.htm#sec-undefined.PageInfo"""

    has_next_page: bool = strawberry.field(description="Whether rows follow this page.")
    has_previous_page: bool = strawberry.field(description="Whether rows precede this page.")
    start_cursor: str | None = strawberry.field(description="The first row's cursor, for `before`.")
    end_cursor: str | None = strawberry.field(description="The last row's cursor, for `after`.")


@cache
def edge_type(entity: Entity) -> type:
    return object_type(
        f"{entity.name}Edge",
        [FieldSpec("node", entity.cls), FieldSpec("cursor", str, "The row's position in this order.")],
        f"One of {entity.plural}, with its position.",
    )


@cache
def connection_type(entity: Entity) -> type:
    specs = [
        FieldSpec("edges", list_of(edge_type(entity)), "The rows with their cursors."),
        FieldSpec("nodes", list_of(entity.cls), "The rows."),
        FieldSpec("page_info", PageInfo),
    ]
    if entity.capabilities.count:
        specs.append(FieldSpec("total_count", int, "How many rows satisfy the filter, on all pages together."))
    return object_type(f"{entity.name}Connection", specs, f"A page of {entity.plural}.")


def deferred_connection(target: Callable[[], Entity], name: str) -> Any:
    return deferred(f"{name}Connection", lambda: connection_type(target()))


def connection_arguments(entity: Entity) -> list[FieldSpec]:
    """`first after last before filter orderBy`, the last where the source can order."""
    order = order_input(entity)
    specs = [
        FieldSpec("first", optional(int), "How many rows, from the start or after `after`."),
        FieldSpec("after", optional(str), "Only rows after this cursor."),
        FieldSpec("last", optional(int), "How many rows, from the end or before `before`."),
        FieldSpec("before", optional(str), "Only rows before this cursor."),
        FieldSpec(
            "filter",
            optional(deferred(f"{entity.name}Filter", lambda: filter_input(entity))),
            "Only rows that satisfy this.",
        ),
    ]
    if order is not None:
        specs.append(FieldSpec("order_by", optional(list_of(order)), "By default in the order of the key."))
    return specs


@dataclass(frozen=True, slots=True)
class Page:
    """A connection's arguments and selection, worked out once for all of its parents."""

    entity: Entity
    lookup: Lookup
    size: int
    backward: bool
    edges: bool
    """Whether edges are selected,"""
    cursors: bool
    """their cursors,"""
    ends: bool
    """and the cursors of the first and last row."""
    instances: Materialise
    cursor: Callable[[Row], str]

    def connection(self, rows: Sequence[Row], count: int) -> Any:
        """The page as an instance of the connection's type; `rows` may hold one more than the page's size."""
        more = len(rows) > self.size
        page = rows[: self.size]
        if self.backward:
            page = page[::-1]
        nodes = self.instances(page)
        bounded = self.lookup.after is not None
        ends = self.ends and bool(page)
        values: dict[str, Any] = {
            "nodes": nodes,
            "page_info": PageInfo(
                has_next_page=bounded if self.backward else more,
                has_previous_page=more if self.backward else bounded,
                start_cursor=self.cursor(page[0]) if ends else None,
                end_cursor=self.cursor(page[-1]) if ends else None,
            ),
        }
        if self.edges:
            edge = edge_type(self.entity)
            cursors = map(self.cursor, page) if self.cursors else repeat("", len(page))
            values["edges"] = [edge(node=node, cursor=cursor) for node, cursor in zip(nodes, cursors, strict=True)]
        if self.entity.capabilities.count:
            values["total_count"] = count
        return connection_type(self.entity)(**values)


def read_page(
    entity: Entity, info: ResolveInfo, nodes: Iterable[FieldNode], arguments: Mapping[str, Any], *, keyed: bool
) -> Page:
    """Works out a connection field's lookup. Raises BadUserInput for arguments that make no sense."""
    size, backward = _page_size(arguments, info.context.page_sizes)
    forward_order = to_order(entity, arguments.get("order_by"))
    cursor = arguments.get("before") if backward else arguments.get("after")
    position = None if cursor is None else decode_cursor(entity, forward_order, cursor)
    order = tuple(term.reversed() for term in forward_order) if backward else forward_order

    selected = selections(info, nodes, f"{entity.name}Connection")
    edges = selections(info, selected.get("edges", ()), f"{entity.name}Edge")
    rows = [*selected.get("nodes", ()), *edges.get("node", ())]
    page_info = selections(info, selected.get("pageInfo", ()), "PageInfo")
    ends = not page_info.keys().isdisjoint(("startCursor", "endCursor"))
    columns = needed_columns(entity, selections(info, rows, entity.name))
    if ends or "cursor" in edges:
        columns = (*columns, *(term.column for term in order if term.column not in columns))
    skip = 1 if keyed else 0
    peek = ("hasPreviousPage" if backward else "hasNextPage") in page_info
    reads = "nodes" in selected or "edges" in selected or ends or peek
    return Page(
        entity=entity,
        lookup=Lookup(
            collection=entity.collection,
            columns=columns,
            filter=to_filter(entity, arguments.get("filter")),
            order=order,
            after=position,
            limit=size + peek if reads else 0,
            count="totalCount" in selected,
        ),
        size=size,
        backward=backward,
        edges="edges" in selected,
        cursors="cursor" in edges,
        ends=ends,
        instances=materialiser(entity, columns, skip=skip),
        cursor=cursor_encoder(entity, forward_order, columns, skip=skip),
    )


def _page_size(arguments: Mapping[str, Any], sizes: PageSizes) -> tuple[int, bool]:
    first, last = arguments.get("first"), arguments.get("last")
    if first is not None and last is not None:
        raise BadUserInput("first and last cannot be combined: first takes rows from the start, last from the end.")
    after, before = arguments.get("after"), arguments.get("before")
    backward = last is not None
    if backward and after is not None:
        raise BadUserInput("last goes with before, not with after.")
    if not backward and before is not None:
        raise BadUserInput("before goes with last: say how many rows before the cursor.")
    name, size = ("last", last) if backward else ("first", first)
    if size is None:
        return sizes.default, False
    if size < 0:
        raise BadUserInput(f"{name} cannot be negative; it is {size}.")
    if size > sizes.maximum:
        raise PageSizeExceeded(f"{name} is {size}; a page holds {sizes.maximum} rows at most.")
    return int(size), backward
