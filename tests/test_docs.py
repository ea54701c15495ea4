"""What the documentation must not forget: error codes, settings and commands."""

import re
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
import typer
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

import gateway.errors
import gateway.operations.errors
import resolvers.errors
from datasources.errors import GatewayError
from gateway.cli import app
from gateway.errors import RequestError
from gateway.settings import Settings
from gateway.settings_auth import IssuerSettings
from gateway.settings_sources import ResourceSettings, SourceSettings

DOCS = Path(__file__).parent.parent / "docs"

assert gateway.errors
assert gateway.operations.errors
assert resolvers.errors  # the tree is whole only when its modules are imported


E = TypeVar("E", bound=GatewayError)


def tree(error: type[E]) -> Iterator[type[E]]:
    yield error
    for inner in error.__subclasses__():
        yield from tree(inner)


def rows(file: str) -> dict[str, list[str]]:
    """The cells of the document's table rows, by the name in backticks that each begins with."""
    found: dict[str, list[str]] = {}
    for line in (DOCS / file).read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        name = re.fullmatch(r"`([^`]+)`", cells[0])
        if name:
            found.setdefault(name[1], cells[1:])
    return found


def test_every_error_code_is_documented_and_no_other() -> None:
    assert set(rows("errors.md")) == {error.code for error in tree(GatewayError)}


def test_the_statuses_are_documented() -> None:
    documented = rows("errors.md")
    for error in tree(RequestError):
        if error is not RequestError:
            legacy = 200 if error.well_formed else error.status
            assert documented[error.code][:2] == [str(error.status), str(legacy)], error.code


NAMED = {"sources": SourceSettings, "resources": ResourceSettings, "issuers": IssuerSettings}
"""Tables whose parts have names of the user's own."""


def settings(table: Any, prefix: str) -> Iterator[tuple[str, str]]:
    """Every setting with its default, as the reference writes them."""
    if is_dataclass(table):
        for field in fields(table):
            assert field.default is not MISSING
            yield prefix + field.name, str(field.default)
        return
    for name, field in table.model_fields.items():
        if name in NAMED:
            yield from settings(NAMED[name], f"{prefix}{name}.*.")
        elif isinstance(field.default, BaseModel) or is_dataclass(field.default):
            yield from settings(type(field.default), f"{prefix}{name}.")
        elif field.default_factory is not None:
            yield prefix + name, ""
        else:
            yield prefix + name, "" if field.default is PydanticUndefined else told(field.default)


def told(default: Any) -> str:
    return ", ".join(default) if isinstance(default, tuple) and default else str(default)


def test_every_setting_is_documented_with_its_default() -> None:
    documented = {name: cells[0].strip("`") for name, cells in rows("settings.md").items()}
    expected = {
        name: {"None": "", "()": "none", "True": "true", "False": "false"}.get(default, default)
        for name, default in settings(Settings, "")
    }
    assert documented == expected


def test_every_command_is_in_the_readme() -> None:
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    names = [
        f"gateway {name} {inner}" if inner else f"gateway {name}"
        for name, command in group.commands.items()
        for inner in (getattr(command, "commands", None) or [""])
    ]
    assert [name for name in names if name not in readme] == []


@pytest.mark.parametrize("file", [*sorted(path.name for path in DOCS.glob("*.md"))])
def test_paths_in_the_documents_exist(file: str) -> None:
    text = (DOCS / file).read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:gateway|schema|resolvers|datasources|tests|bench|docs|examples)/[\w./-]*)`", text))
    assert [path for path in sorted(named) if not (DOCS.parent / path).exists()] == []
