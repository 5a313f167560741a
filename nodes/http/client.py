"""The HTTP client that all nodes of a worker share; every request and every connection of it passes the gate."""

import ssl
from collections.abc import AsyncIterator, Iterable
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpcore
import httpx

from nodes.http.exchange import MOST_REDIRECTS, shown_url
from nodes.http.gate import Gate
from nodes.http.passing import connected, no_socket, passed
from nodes.http.traces import TracedHosts

CONNECT_SECONDS = 10.0
USER_AGENT = "orchestrator"


def open_client(
    gate: Gate, tls: ssl.SSLContext, network: httpcore.AsyncNetworkBackend, traced: TracedHosts | None = None
) -> httpx.AsyncClient:
    """A client that keeps connections, but nothing of one request for the next: no cookies."""
    return httpx.AsyncClient(
        transport=Transport(gate, tls, network, traced),
        cookies=no_cookies(),
        headers={"user-agent": USER_AGENT, "accept-encoding": "gzip, deflate"},
        timeout=httpx.Timeout(60.0, connect=CONNECT_SECONDS),
        max_redirects=MOST_REDIRECTS,
        trust_env=False,
    )


def no_cookies() -> CookieJar:
    """A jar that takes no cookies."""
    return CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))


class Transport(httpx.AsyncHTTPTransport):
    """Sends requests that may go where they go, over connections to checked addresses."""

    def __init__(
        self,
        gate: Gate,
        tls: ssl.SSLContext,
        network: httpcore.AsyncNetworkBackend,
        traced: TracedHosts | None = None,
    ) -> None:
        super().__init__(verify=tls, trust_env=False)
        self._gate = gate
        self._traced = traced
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=200,
            max_keepalive_connections=50,
            keepalive_expiry=5.0,
            network_backend=CheckedNetwork(gate, network),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer, with its body unpacked as it is read."""
        send = super().handle_async_request
        response, body = await passed(request, send, self._gate, self._traced, shown_url)
        response.stream = _Body(response.stream, body)
        found: httpx.Response = response
        return found


class _Body(httpx.AsyncByteStream):
    """An unpacked body."""

    def __init__(self, stream: httpx.AsyncByteStream, pieces: AsyncIterator[bytes]) -> None:
        self._stream = stream
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._pieces:
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()


class CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to the addresses that the gate has checked, and to nothing else."""

    def __init__(self, gate: Gate, network: httpcore.AsyncNetworkBackend) -> None:
        self._gate = gate
        self._network = network

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first address that answers; the name isn't resolved again."""
        failures = (httpcore.ConnectError, httpcore.ConnectTimeout)

        async def connect(address: str) -> httpcore.AsyncNetworkStream:
            return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)

        return await connected(await self._gate.check(host, port), connect, failures)

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Refused."""
        raise no_socket()

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)
