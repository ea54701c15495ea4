"""`gateway demo`: the demo's systems one by one, outside of the gateway."""

import asyncio
from typing import Annotated

import typer

from datasources.demo import load_postgres, scm_app
from gateway.cli.console import console, failing_clearly
from gateway.cli.dev import HostOption, build, progress_bars
from gateway.server import listen, origin_of, serve
from gateway.settings import DevSettings, load
from gateway.sources import demo_folder

app = typer.Typer(no_args_is_help=True, help="The demo's systems one by one: a parts distributor's back office.")


@app.command()
def scm(
    host: HostOption = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on.")] = 8001,
    latency: Annotated[float, typer.Option(min=0, help="Milliseconds that every answer takes.")] = 0,
) -> None:
    """Serve the supply chain service over REST, as the gateway reads it: `GET /suppliers?id=1,2,3`."""
    with failing_clearly():
        settings = load(kind=DevSettings)
        build(demo_folder(settings))
        listener = listen(host or "127.0.0.1", port)
        serve(
            scm_app(demo_folder(settings), latency / 1000),
            listener,
            settings,
            lambda: console.print(
                f"\n  The supply chain service is at {origin_of(listener)}/suppliers\n  Stop  Ctrl-C\n"
            ),
        )


@app.command("load")
def load_command(
    url: Annotated[str, typer.Argument(help="Such as postgresql+asyncpg://user:password@localhost/demo.")],
) -> None:
    """Load the CRM and the ERP into a PostgreSQL database, in place of the tables that an earlier load left there."""
    with failing_clearly(), progress_bars() as show:
        asyncio.run(load_postgres(url, show))
