"""`gateway schema`: the graph as SDL, what has changed in it, and whom that would break."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from graphql import GraphQLError, GraphQLSchema, build_schema
from graphql.utilities import BreakingChange, DangerousChange, SafeChange, find_schema_changes

from gateway.cli.console import ConfigOption, console, failing_clearly
from gateway.cli.times import date
from gateway.control import ControlStore
from gateway.errors import ConfigError
from gateway.graph import load_graph
from gateway.operations.replay import Broken, replay
from gateway.operations.store import OperationStore
from gateway.settings import Settings, load

KINDS: dict[type, str] = {BreakingChange: "breaking", DangerousChange: "dangerous", SafeChange: "safe"}
"""From the worst on, which is how the alphabet has them, too."""
BREAKS = 1
"""The exit code where something would break."""

app = typer.Typer(
    invoke_without_command=True,
    help="Print the graph in the schema definition language; or compare it with what clients rely on.",
    rich_markup_mode="rich",
)

GraphOption = Annotated[str | None, typer.Option(help="The module with your graph.", show_default="schema")]
NewArgument = Annotated[
    Path | None, typer.Argument(help="A file with the schema as it is to be.", show_default="the graph itself")
]


@app.callback()
def schema(
    context: typer.Context,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A file to write to, instead of printing.")] = None,
    graph: GraphOption = None,
    config: ConfigOption = None,
) -> None:
    """Print the graph in the schema definition language; or compare it with what clients rely on."""
    if context.invoked_subcommand is not None:
        return
    with failing_clearly():
        text = load_graph(graph or load(config).graph).schema.as_str() + "\n"
        if out is None:
            typer.echo(text, nl=False)
        else:
            out.write_text(text, encoding="utf-8")


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(help="A file with the schema as it was.", show_default=False)],
    new: NewArgument = None,
    graph: GraphOption = None,
    config: ConfigOption = None,
) -> None:
    """Show what has changed: what is breaking, dangerous, or safe. The exit code is 1 where something is breaking.

    Breaking is what makes operations invalid, or gives them other types. Dangerous is what clients may not be prepared
    for, such as another value of an enum. For CI: `git show main:schema.graphql > old.graphql; gateway schema diff
    old.graphql`.
    """
    with failing_clearly():
        changes = find_schema_changes(_read(old), _printed(graph or load(config).graph) if new is None else _read(new))
    told = sorted((KINDS[type(each)], each.description) for each in changes)
    for kind, description in told:
        console.print(f"{kind:9}  {description}", markup=False, soft_wrap=True)
    if not told:
        console.print("Nothing has changed.")
    if any(kind == KINDS[BreakingChange] for kind, _ in told):
        raise typer.Exit(BREAKS)


@app.command()
def check(
    new: NewArgument = None,
    old: Annotated[
        Path | None,
        typer.Option(help="The schema as it was: operations whose fields get values of another type break, too."),
    ] = None,
    graph: GraphOption = None,
    config: ConfigOption = None,
) -> None:
    """Hold the graph against every operation that is published, and show which clients it would break.

    Each place is told with when the field was last used there, or by any other operation. The exit code is 1 where
    something would break. Operations that nobody uses any longer are retired by gateway operations retire --unused 90d.
    """
    with failing_clearly():
        settings = load(config)
        before = None if old is None else _read(old)
        after = load_graph(graph or settings.graph).schema._schema if new is None else _read(new)
        count, broken = asyncio.run(_replayed(settings, after, before))
    for each in broken:
        _tell(each)
    if broken:
        clients = sorted({each.operation.client or "everybody" for each in broken})
        console.print(f"{len(broken)} of {count} operations would break, of {', '.join(clients)}", markup=False)
        raise typer.Exit(BREAKS)
    console.print(f"All of {count} operations fit", markup=False)


async def _replayed(settings: Settings, new: GraphQLSchema, old: GraphQLSchema | None) -> tuple[int, Sequence[Broken]]:
    store = OperationStore(ControlStore(settings))
    try:
        operations, usage = await store.all(), await store.usage()
    finally:
        await store.close()
    return len(operations), replay(operations, usage, new, old)


def _tell(broken: Broken) -> None:
    operation = broken.operation
    used = f"used {broken.count} times, last {date(broken.last_used_at)}" if broken.count else "never used"
    lines = [f"{operation.client or 'everybody'}: {operation.kind} {operation.name} ({operation.id}), {used}"]
    for each in broken.breaks:
        last = "" if each.field is None else f"  {each.field} was {_last(each.last_used_at)}"
        lines.append(f"  {each.line}:{each.column}  {each.message}{last}")
    console.print("\n".join(lines), markup=False, soft_wrap=True)


def _last(seconds: float | None) -> str:
    return "never used" if seconds is None else f"last used {date(seconds)}"


def _printed(graph: str) -> GraphQLSchema:
    """The graph as it would come out of a file: not all that it has is printed."""
    return build_schema(load_graph(graph).schema.as_str())


def _read(file: Path) -> GraphQLSchema:
    """Raises ConfigError."""
    try:
        return build_schema(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}.") from None
    except (GraphQLError, TypeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is no schema: {error}") from None
