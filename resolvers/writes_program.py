"""Writes rows and what comes with them within one transaction: one statement for each relation and level."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from datasources.errors import ConstraintViolated
from datasources.filters import EVERYTHING
from datasources.lookup import Lookup, Row
from datasources.write import Delete, Insert, Update, Write, Writer, left_out
from resolvers.definition import Entity, EntityColumn, Relation
from resolvers.errors import NotFound
from resolvers.ids import encode_id
from resolvers.policies import Sight, unauthorized
from resolvers.types import camel
from resolvers.writes_checks import moment_of_write
from resolvers.writes_failures import conflict, violated
from resolvers.writes_reading import Changes, Named, New, Patched
from resolvers.writes_rules import check_rules
from resolvers.writes_sight import expect_seen, seen_keys


@dataclass(frozen=True, eq=False, slots=True)
class Returning:
    """What is wanted of written rows: columns, some of them as they stand in JSON, and the same of new children."""

    columns: tuple[str, ...] = ()
    wire: frozenset[str] = frozenset()
    children: "Mapping[str, Returning]" = field(default_factory=dict)
    """By the relation's Python name."""


NOTHING = Returning()


@dataclass(frozen=True, slots=True)
class Made:
    """The new children of new rows: these are all that they have."""

    returning: Returning
    parents: Sequence[Any]
    rows: Sequence[tuple[Any, Row]]
    """(key of the parent, row), each row as the source returned it: with its own key before its columns."""


def creates_at_once(entity: Entity, news: Sequence[New]) -> bool:
    """Whether `create` is one statement."""
    if any(new.unchecked for new in news):
        return False
    family = _family(entity, news)
    if family is not None:
        return not any(child.unchecked for child in family[1])
    return len(news) == 1 and not any(news[0].children.values())  # of many, a trigger may leave some out


