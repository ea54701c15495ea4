"""Documents for every way that leads to a field of an entity, made of the graph itself."""

from collections.abc import Iterator

from strawberry.types.base import get_object_definition

from datasources.lookup import ColumnType
from resolvers.aggregates import FUNCTIONS, columns_of, groupable
from resolvers.annotations import Shape
from resolvers.definition import Entity, Relation
from resolvers.fields import RelationAggregateField, RelationField
from resolvers.filters import filterable_relations
from resolvers.types import camel, lower_first

IDS = range(1, 6)


def documents(entity: Entity) -> Iterator[tuple[str, str]]:
    """(door, document) of each."""
    for name, selection in selections(entity):
        for door, document in _doors(entity, selection):
            yield f"{entity.name}.{name} by {door}", document
    for name, condition in conditions(entity):
        for door, document in _looks(entity, condition):
            yield f"{entity.name}.{name} in the filter of {door}", document
    for name, column in entity.columns.items():
        if column.sortable and column.column.type is not ColumnType.JSON:
            for direction in ("ASC", "DESC"):
                yield (
                    f"{entity.name}.{name} in orderBy",
                    f"{{ {entity.plural}(orderBy: {{{camel(name)}: {direction}}}) "
                    "{ nodes { id } pageInfo { endCursor } } }",
                )
            for owner, relation in paged(entity):
                page = f"{camel(relation.attribute)}(orderBy: {{{camel(name)}: DESC}}) {{ nodes {{ id }} }}"
                yield (
                    f"{entity.name}.{name} in orderBy of {owner.name}.{relation.attribute}",
                    f"{{ {owner.plural} {{ nodes {{ id {page} }} }} }}",
                )
    for field, figures in _figures(entity):
        yield f"{entity.name} in {field}", f"{{ {entity.plural}Aggregate{figures} }}"
        for owner, relation in leading_to(entity):
            if relation.to_many:
                name = f"{camel(relation.attribute)}Aggregate"
                yield (
                    f"{entity.name} in {field} of {owner.name}.{name}",
                    f"{{ {owner.plural} {{ nodes {{ id {name}{figures} }} }} }}",
                )


def variations(entity: Entity) -> Iterator[tuple[str, str]]:
    """(door, document) of other ways to write the same: aliases, fragments and directives, and for no field."""
    for name, selection in [*selections(entity), ("__typename", "__typename")]:
        for way, written in {
            "alias": f"a: {selection} b: {selection} __typename",
            "include": f"id ... @include(if: $yes) {{ {selection} }} ... @skip(if: $no) {{ {selection} }}",
            "skip": f"id ... @include(if: $no) {{ {selection} }} ... @skip(if: $yes) {{ {selection} }}",
            "node": f"... on Node {{ __typename ... on {entity.name} {{ {selection} }} }}",
            "fragment": "...F",
        }.items():
            variables = "query It($yes: Boolean! = true, $no: Boolean! = false) " if "$" in written else ""
            fragments = (
                f" fragment F on {entity.name} {{ __typename ... {{ {selection} }} }}" if "..F" in written else ""
            )
            yield f"{entity.name}.{name} by {way}", f"{variables}{_everywhere(entity, written)}{fragments}"
    for owner, relation in leading_to(entity):
        name = camel(relation.attribute)
        inner = "{ nodes { __typename } edges { cursor } pageInfo { hasNextPage endCursor } }"
        nothing = inner if (owner, relation) in list(paged(entity)) else "{ __typename }"
        yield f"{owner.name}.{name} by nothing", f"{{ {owner.plural} {{ nodes {{ {name} {nothing} }} }} }}"


def _everywhere(entity: Entity, selection: str) -> str:
    one, of = lower_first(entity.name), entity.name
    by_id = " ".join(f'a{key}: {one}(id: "{of}:{key}") {{ {selection} }}' for key in IDS)
    page = f"page: {entity.plural}(first: 3) {{ edges {{ node {{ {selection} }} cursor }} pageInfo {{ endCursor }} }}"
    nodes = f'nodes(ids: ["{of}:1", "{of}:3", "{of}:99"]) {{ __typename ... on {of} {{ {selection} }} }}'
    return f"{{ {by_id} {page} {nodes} }}"


def selections(entity: Entity) -> Iterator[tuple[str, str]]:
    """(field, what selects it) of each."""
    for field in get_object_definition(entity.cls, strict=True).fields:
        name = field.graphql_name or camel(field.python_name)
        if isinstance(field, RelationAggregateField):
            yield name, f"{name} {{ count }}"
        elif isinstance(field, RelationField):
            inner = "{ nodes { id } totalCount }" if field.target.shape is Shape.CONNECTION else "{ id }"
            yield name, f"{name} {inner}"
        else:
            yield name, name


def conditions(entity: Entity) -> Iterator[tuple[str, str]]:
    """(member of the filter, a condition) of each."""
    for name, column in entity.columns.items():
        if column.is_id and column.refers_to is not None:
            yield name, f'{camel(name)}: {{in: ["{column.refers_to().name}:1", "{column.refers_to().name}:3"]}}'
        elif column.column.type is ColumnType.STRING:
            yield name, f'{camel(name)}: {{endsWith: "1"}}'
            yield name, f'{camel(name)}: {{gt: "n"}}'
        else:
            yield name, f"{camel(name)}: {{gt: 49}}"
    for relation in filterable_relations(entity):
        for name, column in relation.target().columns.items():
            if column.column.type is ColumnType.INTEGER:
                inner = f"{camel(name)}: {{gt: 49}}"
                where = f"{{some: {{{inner}}}}}" if relation.to_many else f"{{{inner}}}"
                yield relation.attribute, f"{camel(relation.attribute)}: {where}"
        yield relation.attribute, f"{camel(relation.attribute)}: " + ("{some: {}}" if relation.to_many else "{}")
        if relation.to_many:
            yield (
                relation.attribute,
                f'{camel(relation.attribute)}: {{none: {{id: {{ne: "x"}}}}}}'.replace(
                    '"x"', f'"{relation.target().name}:1"'
                ),
            )


