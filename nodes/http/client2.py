"""The same client for SDKs that are built on httpx2, the successor of httpx: the same gate, the same limits."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any

import httpcore2
import httpx
import httpx2

from nodes.http.client import CONNECT_SECONDS, USER_AGENT, no_cookies
from nodes.http.exchange import MOST_REDIRECTS, shown_url
from nodes.http.gate import Gate
from nodes.http.passing import connected, no_socket, passed
from nodes.http.traces import TracedHosts

Hook = Callable[[httpx2.Response], Awaitable[None]]


def open_client2(
    gate: Gate,
    tls: ssl.SSLContext,
    *,
    headers: Mapping[str, str],
    hook: Hook | None,
    timeout: float | None,
    network: httpcore2.AsyncNetworkBackend | None = None,
    traced: TracedHosts | None = None,
) -> httpx2.AsyncClient:
    """A client that keeps connections until it is closed, and no cookies."""
    return httpx2.AsyncClient(
        transport=Transport2(gate, tls, network or httpcore2.AnyIOBackend(), traced),
        cookies=no_cookies(),
        headers={"user-agent": USER_AGENT, "accept-encoding": "gzip, deflate", **headers},
        timeout=httpx2.Timeout(timeout, connect=CONNECT_SECONDS),
        event_hooks={"response": [hook] if hook else []},
        follow_redirects=True,
        max_redirects=MOST_REDIRECTS,
        trust_env=False,
    )


class Transport2(httpx2.AsyncHTTPTransport):
    """Sends requests that may go where they go, over connections to checked addresses."""

    def __init__(
        self,
        gate: Gate,
        tls: ssl.SSLContext,
        network: httpcore2.AsyncNetworkBackend,
        traced: TracedHosts | None = None,
    ) -> None:
        super().__init__(verify=tls, trust_env=False)
        self._gate = gate
        self._traced = traced
        self._pool = httpcore2.AsyncConnectionPool(ssl_context=tls, network_backend=CheckedNetwork2(gate, network))

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer, with its body unpacked as it is read."""
        send = super().handle_async_request
        response, body = await passed(request, send, self._gate, self._traced, _shown)
        response.stream = _Body(response.stream, body)
        found: httpx2.Response = response
        return found


class _Body(httpx2.AsyncByteStream):
    """An unpacked body."""

    def __init__(self, stream: httpx2.AsyncByteStream, pieces: AsyncIterator[bytes]) -> None:
        self._stream = stream
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._pieces:
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()


class CheckedNetwork2(httpcore2.AsyncNetworkBackend):
    """Connects to the addresses that the gate has checked, and to nothing else."""

    def __init__(self, gate: Gate, network: httpcore2.AsyncNetworkBackend) -> None:
        self._gate = gate
        self._network = network

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """A connection to the first address that answers; the name isn't resolved again."""
        failures = (httpcore2.ConnectError, httpcore2.ConnectTimeout)

        async def connect(address: str) -> httpcore2.AsyncNetworkStream:
            return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)

        return await connected(await self._gate.check(host, port), connect, failures)

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore2.AsyncNetworkStream:
        """Refused."""
        raise no_socket()

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)


def _shown(url: httpx2.URL) -> str:
    return shown_url(httpx.URL(str(url)))
