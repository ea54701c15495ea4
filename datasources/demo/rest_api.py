"""A plain REST service over collections in memory; it speaks the convention that `RestSource` expects by default."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from datasources.demo.rest_query import BadQuery, Query, from_body, from_parameters
from datasources.demo.rest_table import Condition, Row, Table

MAXIMUM_BODY = 8 * 1024 * 1024


def collection_api(collections: Mapping[str, Sequence[Mapping[str, Any]]], latency: float = 0.0) -> Starlette:
    """`GET /{collection}?id=1,2,3`, `POST /{collection}/query`, `GET /health`; `latency` in seconds a request."""
    tables = {name: Table(rows) for name, rows in collections.items()}

    def table(request: Request) -> Table:
        name = request.path_params["collection"]
        if name not in tables:
            raise HTTPException(404, f"There is no collection {name!r}; there are {', '.join(sorted(tables))}.")
        return tables[name]

    async def read(request: Request) -> Response:
        found = table(request)
        return await answer(found, from_parameters(found, request.query_params.multi_items()))

    async def query(request: Request) -> Response:
        found = table(request)
        try:
            body = json.loads(await request.body())
        except (ValueError, RecursionError):
            raise BadQuery("The body is not JSON.") from None
        return await answer(found, from_body(found, body))

    async def health(_request: Request) -> Response:
        return _json({"status": "ok"})

    async def answer(found: Table, wanted: Query) -> Response:
        if latency:
            await asyncio.sleep(latency)
        return _json(_answer(found, wanted))

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/{collection}", read),
            Route("/{collection}/query", query, methods=["POST"]),
        ],
        exception_handlers={HTTPException: _refuse, BadQuery: _refuse},
        max_body_size=MAXIMUM_BODY,
    )


def _answer(table: Table, query: Query) -> dict[str, Any]:
    if query.per is None:
        rows = table.select(query.where)
        page, more = _page(rows, query)
        position = [page[-1][column] for column, _ in query.sort] if page and more else None
        return {
            "items": _project(page, query),
            "next": position,
            "counts": {"": len(rows)} if query.count else {},
        }

    items: list[Row] = []
    counts: dict[str, int] = {}
    for value in query.wanted(query.per):
        rows = table.select((*query.where, Condition(query.per, "in", {value: None})))
        items += _page(rows, query)[0]
        if query.count:
            counts[_text(value)] = len(rows)
    return {"items": _project(items, query), "next": None, "counts": counts}


def _page(rows: list[Row], query: Query) -> tuple[list[Row], bool]:
    """At most `limit` rows after the position, in order, and whether there are more."""
    if query.after is not None:
        rows = [row for row in rows if query.is_after(row)]
    for column, descending in reversed(query.sort):
        rows.sort(key=lambda row: (row[column] is None, row[column]), reverse=descending)
    return rows[: query.limit], len(rows) > query.limit


def _project(rows: list[Row], query: Query) -> list[Mapping[str, Any]]:
    return [{name: row[name] for name in query.fields} for row in rows]


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content, _plain, orjson.OPT_NAIVE_UTC), status, media_type="application/json")


def _text(value: Any) -> str:
    """A value as the key of a JSON object, in the form that it also has as a JSON value."""
    return value if isinstance(value, str) else orjson.dumps(value, _plain, orjson.OPT_NAIVE_UTC).decode().strip('"')


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _refuse(_request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException):
        return _json({"error": error.detail}, error.status_code)
    return _json({"error": str(error)}, 400)