def leading_to(entity: Entity) -> Iterator[tuple[Entity, Relation]]:
    """The relations that lead to the entity, with their owners."""
    for owner in entity.targets.values():
        for relation in owner.relations.values():
            if relation.target() is entity:
                yield owner, relation


def paged(entity: Entity) -> Iterator[tuple[Entity, Relation]]:
    """Those that lead to pages."""
    for owner, relation in leading_to(entity):
        field = get_object_definition(owner.cls, strict=True).get_field(relation.attribute)
        if isinstance(field, RelationField) and field.target.shape is Shape.CONNECTION:
            yield owner, relation


def _doors(entity: Entity, selection: str) -> Iterator[tuple[str, str]]:
    one, of = lower_first(entity.name), entity.name
    by_id = " ".join(f'a{key}: {one}(id: "{of}:{key}") {{ {selection} }}' for key in IDS)
    yield "id", f"{{ {by_id} }}"
    for key in entity.natural_keys:
        by = camel(f"by_{key}")
        found = f"{one}{by[0].upper()}{by[1:]}"
        values = {"code": "C", "number": "SO-", "secret": "s"}
        yield (
            key,
            "{ "
            + " ".join(f'a{number}: {found}({camel(key)}: "{values[key]}{number}") {{ {selection} }}' for number in IDS)
            + " }",
        )
    yield "page", f"{{ {entity.plural}(first: 3) {{ nodes {{ {selection} }} totalCount pageInfo {{ hasNextPage }} }} }}"
    yield "edges", f"{{ {entity.plural}(last: 2) {{ edges {{ cursor node {{ {selection} }} }} }} }}"
    yield (
        "node",
        "{ " + " ".join(f'a{key}: node(id: "{of}:{key}") {{ ... on {of} {{ {selection} }} }}' for key in IDS) + " }",
    )
    ids = ", ".join(f'"{of}:{key}"' for key in IDS)
    yield "nodes", f"{{ nodes(ids: [{ids}]) {{ id ... on {of} {{ {selection} }} }} }}"
    for owner, relation in leading_to(entity):
        name = camel(relation.attribute)
        in_pages = (owner, relation) in list(paged(entity))
        inner = f"{{ nodes {{ {selection} }} totalCount }}" if in_pages else f"{{ {selection} }}"
        yield f"{owner.name}.{name}", f"{{ {owner.plural} {{ nodes {{ id {name} {inner} }} }} }}"
        if in_pages:
            yield (
                f"nodes of {owner.name}.{name}",
                (f"{{ {owner.plural} {{ nodes {{ {name}(first: 2) {{ nodes {{ {selection} }} }} }} }} }}"),
            )


def _looks(entity: Entity, condition: str) -> Iterator[tuple[str, str]]:
    yield "the page", f"{{ {entity.plural}(filter: {{{condition}}}) {{ nodes {{ id }} totalCount }} }}"
    yield "its negation", f"{{ {entity.plural}(filter: {{not: {{{condition}}}}}) {{ nodes {{ id }} }} }}"
    yield "the aggregate", f"{{ {entity.plural}Aggregate(filter: {{{condition}}}) {{ count }} }}"
    for owner, relation in paged(entity):
        page = f"{camel(relation.attribute)}(filter: {{{condition}}}) {{ nodes {{ id }} totalCount }}"
        yield f"{owner.name}.{relation.attribute}", f"{{ {owner.plural} {{ nodes {{ id {page} }} }} }}"
    for owner, relation in leading_to(entity):
        name = camel(relation.attribute)
        if relation in filterable_relations(owner):
            inner = f"{{some: {{{condition}}}}}" if relation.to_many else f"{{{condition}}}"
            yield f"{owner.name}.{name}", f"{{ {owner.plural}(filter: {{{name}: {inner}}}) {{ nodes {{ id }} }} }}"
            if relation.to_many:
                every = f"{{every: {{{condition}}}}}"
                yield (
                    f"every {owner.name}.{name}",
                    f"{{ {owner.plural}(filter: {{{name}: {every}}}) {{ nodes {{ id }} }} }}",
                )


def _figures(entity: Entity) -> Iterator[tuple[str, str]]:
    """(what it looks at, the arguments and selection of an aggregate) of each."""
    yield "count", " { count }"
    for function in FUNCTIONS:
        for name in columns_of(entity, function):
            yield f"{function} of {name}", f" {{ count {function} {{ {name} }} }}"
            if columns_of(entity, function)[name].column.type is ColumnType.INTEGER:
                grouped = next(each for each in groupable(entity) if not entity.columns[each].required)
                yield (
                    f"having {function} of {name}",
                    f"(groupBy: {grouped.upper()}, having: {{{function}: {{{name}: {{gt: 49}}}}}}) "
                    f"{{ groups {{ count keys {{ {camel(grouped)} }} }} }}",
                )
    for name in groupable(entity):
        yield f"groups by {name}", f"(groupBy: {name.upper()}) {{ groups {{ count keys {{ {camel(name)} }} }} }}"
        yield f"groups by {name}, counted", f"(groupBy: {name.upper()}) {{ groups {{ count }} }}"
