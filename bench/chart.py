"""The chart for the documentation: CPU per request as a multiple of the hand-written endpoint's."""

from html import escape
from math import log10

from bench.report import Report
from bench.targets import cpu_ratio

WIDTH, ROW, TOP, BOTTOM = 760, 34, 54, 34
LEFT, RIGHT = 300, 40
INK, GRID = "#7d8590", "#7d859040"
COLOURS = {"gateway": "#2f81f7", "standard": "#d29922"}
TICKS = (0.5, 1, 2, 5, 10, 20, 50, 100)


def svg(report: Report) -> str:
    """A dot for each server and workload, on a logarithmic scale; legible on light and dark pages."""
    workloads = [each for each in report.workloads if (each.name, "handwritten") in report.results]
    bottom = TOP + ROW * len(workloads)
    parts = [_legend(), *(_tick(tick, bottom) for tick in TICKS)]
    for row, workload in enumerate(workloads):
        y = TOP + ROW * row + ROW // 2
        parts.append(_text(0, y + 4, f"{workload.name} {workload.title}"))
        for server, colour in COLOURS.items():
            if (workload.name, server) in report.results:
                parts.append(_dot(cpu_ratio(report.results, workload.name, server, "handwritten"), y, colour))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + BOTTOM}" role="img" '
        'font-family="system-ui, sans-serif" font-size="12">\n'
        "<title>CPU per request as a multiple of hand-written endpoints</title>\n" + "\n".join(parts) + "\n</svg>\n"
    )


def _x(ratio: float) -> float:
    span = log10(TICKS[-1] / TICKS[0])
    share = log10(min(max(ratio, TICKS[0]), TICKS[-1]) / TICKS[0]) / span
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _legend() -> str:
    return (
        _text(0, 18, "CPU per request, as a multiple of a hand-written endpoint", weight="600")
        + f'<circle cx="{LEFT + 140}" cy="14" r="5" fill="{COLOURS["gateway"]}"/>'
        + _text(LEFT + 150, 18, "gateway")
        + f'<circle cx="{LEFT + 220}" cy="14" r="5" fill="{COLOURS["standard"]}"/>'
        + _text(LEFT + 230, 18, "standard engine with its caches")
    )


def _tick(ratio: float, bottom: int) -> str:
    x = _x(ratio)
    line = f'stroke="{INK}" stroke-width="1.5"' if ratio == 1 else f'stroke="{GRID}"'
    return f'<path d="M{x:.1f} {TOP - 6}V{bottom}" {line}/>' + _text(x, bottom + 18, f"{ratio:g}x", anchor="middle")


def _dot(ratio: float, y: int, colour: str) -> str:
    x = _x(ratio)
    return f'<circle cx="{x:.1f}" cy="{y}" r="5" fill="{colour}"/>' + _text(x + 9, y + 4, f"{ratio:.2g}", colour=colour)


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "400", colour: str = INK) -> str:
    return (
        f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}" font-weight="{weight}" fill="{colour}">{escape(text)}</text>'
    )
