"""The live shop in a process of its own: `python -m tests.gateway.process DRAIN`.

Its orders are answered only once the process is told to stop, or never when there is no time to drain.
"""

import asyncio
import sys

from datasources.memory import MemorySource
from gateway.app import create_app
from gateway.graph import make_graph
from gateway.server import listen, origin_of, serve
from resolvers.query import query_type
from tests.gateway.live import Subscription, live_settings
from tests.gateway.shop import ROWS, TYPES, Customer, Order, shop_sources
from tests.support.sources import Gated


def main(drain: float) -> None:
    settings = live_settings(drain=drain)
    erp = Gated(MemorySource("erp", ROWS["erp"], columns=TYPES))
    app = create_app(settings, make_graph(query_type(Customer, Order), (), Subscription), shop_sources(erp=erp))
    listener = listen("127.0.0.1", 0)

    async def drained() -> None:
        if drain >= 1:
            asyncio.get_running_loop().call_soon(erp.gate.set)
        await app.drain()

    serve(app, listener, settings, lambda: print(origin_of(listener), flush=True), drained)  # noqa: T201


if __name__ == "__main__":
    main(float(sys.argv[1]))
