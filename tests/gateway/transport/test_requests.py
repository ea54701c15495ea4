"""Headers have a limit, whether they come at once or by and by."""

import asyncio

import httpx
import pytest

from gateway.settings import HttpSettings, Settings
from gateway.settings_auth import AuthSettings
from tests.gateway.shop import shop_app
from tests.support.server import serve

pytestmark = pytest.mark.anyio

SETTINGS = Settings(http=HttpSettings(max_headers=2048, csrf_prevention=False), auth=AuthSettings(anonymous=True))
REFUSED = {
    "errors": [
        {
            "message": "The address and the headers have more than 2048 bytes.",
            "extensions": {"code": "HEADERS_TOO_LARGE"},
        }
    ]
}


@pytest.mark.parametrize("padding", ["header", "address"])
async def test_what_comes_at_once(padding: str) -> None:
    async with serve(shop_app(SETTINGS.http), SETTINGS) as url, httpx.AsyncClient(base_url=url) as client:
        for size, status in ((1000, 200), (2048, 431), (1000, 200)):
            params = {"query": "{ __typename }", "x": "x" * size if padding == "address" else ""}
            headers = {"x-padding": "x" * size} if padding == "header" else {}
            response = await client.get("/graphql", params=params, headers=headers)
            assert response.status_code == status
            if status == 431:
                assert response.json() == REFUSED


@pytest.mark.parametrize("piece", [b"x" * 500, b"x: y\r\n" * 80], ids=["one-header", "many-headers"])
async def test_what_comes_by_and_by_is_cut_off(piece: bytes) -> None:
    async with serve(shop_app(SETTINGS.http), SETTINGS) as url:
        reader, writer = await asyncio.open_connection(httpx.URL(url).host, httpx.URL(url).port)
        writer.write(b"GET /graphql HTTP/1.1\r\n" + (b"padding: " if b":" not in piece else b""))
        sent = 0
        while not reader.at_eof() and sent < 100:
            writer.write(piece)
            sent += 1
            await asyncio.sleep(0.01)
            if reader._buffer:  # type: ignore[attr-defined]
                break
        status = await asyncio.wait_for(reader.readline(), 5)
        writer.close()
    assert status == b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    assert sent < 10
