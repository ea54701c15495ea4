"""`gateway policy`: who may see what."""

from collections.abc import Iterable, Mapping
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table

from gateway.cli.console import UNBROKEN, ConfigOption, console, failing_clearly
from gateway.execution.example import filter_text
from gateway.graph import load_graph
from gateway.settings import load
from resolvers.definition import Entity
from resolvers.policies import Kind, sight_of
from resolvers.viewer import ANONYMOUS, Viewer
from resolvers.visibility import requirements

app = typer.Typer(name="policy", no_args_is_help=True, help="Who may see what.")

SOMEBODY = "somebody"
TENANT = "(its tenant)"
ListOption = Annotated[list[str] | None, typer.Option(show_default=False)]


@app.callback()
def policy() -> None:
    """Who may see what."""


@app.command()
def matrix(
    role: ListOption = None,
    scope: ListOption = None,
    tenant: Annotated[str, typer.Option(help="The tenant that viewers are shown with.")] = TENANT,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    graph: Annotated[str | None, typer.Option(help="The module with your graph.", show_default="schema")] = None,
    config: ConfigOption = None,
) -> None:
    """Print what viewers see: the rows of each entity, and each field; through all doors alike.

    Viewers are those that the graph's policies tell apart, or the one with the roles and scopes that are given.
    """
    with failing_clearly():
        entities = load_graph(graph or load(config).graph).entities
        viewers = _given(role or (), scope or (), tenant) if role or scope else told_apart(entities, tenant)
        found = cells(entities, viewers)
    if as_json:
        typer.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
        return
    table = Table("", *viewers, box=None, pad_edge=False)
    for name, row in found.items():
        table.add_row(name, *(_shown(row[viewer]) for viewer in viewers))
    (console if console.is_terminal else Console(highlight=False, width=UNBROKEN)).print(table)


def cells(entities: Iterable[Entity], viewers: Mapping[str, Viewer]) -> dict[str, dict[str, bool | str]]:
    """By entity, the rows that each viewer sees, or False where it sees none; by field, whether it sees it."""
    found: dict[str, dict[str, bool | str]] = {}
    for entity in entities:
        sights = {name: sight_of(entity, viewer) for name, viewer in viewers.items()}
        found[entity.name] = {
            name: filter_text(sight.rows(entity)) if sight.allows(entity.policy) else False
            for name, sight in sights.items()
        }
        for field, required in requirements(entity).items():
            found[f"{entity.name}.{field}"] = {name: sight.allows(required) for name, sight in sights.items()}
    return found


def told_apart(entities: Iterable[Entity], tenant: str) -> dict[str, Viewer]:
    """Nobody, somebody, and one for each list of scopes or roles that a policy of the graph names."""
    found = {"anonymous": ANONYMOUS, "authenticated": Viewer(SOMEBODY, tenant=tenant)}
    for policy in dict.fromkeys(each for entity in entities for each in entity.policies):
        for names in policy.alternatives:
            if policy.kind is Kind.SCOPES:
                found[f"scope {' & '.join(names)}"] = Viewer(SOMEBODY, scopes=frozenset(names), tenant=tenant)
            elif policy.kind is Kind.ROLES:
                found[f"role {' & '.join(names)}"] = Viewer(SOMEBODY, roles=frozenset(names), tenant=tenant)
    return found


def _given(roles: Iterable[str], scopes: Iterable[str], tenant: str) -> dict[str, Viewer]:
    return {" ".join((*roles, *scopes)): Viewer(SOMEBODY, frozenset(roles), frozenset(scopes), tenant=tenant)}


def _shown(cell: bool | str) -> str:
    return cell if isinstance(cell, str) else ("yes" if cell else "-")
