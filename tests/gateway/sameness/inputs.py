"""Random values of any input type, as JSON and as literals."""

import json
import random
from collections.abc import Mapping
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    Undefined,
    get_named_type,
)

IDS = tuple(f"{name}:{key}" for name in ("Ent0", "Ent1", "Ent2", "Junction") for key in (1, 2, "k-1"))
SCALARS: Mapping[str, tuple[Any, ...]] = {
    "Int": (0, 1, 2, 3, 7, -1, 100),
    "Float": (0, 1.5, -2, 1e10),
    "String": ("", "a", "some", "É", 'quo"te', "b\n"),
    "Boolean": (True, False),
    "ID": ("1", "2", "3", 3, "k-1", "k-2", "x", "00000000-0000-0000-0000-000000000001", *IDS),
    "Decimal": ("7.50", 0, "-1.00"),
    "DateTime": ("2026-01-05T08:30:00Z", "0001-01-01T00:00:00+00:00"),
    "Date": ("2024-02-29", "0001-01-01"),
    "UUID": ("00000000-0000-0000-0000-00000000004d",),
    "BigInt": ("9007199254740993", 1, 0),
    "JSON": (None, 1, "x", [1, {"a": True}], {"b": {"c": []}}),
    "Temperature": ("20C", "-1.5C"),
}


def required(each: GraphQLArgument | GraphQLInputField) -> bool:
    return isinstance(each.type, GraphQLNonNull) and each.default_value is Undefined


def is_one_of(of: GraphQLInputObjectType) -> bool:
    """Strawberry checks `@oneOf` by a rule of its own, and does not tell graphql-core."""
    definition = of.extensions.get("strawberry-definition")
    return of.is_one_of or bool(getattr(definition, "is_one_of", False))


def given_type(each: GraphQLInputField, parent: GraphQLInputObjectType) -> GraphQLInputType:
    """The type of what is written for a field: the only one of a `@oneOf` cannot be null."""
    if isinstance(each.type, GraphQLNonNull) or not is_one_of(parent):
        return each.type
    return GraphQLNonNull(each.type)


def chosen(of: GraphQLInputObjectType, rng: random.Random, depth: int) -> dict[str, GraphQLInputField]:
    if is_one_of(of):
        name = rng.choice(list(of.fields))
        return {name: of.fields[name]}
    optional = [name for name, each in of.fields.items() if not required(each)]
    wanted = rng.sample(optional, min(len(optional), rng.choice((0, 1, 1, 2)) if depth > 0 else 0))
    return {name: each for name, each in of.fields.items() if required(each) or name in wanted}


def value_of(of: GraphQLInputType, rng: random.Random, depth: int = 3) -> Any:
    """A value of an input type, as JSON; enums by name."""
    if isinstance(of, GraphQLNonNull):
        found = value_of(of.of_type, rng, depth)
        while found is None:
            found = value_of(of.of_type, rng, depth)
        return found
    if rng.random() < 0.1:
        return None
    if isinstance(of, GraphQLList):
        if rng.random() < 0.15:
            return value_of(of.of_type, rng, depth)
        return [value_of(of.of_type, rng, depth - 1) for _ in range(rng.randint(0, 2))]
    if isinstance(of, GraphQLEnumType):
        return rng.choice(list(of.values))
    if isinstance(of, GraphQLInputObjectType):
        return {name: value_of(given_type(each, of), rng, depth - 1) for name, each in chosen(of, rng, depth).items()}
    return rng.choice(SCALARS[of.name])


def literal(value: Any, of: GraphQLInputType | None) -> str:
    """The value as it is written in a document."""
    bare: Any = of.of_type if isinstance(of, GraphQLNonNull) else of
    if isinstance(bare, GraphQLList) and not isinstance(value, list):
        return literal(value, bare.of_type)
    if isinstance(value, dict):
        types = {name: each.type for name, each in getattr(bare, "fields", {}).items()}
        return "{" + ", ".join(f"{name}: {literal(inner, types.get(name))}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        inner = bare.of_type if isinstance(bare, GraphQLList) else None
        return "[" + ", ".join(literal(each, inner) for each in value) + "]"
    named = get_named_type(bare)
    if isinstance(named, GraphQLEnumType) and isinstance(value, str):
        return value
    return json.dumps(value)
