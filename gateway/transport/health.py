"""Health for load balancers and orchestrators: does the process live, and do its datasources answer?"""

import asyncio
import time
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from datasources.errors import DatasourceError
from datasources.registry import Registry

FRESH = 1.0
"""Seconds for which a check's result is given again, so that asking often costs the datasources nothing."""


def health_routes(sources: Registry, clock: Callable[[], float] = time.monotonic) -> list[BaseRoute]:
    """`/health/live` and `/health/ready`; the latter is 503 while a datasource does not answer."""
    checked_at = -FRESH
    found: dict[str, DatasourceError | None] = {}
    one_at_a_time = asyncio.Lock()

    async def live(_request: Request) -> Response:
        return _json(200, {"status": "ok"})

    async def ready(_request: Request) -> Response:
        nonlocal checked_at, found
        async with one_at_a_time:
            if clock() - checked_at >= FRESH:
                found = await sources.check()
                checked_at = clock()
        healthy = not any(found.values())
        status = {"status": "ok" if healthy else "unavailable", "sources": {n: _of(e) for n, e in found.items()}}
        return _json(200 if healthy else 503, status)

    return [Route("/health/live", live), Route("/health/ready", ready)]


def _of(error: DatasourceError | None) -> dict[str, str]:
    if error is None:
        return {"status": "ok"}
    return {"status": "unavailable", "code": error.code, "message": str(error)}


def _json(status: int, content: object) -> Response:
    return JSONResponse(content, status, headers={"cache-control": "no-store"})
