"""The only way out to the network: every node's requests, and the addresses of its other connections, pass here."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpcore
import httpx

from nodes.credentials.credential import Credential
from nodes.errors import RetryableError
from nodes.http.client import CONNECT_SECONDS, open_client
from nodes.http.exchange import CREDENTIAL, Answer, failure, shown_url
from nodes.http.gate import Gate, Resolver, resolve
from nodes.http.hop import LIMIT, require_host
from nodes.http.incoming import Incoming
from nodes.http.policy import EgressPolicy
from nodes.http.request import target
from nodes.http.sockets import connect
from nodes.http.traces import TracedHosts
from orchestrator.items import OUTPUT_LIMIT

if TYPE_CHECKING:
    import socket

    import httpx2

    from nodes.http.client2 import Hook


class Egress:
    """Sends requests to the hosts that the operator's policy allows.

    `resolver` looks names up, `network` makes the connections, and `tls` says which certificates are trusted: by
    default those that certifi knows, or instead those that SSL_CERT_FILE or SSL_CERT_DIR names. `traced` are the hosts
    that are told the trace; None makes no spans.
    """

    def __init__(
        self,
        policy: EgressPolicy | None = None,
        *,
        resolver: Resolver = resolve,
        network: httpcore.AsyncNetworkBackend | None = None,
        tls: ssl.SSLContext | None = None,
        traced: TracedHosts | None = None,
    ) -> None:
        self._gate = Gate(policy or EgressPolicy(), resolver)
        self._tls = tls or httpx.create_ssl_context(trust_env=True)
        # For SDKs that take a client: the same policy, no credentials, no redirects unless asked for.
        self.client = open_client(self._gate, self._tls, network or httpcore.AnyIOBackend(), traced)
        self._traced = traced

    def client2(
        self, *, headers: Mapping[str, str] | None = None, hook: Hook | None = None, timeout: float | None = None
    ) -> httpx2.AsyncClient:
        """A client for SDKs that are built on httpx2; the caller closes it.

        It follows redirects, and takes from a request whatever isn't for another origin. `hook` sees each answer.
        `timeout` is in seconds, for each read and write.
        """
        from nodes.http.client2 import open_client2

        return open_client2(
            self._gate, self._tls, headers=headers or {}, hook=hook, timeout=timeout, traced=self._traced
        )

    async def check(self, host: str, port: int) -> list[str]:
        """The addresses of a host, for a connection that isn't HTTP: connect to one of these, and not to the name.

        PermanentError (EGRESS_DENIED) if any of them isn't allowed, RetryableError if the name can't be resolved.
        """
        return await self._gate.check(host, port)

    async def connect(self, host: str, port: int, *, timeout: float = CONNECT_SECONDS) -> socket.socket:
        """A connected, non-blocking socket, for protocols that aren't HTTP; TLS is the caller's, by the host's name."""
        return await connect(host, port, await self.check(host, port), timeout)

    def build(
        self,
        method: str,
        url: str | httpx.URL,
        *,
        headers: Mapping[str, str] | list[tuple[bytes, bytes]] | None = None,
        query: Mapping[str, Any] | None = None,
        json: Any = None,
        content: bytes | AsyncIterable[bytes] | None = None,
    ) -> httpx.Request:
        """A request, not yet sent; PermanentError if the URL is none."""
        place = target(url, []) if isinstance(url, str) else url
        return self.client.build_request(method, place, headers=headers, params=query, json=json, content=content)

    async def send(
        self,
        request: httpx.Request,
        *,
        timeout: float = 30.0,
        follow_redirects: bool = True,
        credential: Credential | None = None,
        limit: int = OUTPUT_LIMIT,
    ) -> Answer:
        """The whole answer, whatever its status; RetryableError or PermanentError if there is none.

        `credential` is the one whose values the request holds: it is refused to hosts that aren't the credential's,
        and its values are dropped where a redirect leaves the origin. `timeout` is in seconds, for all of it;
        `limit` is the most bytes that the unpacked answer may have.
        """
        async with self.stream(
            request, timeout=timeout, follow_redirects=follow_redirects, credential=credential, limit=limit
        ) as incoming:
            return await incoming.read()

    @asynccontextmanager
    async def stream(
        self,
        request: httpx.Request,
        *,
        timeout: float = 30.0,
        follow_redirects: bool = True,
        credential: Credential | None = None,
        limit: int = OUTPUT_LIMIT,
    ) -> AsyncIterator[Incoming]:
        """The answer while it arrives: its head, and its body in `chunks()`. Otherwise as `send`."""
        what = f"{request.method} {shown_url(request.url)}"
        _mark(request, credential, limit)
        deadline = asyncio.timeout(timeout)
        try:
            async with deadline:
                response = await self.client.send(request, stream=True, follow_redirects=follow_redirects)
                try:
                    yield Incoming(response)
                finally:
                    await response.aclose()
        except TimeoutError:
            if not deadline.expired():
                raise
            raise RetryableError(
                f"{what}: no complete answer within {timeout:g} s", code="TIMEOUT", hint='raise "timeout" or retry'
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise failure(what, error) from None

    async def close(self) -> None:
        """Closes kept connections."""
        await self.client.aclose()


def _mark(request: httpx.Request, credential: Credential | None, limit: int) -> None:
    """Tells the transport what holds for a request, and for the ones that redirects make of it."""
    if credential is not None:
        require_host(credential, request.url.raw_host.decode("ascii"))
        request.extensions[CREDENTIAL] = credential
    request.extensions[LIMIT] = limit
    # The deadline is for all of it, so only the connection, of which there may be several, has one of its own.
    request.extensions["timeout"] = {"connect": CONNECT_SECONDS, "read": None, "write": None, "pool": None}
