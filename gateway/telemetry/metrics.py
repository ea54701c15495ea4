"""What the process has counted, for Prometheus: https://prometheus.io/docs/instrumenting/exposition_formats/"""

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, GCCollector, Metric, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from datasources.cache import Cache
from gateway.limits.concurrency import Turns

PATH = "/metrics"

Caches = Mapping[tuple[str, str], Cache[Any, Any]]
"""By name and source; the source is "" where the cache is the gateway's own."""


def metrics_routes(caches: Caches, answered: Mapping[int, int], turns: Turns) -> list[BaseRoute]:
    """`/metrics`; `answered` counts the endpoint's answers by the first digit of their status."""
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    registry.register(_Counted(caches, answered, turns))

    async def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"content-type": content_type, "cache-control": "no-store"})

    return [Route(PATH, metrics)]


class _Counted(Collector):
    """Looks only when Prometheus asks: requests pay for no more than to count."""

    def __init__(self, caches: Caches, answered: Mapping[int, int], turns: Turns) -> None:
        self._caches = caches
        self._answered = answered
        self._turns = turns

    def collect(self) -> Iterator[Metric]:
        labels = ("cache", "source")
        hits = CounterMetricFamily("gateway_cache_hits", "What was found in a cache.", labels=labels)
        misses = CounterMetricFamily("gateway_cache_misses", "What was not.", labels=labels)
        evictions = CounterMetricFamily("gateway_cache_evictions", "Entries that made room for others.", labels=labels)
        entries = GaugeMetricFamily("gateway_cache_entries", "Entries of a cache.", labels=labels)
        size = GaugeMetricFamily("gateway_cache_bytes", "Memory that they take, by estimate.", labels=labels)
        for labelled, cache in self._caches.items():
            figures = cache.figures
            hits.add_metric(labelled, figures.hits)
            misses.add_metric(labelled, figures.misses)
            evictions.add_metric(labelled, figures.evictions)
            entries.add_metric(labelled, figures.entries)
            size.add_metric(labelled, figures.bytes)
        yield from (hits, misses, evictions, entries, size)
        answers = CounterMetricFamily("gateway_http_answers", "Answers of the endpoint.", labels=("status",))
        for digit, count in sorted(self._answered.items()):
            answers.add_metric((f"{digit}xx",), count)
        yield answers
        operations = GaugeMetricFamily("gateway_operations", "Operations under way.", labels=("state",))
        operations.add_metric(("running",), self._turns.running)
        operations.add_metric(("waiting",), self._turns.waiting)
        yield operations
        yield CounterMetricFamily("gateway_operations_shed", "Those that were sent away.", self._turns.shed)
