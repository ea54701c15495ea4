"""`python -m bench`: measures what answers cost."""

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench import data, workloads
from bench.chart import svg
from bench.measure import Options, check_answers, measure, soak
from bench.processes import CLIENT_CORES, pin_when_ready, running
from bench.report import Report, show, to_json, write_into
from bench.subscriptions import LARGE, SMALL, TINY, Audience, deliver

DOCS = Path(__file__).parent.parent / "docs"
SOAK_REQUESTS, SOAK_STEPS = 100_000, 10

console = Console(width=None if sys.stdout.isatty() else 150)


def bench(
    only: Annotated[str, typer.Option("--workloads", help="Some of them: W1,W3,rows,rotation.")] = "",
    rounds: Annotated[int, typer.Option(min=1, help="Rounds, of which the medians are taken.")] = 5,
    seconds: Annotated[float, typer.Option(min=0.05, help="Of each measurement.")] = 2.0,
    concurrency: Annotated[int, typer.Option(min=1, help="Requests under way at any time.")] = 8,
    out: Annotated[Path, typer.Option(help="The file for the figures.")] = Path("artifacts/bench.json"),
    *,
    subscribed: Annotated[
        bool, typer.Option("--subscriptions", help="Only subscriptions, with 1,000 and 5,000 sockets.")
    ] = False,
    soaked: Annotated[bool, typer.Option("--soak", help="Watch the memory over 100,000 requests, too.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Only see that it runs, with little data.")] = False,
    docs: Annotated[bool, typer.Option("--docs", help="Put the figures and the chart into docs/.")] = False,
) -> None:
    """Measure the gateway, the standard engine and hand-written endpoints, side by side."""
    size = data.TINY if quick else data.FULL
    options = Options(rounds, seconds, warm_up=0.5, concurrency=concurrency)
    if quick:
        options = Options(rounds=1, seconds=0.05, warm_up=0.0, concurrency=2)
    chosen = _chosen(only, size) if only or not subscribed else []
    audiences = _audiences(small=not only, all=subscribed, quick=quick)
    os.sched_setaffinity(0, CLIENT_CORES)
    with console.status("The data") as status:
        report = _measured(chosen, audiences, size, options, status.update, soaked=soaked)
    show(report, console)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(to_json(report))
    if docs:
        if report.results:
            (DOCS / "images" / "performance.svg").write_text(svg(report), encoding="utf-8")
        write_into(DOCS / "performance.md", report)


def _chosen(only: str, size: data.Size) -> list[workloads.Workload]:
    known = workloads.every(size)
    names = tuple(name.strip() for name in only.split(",") if name.strip())
    unknown = [name for name in names if not any(workload.name.startswith(name) for workload in known)]
    if unknown:
        raise typer.BadParameter(f"there are {', '.join(workload.name for workload in known)}; not {unknown[0]}")
    return [workload for workload in known if not names or workload.name.startswith(names)]


def _audiences(*, small: bool, all: bool, quick: bool) -> Sequence[Audience]:
    if quick:
        return [TINY] if small or all else []
    if all:
        return [SMALL, LARGE]
    return [SMALL] if small else []


def _measured(
    chosen: Sequence[workloads.Workload],
    audiences: Sequence[Audience],
    size: data.Size,
    options: Options,
    tell: Callable[[str], None],
    *,
    soaked: bool,
) -> Report:
    folder = data.prepared(Path(os.environ.get("GATEWAY_HOME", ".gateway")), size)
    with ExitStack() as stack:
        databases = {"sqlite": str(data.sqlite_file(folder, size))}
        databases["postgres"] = stack.enter_context(data.running_postgres(folder))
        asyncio.run(data.load_postgres(databases["postgres"], size))
        tell("The servers")
        needed = dict.fromkeys((workload.source, name) for workload in chosen for name in workload.servers)
        servers = {key: stack.enter_context(running(key[1], key[0], databases[key[0]])) for key in needed}
        for server in servers.values():
            pin_when_ready(server)
        compared = [(workload, [servers[workload.source, name] for name in workload.servers]) for workload in chosen]
        sizes = {workload.name: check_answers(workload, among) for workload, among in compared}
        results = measure(compared, options, tell)
        memory = _soak(size, databases["postgres"], tell) if soaked else []
        for key in servers:
            ...
    return Report([workload for workload in chosen if workload.name.startswith("W")], sizes, results, memory)


def _soak(size: data.Size, database: str, tell: Callable[[str], None]) -> list[float]:
    with running("gateway", "postgres", database) as server:
        pin_when_ready(server)
        return soak(workloads.soak(size), server, SOAK_REQUESTS, SOAK_STEPS, tell)


if __name__ == "__main__":
    try:
        typer.run(bench)
    except RuntimeError as error:
        sys.exit(f"bench: {error}")
