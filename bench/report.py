"""What was measured, as tables, as JSON, and as a part of the documentation."""

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from bench.measure import Result, Results
from bench.subscriptions import SERVERS as DELIVERING
from bench.subscriptions import Audience, Deliveries, Delivery
from bench.targets import Outcome, cpu_ratio, marginal_costs, outcomes
from bench.workloads import Workload

SERVERS = ("gateway", "handwritten", "standard", "standard, untuned", "standard, uncached")
NAMES = {"gateway": "gateway", "handwritten": "hand-written", "standard": "standard engine"}
"""Those in the documentation."""
RESULTS, DELIVERIES = "results", "subscriptions"
"""The parts of the documentation, by the marks that they are between."""


@dataclass(frozen=True, slots=True)
class Report:
    """One run."""

    workloads: Sequence[Workload]
    """Those that were compared."""
    sizes: dict[str, int]
    """Bytes of each workload's answer."""
    results: Results
    memory: Sequence[float]
    """MiB, over the soak."""
    audiences: Sequence[Audience] = ()
    deliveries: Deliveries = field(default_factory=dict)

    @property
    def outcomes(self) -> list[Outcome]:
        return outcomes(self.results, self.memory, self.deliveries)


def show(report: Report, console: Console) -> None:
    if report.workloads:
        console.print(_cpu_table(report))
        console.print(_latency_table(report))
    if any(name.startswith("rows") for name, _ in report.results):
        console.print(_rows_table(report))
    for audience in report.audiences:
        console.print(_deliveries_table(audience, report.deliveries))
    console.print(_targets_table(report.outcomes))


def _cpu_table(report: Report) -> Table:
    table = _table("CPU per request of the server's process, ms", "", "workload", "kB", *SERVERS, "a / c", "b / a")
    for workload in report.workloads:
        cpu = {
            server: report.results[workload.name, server].cpu
            for server in SERVERS
            if (workload.name, server) in report.results
        }
        table.add_row(
            workload.name,
            workload.title,
            f"{report.sizes[workload.name] / 1000:.1f}",
            *(f"{cpu[server]:.3f}" if server in cpu else "" for server in SERVERS),
            *(ratio(report, workload.name, *pair) for pair in (("gateway", "handwritten"), ("standard", "gateway"))),
        )
    return table


def ratio(report: Report, workload: str, server: str, other: str) -> str:
    if not {(workload, server), (workload, other)} <= report.results.keys():
        return ""
    return f"{cpu_ratio(report.results, workload, server, other):.2f}"


def _latency_table(report: Report) -> Table:
    servers = SERVERS[:3]
    table = _table("Requests/s, p50/p99 ms, and how busy the server's core was", "", *servers)
    for workload in report.workloads:
        found = [report.results.get((workload.name, server)) for server in servers]
        table.add_row(workload.name, *(_speed(result) if result else "" for result in found))
    return table


def _speed(result: Result) -> str:
    return f"{result.throughput:,.0f}  {result.p50:.1f}/{result.p99:.1f}  {result.busy:.0%}"


def _rows_table(report: Report) -> Table:
    servers = ("gateway", "handwritten")
    table = _table("CPU for each row that is added, µs", "rows", *servers)
    costs = [dict(marginal_costs(report.results, server)) for server in servers]
    for count in costs[0]:
        table.add_row(f"{count:,}", *(f"{each[count]:.2f}" for each in costs))
    return table


def _deliveries_table(audience: Audience, deliveries: Deliveries) -> Table:
    table = _table(f"Subscriptions: {audience.title}", "", *DELIVERY_COLUMNS)
    for server in DELIVERING:
        table.add_row(server, *_delivery(deliveries, audience, server))
    return table


DELIVERY_COLUMNS = (
    "commits/s",
    "delivered",
    "of",
    "CPU per event, µs",
    "events per CPU s",
    "CPU / gateway's",
    "p50/p99 ms",
    "core busy",
    "KiB each",
)


def _delivery(deliveries: Deliveries, audience: Audience, server: str) -> list[str]:
    delivery: Delivery = deliveries[audience.name, server]
    return [
        f"{delivery.rate:.0f}",
        f"{delivery.delivered:,}",
        f"{delivery.expected:,}",
        f"{delivery.cpu:.1f}",
        f"{1e6 / delivery.cpu:,.0f}",
        f"{delivery.cpu / deliveries[audience.name, 'gateway'].cpu:.2f}",
        f"{delivery.p50:.1f}/{delivery.p99:.1f}",
        f"{delivery.busy:.0%}",
        f"{delivery.memory:.0f}",
    ]


def _targets_table(targets: Sequence[Outcome]) -> Table:
    table = _table("Targets", "", "measured", "target", "")
    for target in targets:
        sign = "≤" if target.at_most else "≥"
        verdict = "[green]met" if target.met else "[red]missed"
        table.add_row(target.text, f"{target.value:.2f}", f"{sign} {target.limit:g}", verdict)
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 or column == "workload" else "right")
    return table


def to_json(report: Report) -> bytes:
    content: dict[str, Any] = {
        "machine": {"processor": processor(), "cores": os.cpu_count(), "python": platform.python_version()},
        "results": [
            {"workload": workload, "server": server, **asdict(result)}
            for (workload, server), result in report.results.items()
        ],
        "answer_bytes": report.sizes,
        "memory_mib": list(report.memory),
        "subscriptions": [
            {"audience": audience, "server": server, **asdict(delivery)}
            for (audience, server), delivery in report.deliveries.items()
        ],
        "targets": [{**asdict(target), "met": target.met} for target in report.outcomes],
    }
    return orjson.dumps(content, option=orjson.OPT_INDENT_2)


def write_into(document: Path, report: Report) -> None:
    """Puts what was measured into the document, between the marks that it has for it."""
    text = document.read_text(encoding="utf-8")
    if report.workloads:
        text = _with(text, RESULTS, _markdown(report))
    if report.audiences:
        text = _with(text, DELIVERIES, _deliveries_markdown(report))
    document.write_text(text, encoding="utf-8")


def _with(text: str, part: str, content: str) -> str:
    begin, end = f"<!-- {part} -->", f"<!-- end of {part} -->"
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n{content}\n{end}{after}"


def _markdown(report: Report) -> str:
    lines = [
        f"{processor()}, Python {platform.python_version()}; milliseconds of CPU per request, and multiples:",
        "",
        f"| | | {' | '.join(NAMES.values())} | gateway / hand-written | standard / gateway |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for workload in report.workloads:
        found = [report.results.get((workload.name, server)) for server in SERVERS[:3]]
        cells = [f"{result.cpu:.2f}" if result else "" for result in found]
        multiples = [
            ratio(report, workload.name, "gateway", "handwritten"),
            ratio(report, workload.name, "standard", "gateway"),
        ]
        lines.append(f"| {workload.name} | {workload.title} | {' | '.join(cells + multiples)} |")
    return "\n".join(lines)


def _deliveries_markdown(report: Report) -> str:
    lines = [f"{processor()}, Python {platform.python_version()}:"]
    for audience in report.audiences:
        columns = " | ".join(DELIVERY_COLUMNS)
        lines += ["", f"| {audience.title} | {columns} |", f"|---|{'--:|' * len(DELIVERY_COLUMNS)}"]
        for server in DELIVERING:
            lines.append(f"| {NAMES[server]} | {' | '.join(_delivery(report.deliveries, audience, server))} |")
    return "\n".join(lines)


def processor() -> str:
    """The processor's name, as Linux tells it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
