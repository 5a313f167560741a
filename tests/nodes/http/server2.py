"""The tests' network for httpx2."""

from collections.abc import Iterable
from typing import Any

import httpcore2

from tests.nodes.http.server import Network


class Network2(httpcore2.AsyncNetworkBackend):
    """Leads every address to where another network leads it."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._real = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        self._network.connected.append((host, port))
        return await self._real.connect_tcp("127.0.0.1", self._network.ports[port], timeout)

    async def sleep(self, seconds: float) -> None:
        await self._real.sleep(seconds)
