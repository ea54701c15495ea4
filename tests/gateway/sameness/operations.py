"""Random operations over any GraphQL schema, valid by construction: fragments, merging, directives, variables."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
)

from tests.gateway.sameness.inputs import chosen, given_type, literal, required, value_of

CURSOR = "<a cursor of an earlier answer>"
"""A variable's value that is replaced by a cursor, once there is an answer to take one from."""
INTROSPECTION = (
    "__schema { queryType { name fields { name args { name defaultValue } } } directives { name } }",
    '__type(name: "Query") { kind name ofType { name } }',
)
WRONG: tuple[Any, ...] = ("wrong", -5, [], {"no": 1}, 1.5, True, None)
SIZE = 24
"""How many fields an operation selects at most, more or less."""


@dataclass
class Variable:
    """A variable of the operation, with what it may be given."""

    name: str
    type: GraphQLInputType
    default: str | None = None


@dataclass
class Operation:
    """A document, the operation in it that is to run, and values for its variables, more than once."""

    document: str
    name: str | None
    variables: tuple[dict[str, Any], ...]


@dataclass
class Writer:
    """Writes one operation; what a response name stands for is the same wherever it occurs, so that fields merge."""

    schema: GraphQLSchema
    rng: random.Random
    prefix: str = ""
    left: int = SIZE
    follows: bool = False
    """Whether it rather selects objects than leaves: relations below relations, and the same ones more than once."""
    variables: dict[str, Variable] = field(default_factory=dict)
    names: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    fragments: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Name → (type condition, text)."""

    def write(self, root: GraphQLObjectType, keyword: str, name: str) -> str:
        body = self.selection(root, self.rng.randint(5, 9) if self.follows else self.rng.randint(2, 5), wide=True)
        if keyword == "query" and self.rng.random() < 0.03:
            body = "{ " + self.rng.choice(INTROSPECTION) + body[1:]
        fragments = "".join(f"\nfragment {key} on {on} {text}" for key, (on, text) in self.fragments.items())
        declared = ", ".join(
            f"${each.name}: {each.type}" + (f" = {each.default}" if each.default is not None else "")
            for each in self.variables.values()
        )
        head = f"{keyword} {name}" + (f"({declared})" if declared else "")
        if head == "query " and self.rng.random() < 0.5:
            head = ""
        return f"{head} {body}{fragments}"

    def selection(self, on: GraphQLNamedType, depth: int, *, wide: bool = False) -> str:
        """A selection set of a composite type."""
        rng = self.rng
        parts = [self._part(on, depth) for _ in range(rng.randint(1, 5 if wide else 4))]
        kept = [part for part in parts if part]
        return "{ " + " ".join(kept or ["__typename"]) + " }"

    def _part(self, on: GraphQLNamedType, depth: int) -> str:
        rng = self.rng
        if self.left <= 0:
            return ""
        chance = rng.random()
        if depth > 0 and chance < 0.1:
            return f"... {self.directives()} {self.selection(on, depth - 1)}"
        if depth > 0 and chance < (0.6 if is_abstract_type(on) else 0.18):
            other = self._narrowed(on)
            return f"... on {other.name} {self.directives()} {self.selection(other, depth - 1)}"
        if depth > 0 and chance < (0.75 if is_abstract_type(on) else 0.27):
            return self._spread(on, depth)
        fields: Mapping[str, GraphQLField] = getattr(on, "fields", {})
        if not fields or chance > 0.93:
            return self._named("__typename", "", "String!", "")
        name = rng.choice(self._followed(fields) or list(fields))
        again = self.follows and rng.random() < 0.25
        return " ".join(self._field(on, name, depth) for _ in range(2 if again else 1))

    def _followed(self, fields: Mapping[str, GraphQLField]) -> list[str]:
        """Those of the fields that lead to objects, where it is their turn."""
        if not self.follows or self.rng.random() < 0.4:
            return []
        return [
            name
            for name, definition in fields.items()
            if not is_leaf_type(get_named_type(definition.type)) and name not in ("pageInfo", "edges")
        ]

    def _narrowed(self, on: GraphQLNamedType) -> GraphQLNamedType:
        """A type that a fragment may have as its condition here."""
        possible: list[GraphQLNamedType] = [on]
        if is_abstract_type(on):
            possible.extend(self.schema.get_possible_types(on))
        elif isinstance(on, GraphQLObjectType):
            possible.extend(on.interfaces)
        return self.rng.choice(possible)

    def _spread(self, on: GraphQLNamedType, depth: int) -> str:
        rng = self.rng
        fitting = [name for name, (condition, text) in self.fragments.items() if condition == on.name and text]
        if fitting and rng.random() < 0.5:
            return f"...{rng.choice(fitting)} {self.directives()}"
        other = self._narrowed(on)
        name = f"{self.prefix}F{len(self.fragments)}"
        self.fragments[name] = (other.name, "")
        self.fragments[name] = (other.name, self.selection(other, depth - 1))
        return f"...{name} {self.directives()}"

    def _field(self, on: GraphQLNamedType, name: str, depth: int) -> str:
        definition: GraphQLField = on.fields[name]  # type: ignore[attr-defined]
        inner = get_named_type(definition.type)
        if not is_leaf_type(inner) and depth <= 0:
            return ""
        self.left -= 1
        arguments = self._arguments(definition.args)
        body = ""
        if not is_leaf_type(inner):
            body = self.selection(inner, depth - 1)
            if CURSOR in arguments or inner.name.endswith("Connection"):
                body = body[:-1] + (
                    "pageInfo { endCursor startCursor hasNextPage } }" if self.rng.random() < 0.5 else "}"
                )
        return self._named(name, arguments, str(definition.type), body)

    def _named(self, name: str, arguments: str, type_name: str, body: str) -> str:
        """The field under its own name, or an alias where that stands for something else already."""
        meaning = (name, arguments, type_name)
        key = name if self.rng.random() < 0.85 else f"{name}_{self.rng.randint(0, 2)}"
        number = 2
        while self.names.setdefault(key, meaning) != meaning:
            number += 1
            key = f"{name}_{number}"
        alias = "" if key == name else f"{key}: "
        return f"{alias}{name}{arguments} {self.directives()} {body}"

    def directives(self) -> str:
        rng = self.rng
        if rng.random() > 0.12:
            return ""
        name = rng.choice(("skip", "include"))
        boolean = GraphQLNonNull(GraphQLBoolean)
        condition = self._variable(boolean) if rng.random() < 0.6 else rng.choice(("true", "false"))
        other = f" @{'include' if name == 'skip' else 'skip'}(if: false)" if rng.random() < 0.1 else ""
        return f"@{name}(if: {condition}){other}"

    def _arguments(self, arguments: Mapping[str, GraphQLArgument]) -> str:
        rng = self.rng
        given = []
        for name, argument in arguments.items():
            if not required(argument) and rng.random() < 0.65:
                continue
            given.append(f"{name}: {self._argument(name, argument)}")
        return f"({', '.join(given)})" if given else ""

    def _argument(self, name: str, argument: GraphQLArgument) -> str:
        if name in ("after", "before") and self.rng.random() < 0.7:
            return self._variable(argument.type, fresh=f"{name}Cursor")
        if self.rng.random() < 0.35:
            return self._variable(argument.type, has_default=argument.default_value is not Undefined)
        return self._literal(argument.type, 3)

    def _variable(self, of: GraphQLInputType, *, has_default: bool = False, fresh: str | None = None) -> str:
        """A variable that fits a position of this type."""
        rng = self.rng
        known = [each.name for each in self.variables.values() if str(each.type) == str(of) and fresh is None]
        if known and rng.random() < 0.4:
            return f"${rng.choice(known)}"
        name = f"{fresh or 'v'}{len(self.variables)}"
        bare = of.of_type if isinstance(of, GraphQLNonNull) else of
        choice = rng.random()
        declared = Variable(name, of)
        if isinstance(of, GraphQLNonNull):
            if choice < 0.25:
                declared = Variable(name, of, self._constant(of))
            elif choice < 0.45:
                declared = Variable(name, bare, self._constant(of))
            elif has_default and choice < 0.6:
                declared = Variable(name, bare)
        elif choice < 0.2:
            declared = Variable(name, GraphQLNonNull(of))
        elif choice < 0.45:
            declared = Variable(name, of, self._constant(of))
        self.variables[name] = declared
        return f"${name}"

    def _constant(self, of: GraphQLInputType) -> str:
        return literal(value_of(of, self.rng, 2), of)

    def _literal(self, of: GraphQLInputType, depth: int) -> str:
        """A literal, with variables inside of objects and lists."""
        rng = self.rng
        bare = of.of_type if isinstance(of, GraphQLNonNull) else of
        if isinstance(bare, GraphQLInputObjectType):
            picked = chosen(bare, rng, depth)
            return "{" + ", ".join(f"{name}: {self._inner(each, bare, depth)}" for name, each in picked.items()) + "}"
        if isinstance(bare, GraphQLList) and rng.random() < 0.7:
            return "[" + ", ".join(self._literal(bare.of_type, depth - 1) for _ in range(rng.randint(0, 2))) + "]"
        return literal(value_of(of, rng, depth), of)

    def _inner(self, each: GraphQLInputField, parent: GraphQLInputObjectType, depth: int) -> str:
        of = given_type(each, parent)
        if self.rng.random() < 0.15:
            name = f"v{len(self.variables)}"
            self.variables[name] = Variable(name, of)
            return f"${name}"
        return self._literal(of, depth - 1)


def values_for(variables: Mapping[str, Variable], rng: random.Random) -> dict[str, Any]:
    """Values for the variables: given, left out, null, and at times wrong."""
    given: dict[str, Any] = {}
    for name, variable in variables.items():
        optional = not isinstance(variable.type, GraphQLNonNull) or variable.default is not None
        chance = rng.random()
        if optional and chance < 0.25:
            continue
        if "Cursor" in name:
            given[name] = CURSOR
        elif chance > 0.985:
            given[name] = rng.choice(WRONG)
        else:
            given[name] = value_of(variable.type, rng)
    return given


def _others(writer: Writer, rng: random.Random) -> Iterator[str]:
    """Other operations of the document, which are not run."""
    if rng.random() < 0.1:
        other = Writer(writer.schema, rng, prefix="Other", left=4)
        assert writer.schema.query_type is not None
        yield other.write(writer.schema.query_type, "query", "Other")


def operation(schema: GraphQLSchema, rng: random.Random) -> Operation:
    """An operation, and two sets of values for its variables."""
    mutates = rng.random() < 0.15
    writer = Writer(schema, rng, follows=rng.random() < 0.5)
    root = schema.mutation_type if mutates else schema.query_type
    assert root is not None
    name = "Main" if rng.random() < 0.4 else ""
    text = writer.write(root, "mutation" if mutates else "query", name or "Main")
    others = list(_others(writer, rng))
    variables = tuple(values_for(writer.variables, rng) for _ in range(2))
    return Operation("\n".join((text, *others)), "Main" if others or rng.random() < 0.3 else None, variables)
