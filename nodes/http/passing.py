"""What the transports of both clients do: their libraries differ in nothing but their classes."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

from nodes.errors import PermanentError
from nodes.http.gate import Gate
from nodes.http.hop import body_limit, check_head, prepare
from nodes.http.traces import TracedHosts, sending
from nodes.http.unpacking import unpacked

S = TypeVar("S")


async def passed(
    request: Any,
    send: Callable[[Any], Awaitable[Any]],
    gate: Gate,
    traced: TracedHosts | None,
    shown: Callable[[Any], str],
) -> tuple[Any, AsyncIterator[bytes]]:
    """The answer to a request that may go where it goes, and its body, unpacked as it is read."""
    prepare(request, gate)
    url = request.url
    with sending(request.method, url.scheme, url.host, url.port, request.headers, traced) as sent:
        response = await send(request)
        sent.answered(response.status_code)
    what, stream = f"{request.method} {shown(url)}", response.stream
    try:
        check_head(response.headers, what)
    except PermanentError:
        await stream.aclose()
        raise
    encoding = response.headers.pop("content-encoding", "")
    if encoding:
        response.headers.pop("content-length", None)
    limit = body_limit(request, redirects=response.has_redirect_location)
    return response, unpacked(aiter(stream), encoding, limit, what)


async def connected(
    addresses: list[str], connect: Callable[[str], Awaitable[S]], failures: tuple[type[Exception], ...]
) -> S:
    """A connection to the first address that answers; there is at least one."""
    *others, last = addresses
    for address in others:
        try:
            return await connect(address)
        except failures:
            continue
    return await connect(last)


def no_socket() -> PermanentError:
    """For a connection to a Unix socket."""
    return PermanentError("connections to Unix sockets aren't allowed", code="EGRESS_DENIED")