class Program:
    """Writes by `writer`. What cannot be written raises WriteRefused: a transaction is to be rolled back then."""

    def __init__(self, writer: Writer, sight: Sight) -> None:
        """Rows that are written are in `sight`, before and after; those that were not are not there."""
        self._writer = writer
        self._sight = sight
        self.made: list[Made] = []

    async def create(self, entity: Entity, news: Sequence[New], returning: Returning = NOTHING) -> Sequence[Row]:
        """The new rows, each with its key before the columns that are returned."""
        family = _family(entity, news)
        if family is not None:
            return await self._create_family(entity, news[0], *family, returning)
        rows = await self._in_groups(
            entity,
            news,
            lambda new: tuple(new.values),
            lambda columns, group: _insert(entity, columns, group, returning),
        )
        if entity.is_checked:
            await self._check(entity, news, rows)
        for name, relation in entity.written_relations.items():
            await self._create_children(relation, news, rows, returning.children.get(name))
        return rows

    async def _create_family(
        self, entity: Entity, new: New, relation: Relation, children: Sequence[New], returning: Returning
    ) -> Sequence[Row]:
        """A row and those of one relation: one statement, where the source has such."""
        target, wanted = relation.target(), returning.children.get(relation.attribute)
        inner = wanted or NOTHING
        try:
            rows, born = await self._writer.insert_with(
                _insert(entity, tuple(new.values), [new], returning),
                relation.remote_column,
                _insert(target, tuple(children[0].values), children, inner),
            )
        except ConstraintViolated as error:
            if error.collection == target.collection_name:
                raise violated(target, error, [child.path for child in children]) from error
            raise violated(entity, error, [new.path]) from error
        if entity.is_checked:
            await self._check(entity, [new], rows.rows)
        if target.is_checked:
            await self._check(target, children, born.rows)
        [(key, *_)] = rows.rows
        for name, each in returning.children.items():
            self.made.append(Made(each, [key], [(key, row) for row in born.rows] if name == relation.attribute else []))
        return rows.rows

    async def upsert(
        self, entity: Entity, column: EntityColumn, new: New, returning: Returning = NOTHING
    ) -> Sequence[Row]:
        """The row, which is new unless one has the same value of the column."""
        name = column.column.name
        if self._sight.rows(entity) != EVERYTHING:
            return await self._upsert_seen(entity, name, new, returning)
        changing = _changing(entity, name, new)
        insert = Insert(
            entity.collection,
            tuple(new.values),
            (tuple(new.values.values()),),
            returning.columns,
            returning.wire,
            conflict=(name,),
            update=changing or (name,),
            version=entity.version,
        )
        rows = await self._write(entity, insert, [new])
        await check_rules(self._writer, self._sight, entity, [new], rows)
        for relation in entity.written_relations.values():
            await self._create_children(relation, [new], rows, None)
        return rows

    async def _upsert_seen(self, entity: Entity, name: str, new: New, returning: Returning) -> Sequence[Row]:
        """The same, where not all rows are seen: one that is there must be, before it is changed."""
        lookup = Lookup(entity.collection, (entity.key,), key=name, keys=(new.values[name],))
        there = (await self._writer.lookup(lookup)).rows
        if not there:
            return await self.create(entity, [new], returning)
        if there[0][1] not in (await seen_keys(self._writer, self._sight, entity, [there[0][1]]) or ()):
            raise unauthorized(f"{entity.name} as it would be written")  # without a word on which one it is
        values = {each: new.values[each] for each in _changing(entity, name, new)}
        patched = Patched((*new.path, "id"), there[0][1], None, values, unchecked=new.unchecked)
        rows = await self.update(entity, [patched], returning)
        for relation in entity.written_relations.values():
            await self._create_children(relation, [new], rows, None)
        return rows

    async def update(self, entity: Entity, patches: Sequence[Patched], returning: Returning = NOTHING) -> Sequence[Row]:
        """The changed rows. Raises NotFound and Conflict where there is none of that key, or of that version."""
        await self._expect_there(entity, patches)
        rows = await self._in_groups(
            entity,
            patches,
            lambda patched: (tuple(patched.values), patched.expected is not None),
            lambda shape, group: Update(
                entity.collection,
                shape[0],
                tuple([(patched.key, *patched.values.values()) for patched in group]),
                returning.columns,
                returning.wire,
                entity.version,
                _expected(group, versioned=shape[1]),
            ),
        )
        if entity.is_checked:
            await self._check(entity, patches, rows)
        for name, relation in entity.written_relations.items():
            await self._change_children(relation, name, patches)
        return rows

    async def delete(self, entity: Entity, rows: Sequence[Named], returning: Returning = NOTHING) -> Sequence[Row]:
        """The rows as they were. Raises NotFound and Conflict."""
        await self._expect_there(entity, rows)
        return await self._in_groups(
            entity,
            rows,
            lambda row: row.expected is not None,
            lambda versioned, group: Delete(
                entity.collection,
                tuple(row.key for row in group),
                returning.columns,
                returning.wire,
                entity.version,
                _expected(group, versioned=versioned),
            ),
        )

    async def _check(self, entity: Entity, items: Sequence[New | Patched], rows: Sequence[Row]) -> None:
        """Raises InputInvalid and Unauthorized."""
        await check_rules(self._writer, self._sight, entity, items, rows)
        await expect_seen(self._writer, self._sight, entity, rows)

    async def _create_children(
        self, relation: Relation, parents: Sequence[New], rows: Sequence[Row], returning: Returning | None
    ) -> None:
        keys: list[Any] = []
        children: list[New] = []
        name, column = relation.attribute, relation.remote_column
        for parent, row in zip(parents, rows, strict=True):
            for child in parent.children.get(name, ()):
                child.values[column] = row[0]
                keys.append(row[0])
                children.append(child)
        made = await self.create(relation.target(), children, returning or NOTHING) if children else ()
        if returning is not None:
            self.made.append(Made(returning, [row[0] for row in rows], list(zip(keys, made, strict=True))))

    async def _change_children(self, relation: Relation, name: str, patches: Sequence[Patched]) -> None:
        entity, column = relation.target(), relation.remote_column
        owned = [(patched.key, patched.children[name]) for patched in patches if name in patched.children]
        of_owner = Returning((column,))

        def each_of(kind: Callable[[Changes], Sequence[Any]]) -> tuple[list[Any], list[Any]]:
            """All of a kind, and the owner of each."""
            found = [(row, owner) for owner, changes in owned for row in kind(changes)]
            return [row for row, _ in found], [owner for _, owner in found]

        gone, owners = each_of(lambda changes: changes.delete)
        if gone:
            _check_owners(entity, gone, owners, await self.delete(entity, gone, of_owner))
        changed, owners = each_of(lambda changes: changes.update)
        if changed:
            _check_owners(entity, changed, owners, await self.update(entity, changed, of_owner))
        linked, owners = each_of(lambda changes: changes.connect)
        if linked:
            also = moment_of_write(entity)
            pairs = zip(linked, owners, strict=True)
            await self.update(
                entity, [Patched(row.path, row.key, None, {column: owner} | also) for row, owner in pairs]
            )
        added, owners = each_of(lambda changes: changes.create)
        for child, owner in zip(added, owners, strict=True):
            child.values[column] = owner
        if added:
            await self.create(entity, added)

    async def _in_groups(
        self,
        entity: Entity,
        items: Sequence[Any],
        shape_of: Callable[[Any], Any],
        write_of: Callable[[Any, Sequence[Any]], Write],
    ) -> Sequence[Row]:
        """The rows of all items, in their order; those of one shape are one statement."""
        shapes = list(map(shape_of, items))
        if not shapes:
            return ()
        if shapes.count(shapes[0]) == len(shapes):
            return await self._write(entity, write_of(shapes[0], items), items)
        groups: dict[Any, list[int]] = {}
        for index, shape in enumerate(shapes):
            groups.setdefault(shape, []).append(index)
        rows: list[Row] = [()] * len(items)
        for shape, indexes in groups.items():
            group = [items[index] for index in indexes]
            found = await self._write(entity, write_of(shape, group), group)
            for index, row in zip(indexes, found, strict=True):
                rows[index] = row
        return rows

    async def _write(self, entity: Entity, write: Write, items: Sequence[New | Named]) -> Sequence[Row]:
        """The rows of a statement, one for each of the items that it writes."""
        try:
            rows = (await self._writer.write(write)).rows
        except ConstraintViolated as error:
            raise violated(entity, error, [item.path for item in items]) from error
        if len(rows) < len(items) and isinstance(write, Insert):
            raise left_out(entity.source, write)
        if len(rows) < len(items):
            there = {row[0] for row in rows}
            await self._tell_missing(
                entity, [item for item in items if isinstance(item, Named) and item.key not in there]
            )
        return rows

    async def _expect_there(self, entity: Entity, items: Sequence[Named]) -> None:
        """Raises NotFound for a row that is not seen."""
        seen = await seen_keys(self._writer, self._sight, entity, [item.key for item in items])
        if seen is not None:
            for item in items:
                if item.key not in seen:
                    raise _not_found(entity, item)

    async def _tell_missing(self, entity: Entity, items: Iterable[Named]) -> None:
        """Raises what is to be said of rows that were left alone."""
        item = next(iter(items))
        if item.expected is not None:
            lookup = Lookup(entity.collection, entity.column_names, key=entity.key, keys=(item.key,))
            path = item.beside("expectedVersion")
            for row in (await self._writer.lookup(lookup)).rows:
                raise conflict(
                    entity, dict(zip(entity.column_names, row[1:], strict=True)), item.expected, path, self._sight
                )
        raise _not_found(entity, item)


