"""GraphiQL, served from this package: the page at the endpoint and its hashed files below it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

_STATIC = Path(__file__).parent / "static"
_MEDIA_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".txt": "text/plain",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}
_FILES: Mapping[str, Path] = {path.name: path for path in sorted(_STATIC.iterdir()) if path.suffix in _MEDIA_TYPES}

# Monaco and GraphiQL set style attributes and add style elements while they run.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; worker-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; font-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_PAGE_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class Tab:
    """A query that GraphiQL opens with; the tab is named after its operation. Variables are JSON text."""

    query: str
    variables: str | None = None


def graphiql_page(endpoint: str = "/graphql", tabs: Sequence[Tab] = (), title: str = "GraphQL") -> Response:
    """The page for `endpoint`, to be served at that very path: its links are relative, so any path prefix works."""
    name = endpoint.rpartition("/")[2]
    config = {"endpoint": f"./{name}", "title": title, "tabs": [asdict(tab) for tab in tabs]}
    static = f"./{name}/static" if name else "./static"
    return HTMLResponse(
        f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<link rel="icon" href="{static}/{_named("icon", ".svg")}">
<link rel="stylesheet" href="{static}/{_named("graphiql", ".css")}">
<script type="application/json" id="config">{_script_json(config)}</script>
<script type="module" src="{static}/{_named("graphiql", ".js")}"></script>
</head>
<body><div id="graphiql"></div></body>
</html>
""",
        headers=_PAGE_HEADERS,
    )


def graphiql_routes(endpoint: str = "/graphql") -> list[BaseRoute]:
    """The routes of the page's files, below the endpoint."""
    return [Route(f"{endpoint.rstrip('/')}/static/{{name}}", _static_file)]


async def _static_file(request: Request) -> Response:
    path = _FILES.get(request.path_params["name"])
    if path is None:
        return PlainTextResponse("Not Found", status_code=404)
    etag = f'"{path.name}"'  # the name carries the hash of the content
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable",
        "ETag": etag,
        "X-Content-Type-Options": "nosniff",
    }
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return FileResponse(path, headers=headers, media_type=_MEDIA_TYPES[path.suffix])


def _named(stem: str, suffix: str) -> str:
    return next(name for name in _FILES if name.startswith(f"{stem}-") and name.endswith(suffix))


def _script_json(value: object) -> str:
    """JSON that cannot end the script element around it."""
    return json.dumps(value).replace("<", "\\u003c")
