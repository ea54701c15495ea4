"""`gateway clients`: apps and partners, and their API keys."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from gateway.auth.clients import Client, Clients
from gateway.cli.console import UNBROKEN, ConfigOption, console, errors, failing_clearly
from gateway.cli.times import date, duration
from gateway.control import ControlStore
from gateway.errors import ConfigError
from gateway.operations.store import OperationStore
from gateway.settings import Settings, load
from gateway.settings_operations import Mode

T = TypeVar("T")

app = typer.Typer(
    no_args_is_help=True,
    help="Make apps and partners known by API keys, which they send as [bold]x-api-key[/].",
    rich_markup_mode="rich",
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The client, like partner-x.", show_default=False)]


@app.command()
def create(
    name: NameArgument,
    scopes: Annotated[str, typer.Option(help='What it may do: "orders:read products:read".', show_default="none")] = "",
    quota: Annotated[int | None, typer.Option(min=1, help="Cost units a minute, for rate limits.")] = None,
    expires: Annotated[
        str | None, typer.Option(metavar="TIME", help="When it ends: 90d, 12h, or 2027-01-31.", show_default="never")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Make a client known, and print its API key.

    The key is printed this once: what is kept is its hash. It is all that the standard output gets, so that
    `gateway clients create app > key` works.
    """
    with failing_clearly():
        end = None if expires is None else _time(expires)
        names = scopes.replace(",", " ").split()
        _print_key(name, _run(config, lambda clients: clients.create(name, names, quota, end)))


@app.command()
def rotate(
    name: NameArgument,
    overlap: Annotated[str, typer.Option(metavar="TIME", help="How long old keys stay good: 24h, 7d.")] = "0s",
    config: ConfigOption = None,
) -> None:
    """Print a new API key. The client's others end at once, or when the overlap is over."""
    with failing_clearly():
        seconds = duration(overlap)
        if seconds is None:
            raise ConfigError(f"--overlap must be like 30m, 24h or 7d; it is {overlap!r}.")
        _print_key(name, _run(config, lambda clients: clients.rotate(name, seconds)))


@app.command()
def revoke(name: NameArgument, config: ConfigOption = None) -> None:
    """End the client's keys. Gateways that run take notice within `auth.recheck` seconds, on open sockets too."""
    with failing_clearly():
        _run(config, lambda clients: clients.revoke(name))
        console.print(f"{name} is revoked", markup=False)


@app.command("set-mode")
def set_mode(
    name: NameArgument,
    mode: Annotated[
        Mode | None, typer.Argument(help="Without one, operations.mode counts.", show_default=False)
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Say what a client may execute: anything, or only what is published for it.

    `open` is anything. `trusted_preferred`: anything, but texts are not kept by their hashes. `trusted_only`: what
    `gateway operations publish` has published for it, and nothing else. The setting operations.log_only executes what
    that would refuse, and tells of it in the log: run with it first, to see what is missing.
    """
    with failing_clearly():
        _stored(load(config), lambda store: store.set_mode(name, mode))
        console.print(f"{name}: {mode or 'as operations.mode says'}", markup=False)


@app.command("list")
def list_(config: ConfigOption = None) -> None:
    """Show who there is."""
    with failing_clearly():
        found = _run(config, lambda clients: clients.all())
        if not found:
            console.print("There are no clients; gateway clients create makes one.")
            return
        modes = _stored(load(config), lambda store: store.modes())
        out = console if console.is_terminal else Console(highlight=False, width=UNBROKEN)
        out.print(_table(found, modes))


def _run(config: Path | None, work: Callable[[Clients], Awaitable[T]]) -> T:
    async def run() -> T:
        clients = Clients(ControlStore(load(config)))
        try:
            return await work(clients)
        finally:
            await clients.close()

    return asyncio.run(run())


def _stored(settings: Settings, work: Callable[[OperationStore], Awaitable[T]]) -> T:
    async def run() -> T:
        store = OperationStore(ControlStore(settings))
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(run())


def _print_key(name: str, key: str) -> None:
    typer.echo(key)
    errors.print(f"This is the API key of {name}. Keep it now: it is not shown again.", markup=False)


def _table(clients: Sequence[Client], modes: Mapping[str, str]) -> Table:
    table = Table("client", "scopes", "mode", "quota", "keys", "since", "until", box=None)
    for client in clients:
        until = f"revoked {date(client.revoked_at)}" if client.revoked_at else date(client.expires_at)
        quota = "" if client.quota is None else str(client.quota)
        scopes = " ".join(client.scopes)
        mode = modes.get(client.name, "")
        table.add_row(client.name, scopes, mode, quota, str(client.keys), date(client.created_at), until)
    return table


def _time(text: str) -> float:
    """Seconds since 1970, of a duration from now, or of a date in UTC. Raises ConfigError."""
    seconds = duration(text)
    if seconds is not None:
        return time.time() + seconds
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--expires must be like 90d, 12h or 2027-01-31; it is {text!r}.") from None
    found = (given if given.tzinfo else given.replace(tzinfo=UTC)).timestamp()
    if found <= time.time():
        raise ConfigError(f"--expires must be in the future; it is {text!r}.")
    return found
