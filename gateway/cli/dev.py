"""`gateway dev`: the gateway on this machine, with the demo's data and GraphiQL."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from datasources.demo import build_demo, is_built
from gateway.app import create_app
from gateway.cli.console import ConfigOption, console, failing_clearly, log_to_stderr
from gateway.graph import load_graph
from gateway.server import listen, origin_of, serve
from gateway.settings import DevSettings, Settings, load
from gateway.sources import demo_folder, demo_sources, with_demo

HostOption = Annotated[str | None, typer.Option(help="The address to listen on.", show_default="127.0.0.1")]
PortOption = Annotated[int | None, typer.Option(min=0, max=65535, help="The port to listen on.", show_default="8000")]


def dev(
    host: HostOption = None,
    port: PortOption = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Build the demo's data anew.")] = False,
    graph: Annotated[str | None, typer.Option(help="The module with your graph.", show_default="schema")] = None,
    config: ConfigOption = None,
) -> None:
    """Serve the graph on this machine, with GraphiQL, and the demo's data for sources that are not configured.

    The demo is a parts distributor: a CRM and an ERP in SQLite files, and a supply chain service over REST. It is
    built once, into .gateway/ (GATEWAY_HOME moves it).
    """
    with failing_clearly():
        settings = with_options(load(config, DevSettings), host, port, graph)
        served = load_graph(settings.graph)
        settings = with_demo(settings, {entity.source for entity in served.entities})
        listener = listen(settings.http.host, settings.http.port)
        if demo_sources(settings):
            build(demo_folder(settings), fresh=fresh)
        log_to_stderr()
        app = create_app(settings, served)
        serve(app, listener, settings, lambda: _announce(origin_of(listener), settings), app.drain)


def with_options(settings: Settings, host: str | None, port: int | None, graph: str | None = None) -> Settings:
    """The settings with what the command line says."""
    http = settings.http.model_copy(
        update={name: value for name, value in (("host", host), ("port", port)) if value is not None}
    )
    return settings.model_copy(update={"http": http, "graph": graph or settings.graph})


def build(folder: Path, *, fresh: bool = False, on: Console = console) -> None:
    """Builds the demo's data, with a bar for each step, unless it is there already."""
    if is_built(folder) and not fresh:
        return
    with progress_bars(on) as show:
        build_demo(folder, show, fresh=fresh)


@contextmanager
def progress_bars(on: Console = console) -> Iterator[Callable[[str, int, int], None]]:
    """A function that draws a bar for each step it is told of: its name, what is done, and of how much."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=on) as progress:
        tasks: dict[str, TaskID] = {}

        def show(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = progress.add_task(step, total=total)
            progress.update(tasks[step], completed=done, total=total)

        yield show


def _announce(origin: str, settings: Settings) -> None:
    address = f"{origin}{settings.http.path}"
    console.print(f"\n  [bold]GraphQL endpoint[/]  {address}")
    if settings.http.graphiql:
        console.print(f"  [bold]GraphiQL[/]          {address} (open it in a browser)")
    console.print(f"  [bold]Health[/]            {origin}/health/ready")
    if settings.auth.anonymous:
        console.print("  [bold]Open[/]              anybody may ask, without credentials (auth.anonymous)")
    demo = ", ".join(sorted(demo_sources(settings)))
    if demo:
        console.print(f"  [bold]Demo data[/]         {demo_folder(settings)} ({demo})")
    console.print("\n  Try   ", end="")
    query = '{"query": "{ __schema { queryType { fields { name } } } }"}'
    console.print(f"curl {address} --json '{query}'", markup=False, soft_wrap=True)
    console.print("  Stop  Ctrl-C\n")
