"""One exchange with a REST service: everything that can go wrong becomes a `DatasourceError`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson

from datasources.errors import SourceMisbehaved, SourceRefused, SourceTimeout, SourceUnavailable
from datasources.observed import observation

MAXIMUM_ANSWER = 64 * 1024 * 1024


class Client:
    """A pool of connections to `base_url`, with at most `concurrency` requests at once."""

    def __init__(
        self,
        source: str,
        base_url: str,
        headers: Mapping[str, str],
        transport: httpx.AsyncBaseTransport | None,
        timeout: float,
        concurrency: int,
    ) -> None:
        self._source = source
        self._slots = asyncio.Semaphore(concurrency)
        self._http = httpx.AsyncClient(
            base_url=base_url,
            headers={"accept": "application/json", **headers},
            transport=transport,
            timeout=httpx.Timeout(timeout, pool=None),
            limits=httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency),
            trust_env=False,  # neither proxies nor a .netrc of the operator's account belong to a datasource
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def check(self, path: str) -> None:
        request = self._http.build_request("GET", path)
        async with self._slots, self._answering(request) as response:
            self._expect_success(response, "its health")

    async def get(self, path: str, parameters: str) -> Any:
        try:
            request = self._http.build_request("GET", f"{path}?{parameters}")
        except httpx.InvalidURL as error:
            raise SourceRefused(self._source, "cannot be asked for so long a value") from error
        return await self._json(request, path)

    async def post(self, path: str, body: bytes) -> Any:
        headers = {"content-type": "application/json"}
        return await self._json(self._http.build_request("POST", path, content=body, headers=headers), path)

    def _json(self, request: httpx.Request, path: str) -> Awaitable[Any]:
        exchange = self._exchange(request, path)
        observed = observation.get()
        return exchange if observed is None else observed.run(_shown(request), exchange)

    async def _exchange(self, request: httpx.Request, path: str) -> Any:
        what = f"'{path.strip('/')}'"
        async with self._slots, self._answering(request) as response:
            self._expect_success(response, what)
            content = await self._content(response, what)
        try:
            return orjson.loads(content)
        except ValueError as error:
            raise SourceMisbehaved(self._source, f"answered {what} with something that is not JSON") from error

    @asynccontextmanager
    async def _answering(self, request: httpx.Request) -> AsyncIterator[httpx.Response]:
        if self._http.is_closed:
            raise SourceUnavailable(self._source, "is not open")
        try:
            response = await self._http.send(request, stream=True)
        except httpx.TimeoutException as error:
            raise SourceTimeout(self._source, "did not answer in time") from error
        except httpx.HTTPError as error:
            raise SourceUnavailable(self._source, "cannot be reached") from error
        try:
            yield response
        finally:
            await response.aclose()

    def _expect_success(self, response: httpx.Response, what: str) -> None:
        status = response.status_code
        match status:
            case 200:
                return
            case 429 | 502 | 503:  # for the moment: another attempt may succeed
                raise SourceUnavailable(self._source, f"cannot answer {what} now: status {status}")
            case 504:
                raise SourceTimeout(self._source, f"did not answer {what} in time: status {status}")
            case _ if 400 <= status < 500:
                raise SourceRefused(self._source, f"refused to answer {what}: status {status}")
        raise SourceMisbehaved(self._source, f"answered {what} with status {status}")

    async def _content(self, response: httpx.Response, what: str) -> bytes:
        chunks, size = [], 0
        try:
            async for chunk in response.aiter_bytes():
                size += len(chunk)
                if size > MAXIMUM_ANSWER:
                    raise SourceMisbehaved(self._source, f"answered {what} with more than {MAXIMUM_ANSWER} bytes")
                chunks.append(chunk)
        except httpx.TimeoutException as error:
            raise SourceTimeout(self._source, "did not answer in time") from error
        except httpx.DecodingError as error:
            raise SourceMisbehaved(self._source, f"answered {what} with something that cannot be decoded") from error
        except httpx.HTTPError as error:
            raise SourceUnavailable(self._source, f"broke off in the middle of answering {what}") from error
        return b"".join(chunks)


def _shown(request: httpx.Request) -> str:
    """The request's line, and its body below; not its headers, which may hold a secret."""
    line = f"{request.method} {request.url.raw_path.decode()}"
    return f"{line}\n{request.content.decode()}" if request.content else line
