"""What is wrong with settings, in words: where it stands, what it is, and what would be right."""

import difflib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_settings import SettingsError

PREFIX = "GATEWAY_"


def stray_variables(environment: Mapping[str, str], settings: type[BaseModel]) -> Iterator[str]:
    """Variables that mean a table which is not there; others may be anybody's, like Kubernetes' GATEWAY_PORT."""
    tables = {name.upper() for name in settings.model_fields}
    for name in sorted(environment):
        table, nested, _ = name.upper().removeprefix(PREFIX).partition("__")
        if name.upper().startswith(PREFIX) and nested and table not in tables:
            yield f"{name}: there is no setting {table.lower()!r}{_suggestion(table.lower(), settings.model_fields)}"


def unreadable_variable(error: SettingsError) -> str:
    """What is wrong when a variable is to hold a whole table and is no JSON."""
    name = re.search(r'field "(\w+)"', str(error))
    table = name[1] if name else "?"
    return (
        f"{PREFIX}{table.upper()}…: a table cannot be set as a whole, but by its parts: {PREFIX}{table.upper()}__NAME; "
        "lists and tables within it are written as JSON."
    )


def explain(error: ValidationError, settings: type[BaseModel], path: Path, content: Mapping[str, Any]) -> Iterator[str]:
    """A line for each mistake; `content` is what the file at `path` holds."""
    for problem in error.errors(include_url=False, include_context=False):
        location = [str(part) for part in problem["loc"]]
        where = _where(location, path, content)
        if problem["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
            known = _known_names(settings, location[:-1])
            yield f"{where}: there is no such setting{_suggestion(location[-1], known)}"
            continue
        message = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
        given = problem["input"]
        shown = f"; it is {given!r}" if isinstance(given, (int, float, str)) and not _is_secret(location) else ""
        yield f"{where}: {_sentence(problem['type'], message)}{shown}."


def _is_secret(location: list[str]) -> bool:
    """Whether the value there, or what somebody put there by mistake, may hold a password, a token or a key."""
    if location[:2] == ["auth", "issuers"]:
        return len(location) < 4 or location[3] in ("secret", "keys")
    if location[0] == "sources":
        return len(location) < 3 or location[2] in ("url", "headers")
    return location[0] in ("redis", "control")


def _sentence(kind: str, message: str) -> str:
    if kind == "missing":
        return "is missing"
    if kind in ("model_type", "dict_type"):
        return "must be a table"
    if message.startswith(("must", "has")):
        return message
    return f"must be {message[:1].lower()}{message[1:]}"


def _where(location: list[str], path: Path, content: Mapping[str, Any]) -> str:
    """`gateway.toml: http.port`, or the variable that says so."""
    variable = PREFIX + "__".join(location).upper()
    if variable in {name.upper() for name in os.environ}:
        return variable
    return f"{path}: {'.'.join(location)}" if content else ".".join(location)


def _known_names(table: Any, location: list[str]) -> list[str]:
    """The settings of the table at `location` in `table`."""
    for part in location:
        if get_origin(table) is dict:
            table = get_args(table)[1]
        elif part in table.model_fields:
            table = table.model_fields[part].annotation
    return [field.name for field in fields(table)] if is_dataclass(table) else list(table.model_fields)


def _suggestion(name: str, known: Iterable[str]) -> str:
    """The end of a sentence that says that there is no such name."""
    names = list(known)
    close = difflib.get_close_matches(name, names, 1)
    return f"; did you mean {close[0]!r}?" if close else f"; there are {', '.join(names)}."
