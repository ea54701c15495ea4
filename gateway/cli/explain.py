"""`gateway explain`: what an operation takes."""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console

from gateway.answers import Answer
from gateway.app import make_pipeline
from gateway.cli.console import UNBROKEN, ConfigOption, console, errors, failing_clearly, log_to_stderr
from gateway.cli.dev import build
from gateway.cli.explained import error_lines, mistakes, tree_of
from gateway.errors import ConfigError, RequestError
from gateway.execution.explain import CannotUndo, Explainer
from gateway.execution.explanation import Explanation
from gateway.graph import Graph, load_graph
from gateway.operations.request import OperationRequest
from gateway.settings import DevSettings, Settings, load
from gateway.sources import demo_folder, demo_sources, make_registry, with_demo
from resolvers.checks import check, verify

QueryArgument = Annotated[
    str | None, typer.Argument(help="The document; - reads it from the standard input.", show_default=False)
]

ROLLBACK_SECONDS = 0.1
"""A rollback is not waited for; after it the connection that has the statements prepared is free again."""


def explain(
    query: QueryArgument = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="The document's file.")] = None,
    variables: Annotated[str | None, typer.Option(metavar="JSON", help="The variables, as a JSON object.")] = None,
    operation: Annotated[str | None, typer.Option(metavar="NAME", help="Which of the document's operations.")] = None,
    commit: Annotated[bool, typer.Option("--commit", help="Keep what a mutation writes.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    graph: Annotated[str | None, typer.Option(help="The module with your graph.", show_default="schema")] = None,
    config: ConfigOption = None,
) -> None:
    """Execute an operation, and print the lookups that it took, with their statements, keys, rows and milliseconds.

    Sources are those that `gateway dev` has. The operation runs twice, for the first time has connections to open and
    statements to prepare. What a mutation writes is rolled back both times; with --commit it runs once, and is kept.
    A subscription is tried with a row of each entity that it follows.
    """
    with failing_clearly():
        request = OperationRequest(_document(query, file), _variables(variables), operation)
        settings = load(config, DevSettings)
        served = load_graph(graph or settings.graph)
        settings = with_demo(settings, {entity.source for entity in served.entities})
        if demo_sources(settings):
            build(demo_folder(settings), on=errors)
        log_to_stderr()
        answer, explanation = asyncio.run(_explained(settings, served, request, undo=not commit))
    if as_json:
        found = {} if explanation is None else explanation.as_json()
        told = {"errors": answer.content["errors"]} if "errors" in answer.content else {}
        typer.echo(orjson.dumps({**found, **told}, option=orjson.OPT_INDENT_2))
    elif explanation is not None:
        out = console if console.is_terminal else Console(highlight=False, width=UNBROKEN)
        out.print(tree_of(explanation))
        for line in error_lines(answer.content.get("errors", ())):
            out.print(line)
    if explanation is None:
        if answer.refused is not None and not as_json:
            _complain(answer.refused, request.query, "query" if file is None else str(file))
        raise typer.Exit(1)


async def _explained(
    settings: Settings, graph: Graph, request: OperationRequest, *, undo: bool
) -> tuple[Answer, Explanation | None]:
    """The answer, and how it came about unless the request was refused."""
    registry = make_registry(settings)
    check(graph.entities, registry)
    pipeline = make_pipeline(settings, graph, registry)
    try:
        await registry.open()
        await verify(graph.entities, registry)
        first = Explainer(undo=undo)
        answer = await pipeline.run(request, "explain", first.run)
        explanation = first.explanation
        if explanation is None or "errors" in answer.content:
            return answer, explanation
        if explanation.operation == "mutation" and not explanation.undone:
            return answer, explanation
        if explanation.undone:
            await asyncio.sleep(ROLLBACK_SECONDS)
        again = Explainer(undo=undo)
        answer = await pipeline.run(request, "explain", again.run)
        if again.explanation is None:
            return answer, None
        milliseconds = replace(explanation.milliseconds, executing=again.explanation.milliseconds.executing)
        return answer, replace(again.explanation, milliseconds=milliseconds)
    finally:
        await registry.close()


def _document(query: str | None, file: Path | None) -> str:
    """The text that the command line says, or names. Raises ConfigError."""
    if (query is None) == (file is None):
        raise ConfigError("explain takes a query, or a --file with one; - reads it from the standard input.")
    if query is not None:
        return sys.stdin.read() if query == "-" else query
    assert file is not None  # noqa: S101 - one of them is there
    return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")


def _variables(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        variables = orjson.loads(text)
    except ValueError:
        raise ConfigError(f"--variables is not JSON: {text}") from None
    if not isinstance(variables, dict):
        raise ConfigError(f'--variables must be a JSON object like {{"first": 2}}; it is {text}')
    return variables


def _complain(refusal: RequestError, document: str, name: str) -> None:
    for mistake in mistakes(refusal, document, name):
        errors.print(mistake)
    if isinstance(refusal, CannotUndo):
        errors.print("--commit executes it, and keeps what it does.")
