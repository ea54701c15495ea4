"""`gateway changes`: the outboxes of the sources that watched entities come from."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from datasources.outbox import Outbox, OutboxStatus, Watched, outbox_of
from datasources.registry import Registry
from gateway.cli.console import ConfigOption, console, failing_clearly
from gateway.errors import ConfigError
from gateway.graph import load_graph
from gateway.retention import prune, retention
from gateway.settings import Settings, load
from gateway.sources import make_registry
from resolvers.definition import Entity

app = typer.Typer(no_args_is_help=True, help="Keep the changes of watched entities, for subscriptions and for sync.")

NamesArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME]...", help="Entities, like Order, or tables, like erp.orders.", show_default="what is watched"
    ),
]
GraphOption = Annotated[str | None, typer.Option(help="The module with your graph.", show_default="schema")]

Plan = Mapping[str, Sequence[Watched]]
"""The tables of each source."""


@app.command()
def install(
    names: NamesArgument = None,
    print_: Annotated[bool, typer.Option("--print", help="Print the SQL, for somebody else to run.")] = False,
    graph: GraphOption = None,
    config: ConfigOption = None,
) -> None:
    """Keep the changes of tables from now on, by triggers in their own database. What is there already is left alone.

    Takes an account that owns the tables, or may create triggers on them, and may create tables beside them; the
    gateway itself only has to read `gateway_changes` and `gateway_changes_feed`, and to prune them.
    """
    with failing_clearly():
        _, sources, entities = _loaded(config, graph)
        for source, tables in _plan(entities, sources, names).items():
            if print_:
                typer.echo(f"-- {source}")
                typer.echo(asyncio.run(_outbox(sources, source).script(tables)), nl=False)
                continue
            installed = asyncio.run(_outbox(sources, source).install(tables))
            for watched in tables:
                state = "is installed" if watched.table in installed else "was installed already"
                console.print(f"{source}.{watched.table} {state}", markup=False)


@app.command()
def status(graph: GraphOption = None, config: ConfigOption = None) -> None:
    """Show what is kept; exit code 1 where something is not as it should be."""
    problems = 0
    with failing_clearly():
        _, sources, entities = _loaded(config, graph)
        for source, tables in _plan(entities, sources, None).items():
            found = asyncio.run(_outbox(sources, source).status(tables))
            for line in _lines(source, found):
                console.print(line, markup=False, soft_wrap=True)
            problems += sum(table.problem is not None for table in found.tables)
    raise typer.Exit(1 if problems else 0)


@app.command("prune")
def prune_command(graph: GraphOption = None, config: ConfigOption = None) -> None:
    """Drop what is older than `changes.keep_seconds`, and more than `changes.keep_count`."""
    with failing_clearly():
        settings, sources, entities = _loaded(config, graph)
        for source in _plan(entities, sources, None):
            dropped = asyncio.run(prune(_outbox(sources, source), retention(settings.changes)))
            console.print(f"{source}: {dropped} changes dropped", markup=False)


@app.command()
def uninstall(
    names: NamesArgument = None,
    all_: Annotated[bool, typer.Option("--all", help="All tables, and the changes that were kept.")] = False,
    graph: GraphOption = None,
    config: ConfigOption = None,
) -> None:
    """Keep the changes of tables no longer."""
    with failing_clearly():
        if bool(names) is all_:
            raise ConfigError("changes uninstall: name entities or tables, or write --all.")
        _, sources, entities = _loaded(config, graph)
        for source, tables in _plan(entities, sources, names).items():
            chosen = None if all_ else [watched.table for watched in tables]
            dropped = asyncio.run(_outbox(sources, source).uninstall(chosen))
            for table in dropped if chosen is None else chosen:
                state = "is not kept any longer" if table in dropped else "was not kept"
                console.print(f"{source}.{table} {state}", markup=False)


def _loaded(config: Path | None, graph: str | None) -> tuple[Settings, Registry, Sequence[Entity]]:
    settings = load(config)
    return settings, make_registry(settings), load_graph(graph or settings.graph).entities


def _plan(entities: Sequence[Entity], sources: Registry, names: Iterable[str] | None) -> Plan:
    plan: dict[str, dict[str, Watched]] = {}
    for source, watched in _chosen(entities, sources, names):
        plan.setdefault(source, {})[watched.table] = watched
    if not plan:
        raise ConfigError("changes: no entity of the graph is watched; declare @entity(…, watched=True).")
    return {source: list(tables.values()) for source, tables in plan.items()}


def _chosen(
    entities: Sequence[Entity], sources: Registry, names: Iterable[str] | None
) -> Iterator[tuple[str, Watched]]:
    if not names:
        yield from ((entity.source, _watched(entity)) for entity in entities if entity.watched)
        return
    for name in names:
        entity = next((each for each in entities if name in (each.name, f"{each.source}.{each.collection_name}")), None)
        source, _, table = name.partition(".")
        if entity is not None:
            yield entity.source, _watched(entity)
        elif table and source in sources:
            yield source, Watched(table)
        else:
            known = ", ".join(sorted(each.name for each in entities))
            raise ConfigError(f"changes: {name!r} is no entity ({known}), and no table like erp.orders.")


def _watched(entity: Entity) -> Watched:
    return Watched(entity.collection_name, entity.key)


def _outbox(sources: Registry, source: str) -> Outbox:
    outbox = outbox_of(sources[source])
    if outbox is None:
        raise ConfigError(f"changes: the source {source!r} keeps no changes; SQLite and PostgreSQL do.")
    return outbox


def _lines(source: str, status: OutboxStatus) -> Iterator[str]:
    since = "" if status.oldest is None else f", since {status.oldest.isoformat(' ', 'seconds')}"
    yield f"{source}: {status.changes} changes{since}"
    for table in status.tables:
        yield f"  {table.table}: {table.problem or 'kept'}"
