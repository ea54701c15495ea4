"""Rules over several columns, where the input has but some of them: the row that was written has all."""

from collections.abc import Iterator, Sequence
from typing import Any

from datasources.lookup import Lookup, Row
from datasources.write import Writer
from resolvers.definition import Entity
from resolvers.errors import InputInvalid, Problem
from resolvers.ids import encode_id
from resolvers.policies import Sight
from resolvers.rows import materialiser
from resolvers.types import camel
from resolvers.writes import Validation
from resolvers.writes_reading import New, Patched


async def check_rules(
    writer: Writer, sight: Sight, entity: Entity, items: Sequence[New | Patched], rows: Sequence[Row]
) -> None:
    """Raises InputInvalid. Each of `rows` is the written one of an item, its key being first."""
    if not entity.validations:
        return
    unchecked = [(item, row[0]) for item, row in zip(items, rows, strict=True) if item.unchecked]
    if not unchecked:
        return
    attributes = {name for item, _ in unchecked for rule in item.unchecked for name in rule.attributes}
    columns = tuple(sorted([entity.columns[name].column.name for name in attributes]))
    keys = tuple([key for _, key in unchecked])
    found = (await writer.lookup(Lookup(entity.collection, columns, key=entity.key, keys=keys))).rows
    written = dict(zip([row[0] for row in found], materialiser(entity, columns, skip=1)(found), strict=True))
    problems = [
        Problem(item.path, _told(sight, entity, rule, message), camel(rule.name))
        for item, key in unchecked
        for rule in item.unchecked
        if (message := rule.function(*_values(entity, rule, written[key]))) is not None
    ]
    if problems:
        raise InputInvalid(problems)


def _told(sight: Sight, entity: Entity, rule: Validation, message: str) -> str:
    """The rule's own message, which may tell of any value, where all are seen."""
    if all(sight.allows(entity.columns[name].required) for name in rule.attributes):
        return message
    return f"{entity.name} would break the rule {camel(rule.name)}."


def _values(entity: Entity, rule: Validation, instance: Any) -> Iterator[Any]:
    for name in rule.attributes:
        column, value = entity.columns[name], getattr(instance, name)
        yield value if column.refers_to is None or value is None else encode_id(column.refers_to().name, value)
