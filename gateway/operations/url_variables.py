"""Variables of an operation that are parameters of a URL."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs

import orjson
from graphql import (
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLSchema,
    OperationDefinitionNode,
    get_named_type,
    get_nullable_type,
    type_from_ast,
)

from gateway.errors import BadRequest

MAXIMUM = 100
"""Parameters of a URL."""
WRITTEN = {"true": True, "false": False}


def read_variables(schema: GraphQLSchema, operation: OperationDefinitionNode, query: bytes) -> dict[str, Any]:
    """The variables' values as JSON would have them; whether they fit is not looked at. Raises BadRequest."""
    try:
        given = parse_qs(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAXIMUM)
    except ValueError:
        raise BadRequest("The URL's parameters cannot be read.") from None
    types = {each.variable.name.value: each.type for each in operation.variable_definitions or ()}
    check_names(given, types)
    return {name: _read(name, type_from_ast(schema, types[name]), texts) for name, texts in given.items()}


def check_names(given: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Raises BadRequest for variables that the operation does not have."""
    for name in given:
        if name not in known:
            names = f"there are {', '.join(known)}" if known else "there are none"
            raise BadRequest(f"There is no variable {name[:80]!r}; {names}.")


def is_json(type_: Any) -> bool:
    """Whether values of an input type have too much to them for a URL, so that they are written as JSON there."""
    inner = get_nullable_type(type_)
    if isinstance(inner, GraphQLList):
        item = get_nullable_type(inner.of_type)
        return isinstance(item, GraphQLList) or is_json(item)
    return isinstance(inner, GraphQLInputObjectType) or inner.name == "JSON"


def _read(name: str, type_: Any, texts: Sequence[str]) -> Any:
    if isinstance(get_nullable_type(type_), GraphQLList) and not is_json(type_):
        return [_of_text(get_named_type(type_).name, each) for each in texts]
    if len(texts) > 1:
        raise BadRequest(f"{name} is given twice.")
    if not is_json(type_):
        return _of_text(get_named_type(type_).name, texts[0])
    try:
        return orjson.loads(texts[0])
    except ValueError:
        raise BadRequest(f"{name} is not JSON.") from None


def _of_text(type_name: str, text: str) -> Any:
    """What is not of its type stays text, of which it is told then what is wrong."""
    if type_name == "Boolean":
        return WRITTEN.get(text, text)
    if type_name not in ("Int", "Float"):
        return text
    try:
        number = orjson.loads(text)
    except ValueError:
        return text
    return number if isinstance(number, int | float) and not isinstance(number, bool) else text
