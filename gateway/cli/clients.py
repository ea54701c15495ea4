"""`gateway clients`: apps and partners, and their API keys."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from gateway.auth.clients import Client, Clients
from gateway.cli.console import UNBROKEN, ConfigOption, console, errors, failing_clearly
from gateway.control import ControlStore
from gateway.errors import ConfigError
from gateway.settings import load

T = TypeVar("T")

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}

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
        seconds = _seconds(overlap)
        if seconds is None:
            raise ConfigError(f"--overlap must be like 30m, 24h or 7d; it is {overlap!r}.")
        _print_key(name, _run(config, lambda clients: clients.rotate(name, seconds)))


@app.command()
def revoke(name: NameArgument, config: ConfigOption = None) -> None:
    """End the client's keys. Gateways that run take notice within `auth.recheck` seconds, on open sockets too."""
    with failing_clearly():
        _run(config, lambda clients: clients.revoke(name))
        console.print(f"{name} is revoked", markup=False)


@app.command("list")
def list_(config: ConfigOption = None) -> None:
    """Show who there is."""
    with failing_clearly():
        found = _run(config, lambda clients: clients.all())
        if not found:
            console.print("There are no clients; gateway clients create makes one.")
            return
        out = console if console.is_terminal else Console(highlight=False, width=UNBROKEN)
        out.print(_table(found))


def _run(config: Path | None, work: Callable[[Clients], Awaitable[T]]) -> T:
    async def run() -> T:
        clients = Clients(ControlStore(load(config)))
        try:
            return await work(clients)
        finally:
            await clients.close()

    return asyncio.run(run())


def _print_key(name: str, key: str) -> None:
    typer.echo(key)
    errors.print(f"This is the API key of {name}. Keep it now: it is not shown again.", markup=False)


def _table(clients: Sequence[Client]) -> Table:
    table = Table("client", "scopes", "quota", "keys", "since", "until", box=None)
    for client in clients:
        until = f"revoked {_date(client.revoked_at)}" if client.revoked_at else _date(client.expires_at)
        quota = "" if client.quota is None else str(client.quota)
        scopes = " ".join(client.scopes)
        table.add_row(client.name, scopes, quota, str(client.keys), _date(client.created_at), until)
    return table


def _date(seconds: float | None) -> str:
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def _time(text: str) -> float:
    """Seconds since 1970, of a duration from now, or of a date in UTC. Raises ConfigError."""
    seconds = _seconds(text)
    if seconds is not None:
        return time.time() + seconds
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--expires must be like 90d, 12h or 2027-01-31; it is {text!r}.") from None
    found = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    if found <= time.time():
        raise ConfigError(f"--expires must be in the future; it is {text!r}.")
    return found


def _seconds(text: str) -> float | None:
    parts = re.fullmatch(r"(\d{1,6})([smhd])", text)
    return None if parts is None else int(parts[1]) * SECONDS[parts[2]]
