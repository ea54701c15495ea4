"""Pages of rows: Relay connections over keyset cursors."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import repeat
from typing import Any

import strawberry
from graphql import FieldNode

from datasources.lookup import Lookup, Row
from resolvers.context import PageSizes
from resolvers.costs import FREE
from resolvers.cursors import cursor_encoder, decode_cursor
from resolvers.definition import Entity
from resolvers.errors import BadUserInput, PageSizeExceeded
from resolvers.filters import filter_input, to_filter
from resolvers.ordering import order_input, to_order
from resolvers.policies import Sight
from resolvers.rows import Materialise
from resolvers.selection import Scope, needed_columns, selections
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
        directives=[FREE],
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
class PageSelection:
    """What an operation selects of a connection."""

    columns: tuple[str, ...]
    """That the rows' fields need."""
    rows: bool
    """Whether rows are selected at all, as nodes or as edges,"""
    edges: bool
    cursors: bool
    """the cursors of edges,"""
    ends: bool
    """the cursors of the first and last row,"""
    next: bool
    previous: bool
    """and whether there are rows after and before the page."""
    count: bool


def select_page(entity: Entity, scope: Scope, nodes: Iterable[FieldNode]) -> PageSelection:
    """What `nodes` select of a connection."""
    selected = selections(scope, nodes, f"{entity.name}Connection")
    edges = selections(scope, selected.get("edges", ()), f"{entity.name}Edge")
    rows = [*selected.get("nodes", ()), *edges.get("node", ())]
    page_info = selections(scope, selected.get("pageInfo", ()), "PageInfo")
    return PageSelection(
        columns=needed_columns(entity, selections(scope, rows, entity.name)),
        rows="nodes" in selected or "edges" in selected,
        edges="edges" in selected,
        cursors="cursor" in edges,
        ends=not page_info.keys().isdisjoint(("startCursor", "endCursor")),
        next="hasNextPage" in page_info,
        previous="hasPreviousPage" in page_info,
        count="totalCount" in selected,
    )


@dataclass(frozen=True, slots=True)
class Page:
    """A connection's arguments and selection, worked out once for all of its parents."""

    entity: Entity
    selection: PageSelection
    lookup: Lookup
    size: int
    backward: bool
    cursor: Callable[[Row], str]

    def cut(self, rows: Sequence[Row]) -> tuple[Sequence[Row], bool]:
        """The page's rows in order, and whether there was one more."""
        more = len(rows) > self.size
        page = rows[: self.size] if more else rows
        return (page[::-1] if self.backward else page), more

    def beyond(self, more: bool) -> tuple[bool, bool]:
        """Whether there is a next page, and a previous one."""
        bounded = self.lookup.after is not None
        return (bounded, more) if self.backward else (more, bounded)

    def connection(self, instances: Materialise, rows: Sequence[Row], count: int) -> Any:
        """The page as an instance of the connection's type; `rows` may hold one more than the page's size."""
        page, more = self.cut(rows)
        nodes = instances(page)
        ends = self.selection.ends and bool(page)
        has_next, has_previous = self.beyond(more)
        values: dict[str, Any] = {
            "nodes": nodes,
            "page_info": PageInfo(
                has_next_page=has_next,
                has_previous_page=has_previous,
                start_cursor=self.cursor(page[0]) if ends else None,
                end_cursor=self.cursor(page[-1]) if ends else None,
            ),
        }
        if self.selection.edges:
            edge = edge_type(self.entity)
            cursors = map(self.cursor, page) if self.selection.cursors else repeat("", len(page))
            values["edges"] = [edge(node=node, cursor=cursor) for node, cursor in zip(nodes, cursors, strict=True)]
        if self.entity.capabilities.count:
            values["total_count"] = count
        return connection_type(self.entity)(**values)


def read_page(
    entity: Entity,
    selection: PageSelection,
    arguments: Mapping[str, Any],
    sizes: PageSizes,
    sight: Sight,
    *,
    skip: int,
) -> Page:
    """Works out a connection field's lookup, whose rows have their columns after `skip` other values.

    Raises BadUserInput for arguments that make no sense, and Unauthorized for such that look at what is not seen.
    """
    size, backward = _page_size(arguments, sizes)
    forward_order = to_order(entity, arguments.get("order_by"), sight)
    cursor = arguments.get("before") if backward else arguments.get("after")
    position = None if cursor is None else decode_cursor(entity, forward_order, cursor)
    order = tuple(term.reversed() for term in forward_order) if backward else forward_order

    columns = selection.columns
    if selection.ends or selection.cursors:
        columns = (*columns, *(term.column for term in order if term.column not in columns))
    peek = selection.previous if backward else selection.next
    return Page(
        entity=entity,
        selection=selection,
        lookup=Lookup(
            collection=entity.collection,
            columns=columns,
            filter=to_filter(entity, arguments.get("filter"), sight),
            order=order,
            after=position,
            limit=size + peek if selection.rows or selection.ends or peek else 0,
            count=selection.count,
        ),
        size=size,
        backward=backward,
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
