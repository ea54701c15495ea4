"""`gateway serve`: the gateway in production."""

from typing import Annotated

import typer

from gateway.app import create_app
from gateway.cli.console import ConfigOption, console, failing_clearly, log_to_stderr
from gateway.cli.dev import HostOption, PortOption, with_options
from gateway.graph import load_graph
from gateway.server import listen, origin_of, serve
from gateway.settings import Settings, load


def serve_command(
    host: HostOption = None,
    port: PortOption = None,
    graph: Annotated[str | None, typer.Option(help="The module with your graph.", show_default="schema")] = None,
    config: ConfigOption = None,
) -> None:
    """Serve the graph from the datasources of the settings: no demo, no GraphiQL, no open doors."""
    with failing_clearly():
        settings = with_options(load(config), host, port, graph)
        listener = listen(settings.http.host, settings.http.port)
        log_to_stderr()
        app = create_app(settings, load_graph(settings.graph))
        serve(app, listener, settings, lambda: _announce(origin_of(listener), settings), app.drain)


def _announce(origin: str, settings: Settings) -> None:
    console.print(f"gateway: {origin}{settings.http.path}", markup=False, soft_wrap=True)
    if settings.auth.anonymous:
        console.print("gateway: anybody may ask, without credentials (auth.anonymous)", markup=False, soft_wrap=True)
    elif not settings.auth.issuers:
        console.print(
            "gateway: only clients with an API key may ask (gateway clients create), as there are no auth.issuers",
            markup=False,
            soft_wrap=True,
        )
