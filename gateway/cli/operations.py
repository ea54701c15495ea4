"""`gateway operations`: what apps and partners are trusted to ask."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import orjson
import typer
from rich.console import Console
from rich.table import Table

from gateway.auth.clients import Clients
from gateway.cli.console import UNBROKEN, ConfigOption, console, errors, failing_clearly
from gateway.cli.times import date, duration
from gateway.control import ControlStore
from gateway.errors import ConfigError
from gateway.graph import load_graph
from gateway.operations.manifests import read_manifest
from gateway.operations.openapi import EVERYBODYS as NAMELESS
from gateway.operations.openapi import describe
from gateway.operations.publishing import check
from gateway.operations.store import EVERYBODY, OperationStore, Published, Usage
from gateway.settings import load

T = TypeVar("T")

EVERYBODYS = "*"
"""How everybody is written."""

app = typer.Typer(
    no_args_is_help=True,
    help="Publish the operations of apps and partners, so that they are sent by id, and, with "
    "[bold]gateway clients set-mode NAME trusted_only[/], nothing else is executed.",
    rich_markup_mode="rich",
)

ClientOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help=f"The client that they are of; {EVERYBODYS} for everybody.", show_default=False),
]
WhichArgument = Annotated[
    str, typer.Argument(metavar="NAME_OR_ID", help="The operation, by its name or id.", show_default=False)
]


@app.command()
def publish(
    manifest: Annotated[Path, typer.Argument(help="The file, or a folder of .graphql files.", show_default=False)],
    client: Annotated[
        str | None, typer.Option(metavar="NAME", help="The client that may ask them.", show_default="everybody")
    ] = None,
    release: Annotated[
        str | None, typer.Option(metavar="APP~VERSION", help="What Hive's ids begin with: web~1.4.0.")
    ] = None,
    graph: Annotated[str | None, typer.Option(help="The module with your graph.", show_default="schema")] = None,
    config: ConfigOption = None,
) -> None:
    """Publish the operations of an app. All of them are checked first; if one is wrong, none is published.

    The manifest is what build tools write: Apollo's persisted query manifest, a map from ids to texts (Relay, Hive,
    urql), a list of such pairs, or a folder of .graphql files, whose ids are the hashes of their texts. Gateways that
    run know them within operations.refresh seconds. What was published before stays: apps are updated slowly.
    """
    with failing_clearly():
        settings = load(config)
        if release is not None and len(release.split("~")) != 2:
            raise ConfigError(f"--release must be like web~1.4.0; it is {release!r}.")
        entries, problems = read_manifest(manifest, settings.limits.tokens, release)
        schema = load_graph(graph or settings.graph).schema
        checked = check(schema, settings.limits, entries, _name(client), problems)
        count = _run(config, lambda store: store.publish(checked))
        console.print(f"{_counted(len(checked))} published, {count} of them new", markup=False)
        for name in sorted({each.client for each in checked} - _known(config) - {EVERYBODY}):
            errors.print(f"{name} has no API key here: only tokens can say that somebody is {name}", markup=False)


@app.command("list")
def list_(
    client: ClientOption = None,
    retired: Annotated[bool, typer.Option("--retired", help="Those that are retired, too.")] = False,
    config: ConfigOption = None,
) -> None:
    """Show what is published."""
    with failing_clearly():
        found = _run(config, lambda store: store.all(_name(client), retired=retired))
        if not found:
            console.print("Nothing is published; gateway operations publish does it.")
            return
        table = Table("client", "operation", "kind", "id", "since", "retired", box=None)
        for each in found:
            since, until = date(each.published_at), date(each.retired_at)
            table.add_row(each.client or EVERYBODYS, each.name, each.kind, each.id, since, until)
        _print(table)


@app.command()
def show(which: WhichArgument, client: ClientOption = None, config: ConfigOption = None) -> None:
    """Print the text of an operation; what else is known of it goes to the standard error."""
    with failing_clearly():
        found = _one(_run(config, lambda store: store.all(_name(client), retired=True)), which)
        retired = f", retired {date(found.retired_at)}" if found.retired_at else ""
        errors.print(
            f"{found.kind} {found.name} of {found.client or 'everybody'}, id {found.id}, sha256:{found.sha256}, "
            f"published {date(found.published_at)}{retired}",
            markup=False,
        )
        typer.echo(found.body, nl=not found.body.endswith("\n"))


@app.command()
def retire(
    which: Annotated[
        list[str] | None, typer.Argument(metavar="NAME_OR_ID…", help="Operations, by name or id.", show_default=False)
    ] = None,
    client: ClientOption = None,
    unused: Annotated[
        str | None, typer.Option(metavar="TIME", help="Those that nobody has used for so long: 90d.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Trust operations no longer. gateway operations publish brings them back."""
    with failing_clearly():
        if bool(which) == (unused is not None):
            raise ConfigError("Name operations to retire, or say --unused 90d.")
        seconds = duration(unused or "0s")
        if seconds is None:
            raise ConfigError(f"--unused must be like 30m, 24h or 90d; it is {unused!r}.")

        async def work(store: OperationStore) -> Sequence[Published]:
            there = await store.all(_name(client))
            if which:
                found: Sequence[Published] = [_one(there, each) for each in which]
            else:
                found = _idle(there, await store.usage(), time.time() - seconds)
            await store.retire(found)
            return found

        for each in _run(config, work):
            console.print(f"{each.name} of {each.client or 'everybody'} is retired", markup=False)


