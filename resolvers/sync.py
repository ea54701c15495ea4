"""`sync`: what a client needs to keep a copy of entities, from nothing or from where it stands."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import strawberry
from strawberry.annotation import StrawberryAnnotation

from datasources.base import Datasource
from datasources.changes import ChangeFeed, ChangeKind, Values, by_name, feed_of
from datasources.errors import SourceRefused
from datasources.filters import Order
from datasources.lookup import Lookup, Row
from resolvers.change_cursors import Place, Position, decode_position, encode_position
from resolvers.changes import Watch, all_of, image_reader, watched_enum
from resolvers.context import PageSizes, ResolveInfo
from resolvers.definition import Entity
from resolvers.errors import BadUserInput, InvalidCursor, PageSizeExceeded
from resolvers.fields import GraphField, entity_columns
from resolvers.ids import encode_id, parse_key
from resolvers.node import Node
from resolvers.rows import materialiser
from resolvers.selection import selections
from resolvers.types import FieldSpec, list_of, object_type, optional
from resolvers.viewer import Viewer

Sources = Callable[[str], Datasource]
Layout = Callable[[Entity], tuple[tuple[str, ...], frozenset[str]]]
"""The columns that are read of an entity's rows, and those of them that are wanted as they stand in JSON."""


@cache
def tombstone_type(entities: tuple[Entity, ...]) -> type:
    return object_type(
        "Tombstone",
        [FieldSpec("entity", watched_enum(entities)), FieldSpec("id", strawberry.ID)],
        "A row that is gone, or that the viewer sees no more.",
    )


@cache
def sync_type(entities: tuple[Entity, ...]) -> type:
    specs = [
        FieldSpec("upserts", list_of(Node), "Rows to put in the place of what there is of them."),
        FieldSpec("tombstones", list_of(tombstone_type(entities)), "Rows to drop, before the others are put."),
        FieldSpec("cursor", str, "What to go on from, as `since` or by a subscription."),
        FieldSpec("has_more", bool, "Whether there is more to read now; only then is the copy exact."),
    ]
    return object_type("Sync", specs, "What has become of entities, each row once.")


@dataclass(frozen=True, slots=True)
class SyncPage:
    """What one `sync` answers."""

    upserts: Sequence[tuple[Entity, Row]]
    tombstones: Sequence[tuple[Entity, str]]
    """With their ids."""
    cursor: str
    has_more: bool


class SyncField(GraphField):
    """`sync(since:, entities:, first:)`"""

    entities: tuple[Entity, ...]

    async def read(
        self, source: Sources, arguments: Mapping[str, Any], sizes: PageSizes, layout: Layout, viewer: Viewer
    ) -> SyncPage:
        """Raises BadUserInput and Unauthorized, and CursorExpired when the client has to begin anew."""
        watches = all_of(self.entities, arguments.get("entities"), viewer)
        size = _size(arguments.get("first"), sizes)
        since = arguments.get("since")
        reading = _Reading(source, sorted(watches, key=lambda each: each.entity.name), size, layout)
        if since is None:
            return await reading.page(await reading.beginning())
        position = decode_position(since)
        position.expect(watches[0].sight.digest)
        return await reading.page(position)

    def tombstones(self, page: SyncPage) -> list[Any]:
        """As instances of their type."""
        members, made = watched_enum(self.entities), tombstone_type(self.entities)
        return [made(entity=members(entity.name), id=id) for entity, id in page.tombstones]

    async def resolve(self, source: Any, info: ResolveInfo, arguments: dict[str, Any]) -> Any:
        upserts = selections(info, info.field_nodes, "Sync").get("upserts", ())

        def layout(entity: Entity) -> tuple[tuple[str, ...], frozenset[str]]:
            return entity_columns(entity, info, upserts), frozenset()

        context = info.context
        page = await self.read(context.sources.__getitem__, arguments, context.page_sizes, layout, context.viewer)
        instances = {entity: materialiser(entity, layout(entity)[0]) for entity, _ in page.upserts}
        return sync_type(self.entities)(
            upserts=[instances[entity]([row])[0] for entity, row in page.upserts],
            tombstones=self.tombstones(page),
            cursor=page.cursor,
            has_more=page.has_more,
        )


def sync_field(entities: tuple[Entity, ...]) -> SyncField:
    """The root field over entities that are watched."""
    field = SyncField(
        python_name="sync",
        graphql_name="sync",
        type_annotation=StrawberryAnnotation(optional(sync_type(entities))),
        description="All rows of these entities, page by page; then, since a cursor, what has become of them.",
    )
    field.entities = entities
    field.make_arguments = lambda: [
        FieldSpec("since", optional(str), "The cursor that came last; without it all rows are read."),
        FieldSpec("entities", optional(list_of(watched_enum(entities))), "By default all that are watched."),
        FieldSpec("first", optional(int), "How many rows or changes to read, at most."),
    ]
    return field