def _family(entity: Entity, news: Sequence[New]) -> tuple[Relation, Sequence[New]] | None:
    """The relation that all rows below the one new row are of, and these, if they have the same columns."""
    if len(news) != 1:
        return None
    filled = [(name, children) for name, children in news[0].children.items() if children]
    if len(filled) != 1:
        return None
    [(name, children)] = filled
    shape = children[0].values.keys()
    for child in children:
        if child.values.keys() != shape or (child.children and any(child.children.values())):
            return None
    return entity.written_relations[name], children


def _insert(entity: Entity, columns: tuple[str, ...], news: Sequence[New], returning: Returning) -> Insert:
    rows = tuple([tuple(new.values.values()) for new in news])
    return Insert(entity.collection, columns, rows, returning.columns, returning.wire)


def _changing(entity: Entity, column: str, new: New) -> tuple[str, ...]:
    """The columns of a row that is there already, found by `column`, which get the new one's values."""
    return tuple(each for each in new.values if _changes(entity, each, new) and each not in (column, entity.key))


def _changes(entity: Entity, column: str, new: New) -> bool:
    """Whether a row that is there already gets the new one's value of the column."""
    return column == entity.updated or camel(entity.by_column[column].attribute) in new.given


def _expected(rows: Sequence[Named], *, versioned: bool) -> tuple[int, ...]:
    return tuple(row.expected or 0 for row in rows) if versioned else ()


def _check_owners(entity: Entity, items: Sequence[Named], owners: Sequence[Any], rows: Sequence[Row]) -> None:
    """Raises NotFound for a row that belongs to another owner."""
    for item, owner, (_, actual) in zip(items, owners, rows, strict=True):
        if actual != owner:
            raise _not_found(entity, item)


def _not_found(entity: Entity, item: Named) -> NotFound:
    return NotFound(f"There is no {encode_id(entity.name, item.key)} here.", {"inputPath": list(item.beside("id"))})
