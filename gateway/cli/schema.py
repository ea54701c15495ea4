"""`gateway schema`: the graph as SDL."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.console import ConfigOption, failing_clearly
from gateway.graph import load_graph
from gateway.settings import load


def schema(
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A file to write to, instead of printing.")] = None,
    graph: Annotated[str | None, typer.Option(help="The module with your graph.", show_default="schema")] = None,
    config: ConfigOption = None,
) -> None:
    """Print the graph in the schema definition language."""
    with failing_clearly():
        text = load_graph(graph or load(config).graph).schema.as_str() + "\n"
        if out is None:
            typer.echo(text, nl=False)
        else:
            out.write_text(text, encoding="utf-8")