def _size(first: int | None, sizes: PageSizes) -> int:
    if first is None:
        return sizes.default
    if first < 1:
        raise BadUserInput(f"first is {first}; sync reads one row at least.")
    if first > sizes.maximum:
        raise PageSizeExceeded(f"first is {first}; a page holds {sizes.maximum} rows at most.")
    return first


@dataclass(frozen=True, slots=True)
class _Reading:
    source: Sources
    watches: Sequence[Watch]
    """In the order in which they are read."""
    size: int
    layout: Layout

    async def beginning(self) -> Position:
        """Where the changes are now: what is read from here on may be newer, and is told once more behind it."""
        feeds = self._feeds()
        heads = await asyncio.gather(*(feed.head() for feed in feeds.values()))
        place = Place(self._names()[0], None)
        return Position(dict(zip(feeds, heads, strict=True)), self._names(), place, self._digest)

    async def page(self, position: Position) -> SyncPage:
        if position.place is None:
            return await self._changes(position)
        return await self._snapshot(position, position.place)

    async def _snapshot(self, position: Position, place: Place) -> SyncPage:
        names = self._names()
        if position.entities is None or names != sorted(position.entities) or place.entity not in names:
            raise InvalidCursor("The cursor is of other entities: name the same until all of their rows are read.")
        upserts: list[tuple[Entity, Row]] = []
        start, following = names.index(place.entity), None
        for watch in self.watches[start:]:
            entity, room = watch.entity, self.size - len(upserts)
            if not room:
                following = Place(entity.name, None)
                break
            columns, wire = self.layout(entity)
            lookup = Lookup(
                entity.collection,
                columns,
                filter=watch.filter,
                order=(Order(entity.key),),
                after=_after(entity, place) if entity.name == place.entity else None,
                limit=room + 1,
                wire=wire,
            )
            rows = (await self.source(entity.source).lookup(lookup)).rows
            upserts += [(entity, row) for row in rows[:room]]
            if len(rows) > room:
                following = Place(entity.name, str(rows[room - 1][columns.index(entity.key)]))
                break
        return SyncPage(upserts, (), encode_position(replace(position, entities=names, place=following)), has_more=True)

    async def _changes(self, position: Position) -> SyncPage:
        names = self._names()
        unknown = sorted(set(names) - set(position.entities or ()))
        if position.entities is None:
            raise InvalidCursor("The cursor comes from a subscription with a filter, which did not tell everything.")
        if unknown:
            raise InvalidCursor(f"The cursor is not of {', '.join(unknown)}: read these without a cursor first.")
        feeds = self._feeds()
        cursors = position.of(feeds.keys())
        by_collection = {(each.entity.source, each.entity.collection_name): each for each in self.watches}
        latest: dict[tuple[str, Any], tuple[Watch, ChangeKind, Values | None]] = {}
        room = self.size
        for source, feed in feeds.items():
            collections = by_name(each.entity.collection for each in self.watches if each.entity.source == source)
            changes, cursors[source] = await feed.read(cursors[source], room, collections)
            for change in changes:
                watch = by_collection[source, change.collection]
                kind = watch.kind_of(change)
                if kind is not None:
                    latest.pop((watch.entity.name, change.key), None)
                    latest[watch.entity.name, change.key] = watch, kind, change.after
            room -= len(changes)
            if not room:
                break
        upserts, tombstones = self._settled(latest)
        return SyncPage(
            upserts, tombstones, encode_position(Position(cursors, names, sight=self._digest)), has_more=not room
        )

    def _settled(
        self, latest: Mapping[tuple[str, Any], tuple[Watch, ChangeKind, Values | None]]
    ) -> tuple[list[tuple[Entity, Row]], list[tuple[Entity, str]]]:
        read = {each.entity: image_reader(each.entity, *self.layout(each.entity)) for each in self.watches}
        upserts: list[tuple[Entity, Row]] = []
        tombstones: list[tuple[Entity, str]] = []
        for (name, key), (watch, kind, after) in latest.items():
            if kind is ChangeKind.DELETED or after is None:
                tombstones.append((watch.entity, encode_id(name, key)))
            else:
                upserts.append((watch.entity, read[watch.entity](after)))
        return upserts, tombstones

    @property
    def _digest(self) -> str | None:
        return self.watches[0].sight.digest

    def _names(self) -> list[str]:
        return [each.entity.name for each in self.watches]

    def _feeds(self) -> dict[str, ChangeFeed]:
        return {each.entity.source: _feed(self.source(each.entity.source)) for each in self.watches}


def _feed(source: Datasource) -> ChangeFeed:
    feed = feed_of(source)
    if feed is None:
        raise SourceRefused(source.name, "keeps no changes")
    return feed


def _after(entity: Entity, place: Place) -> tuple[Any, ...] | None:
    if place.key is None:
        return None
    key = parse_key(entity.key_type, place.key)
    if key is None:
        raise InvalidCursor("The cursor's place is malformed: pass one that sync returned.")
    return (key,)
