"""Connects to an MCP server by streamable HTTP, through the egress client, for as long as one piece of work takes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx
import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from nodes.errors import NodeError, PermanentError, RetryableError
from nodes.http.egress import Egress
from nodes.http.exchange import retry_after, shown_url
from nodes.mcp.failure import first_cause
from nodes.mcp.place import Place
from nodes.mcp.session import CLIENT, Session

_WORTH_RETRYING = frozenset({408, 425, 429})
_LARGEST_EVENT = 32 * 1024 * 1024
T = TypeVar("T")


async def connected(egress: Egress, place: Place, start_timeout: float, work: Callable[[Session], Awaitable[T]]) -> T:
    """What `work` gives with a session; NodeError says why there is none."""
    what = f"the MCP server at {shown_url(httpx.URL(place.url))}"
    exchange = _Exchange(what, place.credential)
    try:
        async with egress.client2(headers=place.headers, hook=exchange.answered) as http:
            transport = streamable_http_client(place.url, http_client=http, max_sse_event_size=_LARGEST_EVENT)
            async with asyncio.timeout(start_timeout) as greeting:
                async with Client(transport, client_info=CLIENT, cache=None) as client:
                    greeting.reschedule(None)
                    return await work(Session(client, what, exchange.failure))
    except TimeoutError:
        raise RetryableError(f"{what} didn't greet within {start_timeout:g} s", code="TIMEOUT") from None
    except (MCPError, httpx2.HTTPError, httpx2.InvalidURL, ValueError, RuntimeError, BaseExceptionGroup) as error:
        raise exchange.explained(first_cause(error)) from None


class _Exchange:
    """What is known of the HTTP under a session, for its errors."""

    def __init__(self, what: str, credential: str) -> None:
        self._what = what
        self._credential = credential
        self._status = 0
        self._wait: float | None = None

    async def answered(self, response: httpx2.Response) -> None:
        """Notes the status of each answer."""
        if response.request.method == "POST":
            self._status = response.status_code
            self._wait = retry_after(response.headers)

    def failure(self, error: MCPError) -> NodeError | None:
        """The error that the HTTP status means, if it was one."""
        if self._status < 400:
            return None
        message = f"{self._what} answered {self._status}: {error.message[:300]}"
        if self._status in _WORTH_RETRYING or self._status >= 500:
            hint = "retry" if self._wait is None else f"the server asks to try again after {self._wait:g} s"
            return RetryableError(message, code="HTTP_STATUS", hint=hint, retry_after=self._wait)
        if self._status == 401 and self._credential:
            return PermanentError(
                f'the credential "{self._credential}" was refused: {message}',
                code="CREDENTIAL_REJECTED",
                hint="correct the integration's values, or authorise it again",
            )
        hint = "check the URL and the tool"
        if self._status in (401, 403):
            hint = 'the server wants a credential in the slot "auth", or refuses the one that it got'
        return PermanentError(message, code="HTTP_STATUS", hint=hint)

    def explained(self, error: BaseException) -> BaseException:
        """What a failed connection or greeting means."""
        if isinstance(error, NodeError):
            return error
        if isinstance(error, MCPError):
            return self.failure(error) or PermanentError(
                f"{self._what} doesn't greet: {error.message[:300]}",
                code="MCP_ERROR",
                hint="check that the URL is that of an MCP server's streamable HTTP",
            )
        if isinstance(error, httpx2.InvalidURL | httpx2.UnsupportedProtocol | httpx2.LocalProtocolError):
            return PermanentError(f"{self._what}: can't be asked: {str(error)[:200]}", code="INVALID_REQUEST")
        if isinstance(error, httpx2.TimeoutException):
            return RetryableError(f"{self._what} doesn't answer in time", code="TIMEOUT")
        if isinstance(error, httpx2.TransportError):
            reason = str(error)[:200] or "the connection broke off"
            return RetryableError(f"{self._what}: {reason}", code="CONNECTION_FAILED")
        if isinstance(error, ValidationError):
            return PermanentError(
                f"{self._what} greets in a way that the protocol doesn't have", code="INVALID_RESPONSE"
            )
        return error