@app.command()
def stats(client: ClientOption = None, config: ConfigOption = None) -> None:
    """Show who used what: how often, when last, and how long half of them, and 99 of 100, took at most.

    Gateways tell it every ten seconds. Durations are exact to a fifth.
    """
    with failing_clearly():

        async def work(store: OperationStore) -> tuple[Sequence[Usage], Sequence[Published]]:
            return await store.usage(), await store.all(retired=True)

        usage, published = _run(config, work)
        names = {(each.client, each.id): each.name for each in published}
        table = Table("client", "operation", "uses", "last", "p50", "p99", box=None)
        for each in usage:
            if client is None or each.client == _name(client):
                name = names.get((each.client, each.id)) or names.get((EVERYBODY, each.id)) or each.id
                took = (_milliseconds(each.p50), _milliseconds(each.p99))
                table.add_row(each.client or EVERYBODYS, name, str(each.count), date(each.last_used_at), *took)
        if not table.rows:
            console.print("Nothing was used yet.")
            return
        _print(table)


@app.command()
def openapi(
    client: Annotated[str, typer.Option(metavar="NAME", help="Whose.", show_default="everybody's")] = EVERYBODYS,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A file to write to, instead of printing.")] = None,
    graph: Annotated[str | None, typer.Option(help="The module with your graph.", show_default="schema")] = None,
    config: ConfigOption = None,
) -> None:
    """Print the operations of a client as an OpenAPI document, for partners who do not speak GraphQL.

    Gateways have it at /operations/NAME/openapi.json, and the operations beside it, by GET and POST.
    """
    with failing_clearly():
        there = [each for each in _run(config, lambda store: store.all()) if each.client in (_name(client), EVERYBODY)]
        schema = load_graph(graph or load(config).graph).schema
        document = describe(schema, NAMELESS if client == EVERYBODYS else client, there)
        text = orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n"
        if out is None:
            typer.echo(text, nl=False)
        else:
            out.write_text(text, encoding="utf-8")


def _run(config: Path | None, work: Callable[[OperationStore], Awaitable[T]]) -> T:
    async def run() -> T:
        store = OperationStore(ControlStore(load(config)))
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(run())


def _known(config: Path | None) -> set[str]:
    """The clients that have API keys."""

    async def run() -> set[str]:
        clients = Clients(ControlStore(load(config)))
        try:
            return {each.name for each in await clients.all() if each.keys}
        finally:
            await clients.close()

    return asyncio.run(run())


def _name(client: str | None) -> str | None:
    return EVERYBODY if client == EVERYBODYS else client


def _one(there: Sequence[Published], which: str) -> Published:
    found = [each for each in there if each.id == which] or [each for each in there if each.name == which]
    if not found:
        raise ConfigError(f"operations: there is no {which!r}; gateway operations list shows what there is.")
    if len(found) > 1:
        several = ", ".join(f"{each.id} of {each.client or 'everybody'}" for each in found)
        raise ConfigError(f"operations: {which!r} is several: {several}. Say which id, and --client.")
    return found[0]


def _idle(there: Sequence[Published], usage: Sequence[Usage], since: float) -> list[Published]:
    used = {(each.client, each.id) for each in usage if each.last_used_at >= since}
    ids = {id_ for _, id_ in used}
    return [
        each
        for each in there
        if each.published_at < since
        and (each.id not in ids if each.client == EVERYBODY else (each.client, each.id) not in used)
    ]


def _counted(count: int) -> str:
    return "1 operation" if count == 1 else f"{count} operations"


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1000:.3g} ms"


def _print(table: Table) -> None:
    out = console if console.is_terminal else Console(highlight=False, width=UNBROKEN)
    out.print(table)
