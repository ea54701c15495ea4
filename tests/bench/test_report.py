"""What a run leaves in the documentation."""

from pathlib import Path
from xml.etree import ElementTree

from bench.chart import svg
from bench.report import Report, write_into
from bench.subscriptions import TINY, Delivery
from bench.workloads import Workload
from tests.bench.test_measure import result

WORKLOAD = Workload("W1", "one <order>", [("{ one }", {})], ["/one"])
REPORT = Report(
    [WORKLOAD],
    {"W1": 90},
    {("W1", "gateway"): result(0.1), ("W1", "handwritten"): result(0.2), ("W1", "standard"): result(0.6)},
    [],
)


def test_figures_take_the_place_of_older_ones(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text("before\n<!-- results -->\nolder\n<!-- end of results -->\nafter\n")
    write_into(page, REPORT)
    write_into(page, REPORT)
    head, *table, last = page.read_text().splitlines()
    assert (head, last) == ("before", "after")
    assert table[-2:] == ["| W1 | one <order> | 0.10 | 0.20 | 0.60 | 0.50 | 6.00 |", "<!-- end of results -->"]
    assert "older" not in table


def test_deliveries_have_a_place_of_their_own(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(
        "<!-- results -->\nolder\n<!-- end of results -->\n<!-- subscriptions -->\n<!-- end of subscriptions -->\n"
    )
    deliveries = {
        (TINY.name, server): Delivery(20, 20, 100.0, cpu, 1.0, 2.0, 0.5, 30.0)
        for server, cpu in (("gateway", 20.0), ("handwritten", 10.0), ("standard", 300.0))
    }
    write_into(page, Report([], {}, {}, [], [TINY], deliveries))
    lines = page.read_text().splitlines()
    assert lines[:4] == ["<!-- results -->", "older", "<!-- end of results -->", "<!-- subscriptions -->"]
    assert lines[-4:] == [
        "| gateway | 100 | 20 | 20 | 20.0 | 50,000 | 1.00 | 1.0/2.0 | 50% | 30 |",
        "| hand-written | 100 | 20 | 20 | 10.0 | 100,000 | 0.50 | 1.0/2.0 | 50% | 30 |",
        "| standard engine | 100 | 20 | 20 | 300.0 | 3,333 | 15.00 | 1.0/2.0 | 50% | 30 |",
        "<!-- end of subscriptions -->",
    ]


def test_the_chart_is_svg_with_a_dot_for_each_server() -> None:
    chart = ElementTree.fromstring(svg(REPORT))  # noqa: S314 - it is ours
    texts = [text.text for text in chart.iter("{http://www.w3.org/2000/svg}text")]
    assert "W1 one <order>" in texts
    assert texts[-2:] == ["0.5", "3"]
