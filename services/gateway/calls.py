"""Calls the API in the name of an HTTP request: who it is from, how long it may take, and that it is still wanted."""

import asyncio
from collections.abc import AsyncIterator

import grpc
from google.protobuf.message import Message
from starlette.requests import Request

from services.gateway.answers import Code, Refused, invalid
from services.gateway.clients import address_of
from services.gateway.contract import Method
from services.gateway.site import Site

# How long a call may take where the client says nothing; TestNode waits for a node.
UNARY_SECONDS = 600.0
_ASIDE_SECONDS = 30.0
TIMEOUT = "connect-timeout-ms"
_FORWARDED = ("x-workspace", "traceparent", "tracestate")


async def unary(
    site: Site,
    request: Request,
    method: Method,
    message: Message,
    *,
    via: str = "",
    token: str | None = None,
    workspace: str = "",
) -> Message:
    """The answer; AioRpcError as the API failed, Refused if the client goes away meanwhile.

    `token`: an access token instead of the request's own; `workspace`: one that a browser's request can't name.
    """
    stub = site.channel.unary_unary(
        method.path, request_serializer=method.request.SerializeToString, response_deserializer=method.decode
    )
    asked = timeout_of(request)
    seconds = UNARY_SECONDS if asked is None else asked
    call = stub(message, timeout=seconds, metadata=metadata(site, request, via=via, token=token, workspace=workspace))
    answer = asyncio.ensure_future(_awaited(call))
    gone = asyncio.ensure_future(disconnected(request))
    try:
        await asyncio.wait((answer, gone), return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        raise Refused(Code.CANCELLED, "CLIENT_GONE", "the client went away")
    finally:
        gone.cancel()
        if not answer.done():
            call.cancel()
            answer.cancel()


async def aside(
    site: Site, request: Request, method: Method, message: Message, *, via: str, token: str | None, workspace: str
) -> Message:
    """As `unary` for a request whose body is still to be read: whether the client goes away isn't looked at."""
    stub = site.channel.unary_unary(
        method.path, request_serializer=method.request.SerializeToString, response_deserializer=method.decode
    )
    about = metadata(site, request, via=via, token=token, workspace=workspace)
    return await _awaited(stub(message, timeout=_ASIDE_SECONDS, metadata=about))


def stream(
    site: Site, request: Request, method: Method, message: Message
) -> "grpc.aio.UnaryStreamCall[Message, Message]":
    """A call whose messages are to be read; whoever reads it cancels it in the end."""
    stub = site.channel.unary_stream(
        method.path, request_serializer=method.request.SerializeToString, response_deserializer=method.decode
    )
    return stub(message, timeout=timeout_of(request), metadata=metadata(site, request))


def metadata(
    site: Site, request: Request, *, via: str = "", token: str | None = None, workspace: str = ""
) -> list[tuple[str, str]]:
    """What the API's interceptors read: who calls, for which workspace, from where and by which way."""
    given = request.headers.get("authorization", "")
    # Set by the cookies' middleware, once it has seen that the request was meant.
    session = getattr(request.state, "access_token", "")
    bearer = f"Bearer {token}" if token else given or (f"Bearer {session}" if session else "")
    pairs = {"authorization": bearer} | {name: request.headers.get(name, "") for name in _FORWARDED}
    pairs["x-workspace"] = workspace or pairs["x-workspace"]
    pairs["x-client-address"] = address_of(request)
    pairs["x-via"] = via or ("web" if session and not given else "rest")
    # The API believes the two above from this process's own gateway alone.
    pairs["x-gateway"] = site.gateway_token
    for name, value in pairs.items():
        if not (value.isascii() and value.isprintable()):
            raise invalid("BAD_HEADER", f"the header {name} has characters that it can't have")
    return [(name, value) for name, value in pairs.items() if value]


def timeout_of(request: Request) -> float | None:
    """How long the client waits, in seconds; None where it doesn't say."""
    given = request.headers.get(TIMEOUT, "")
    if not given:
        return None
    if not (given.isascii() and given.isdecimal() and len(given) <= 10):
        raise invalid("BAD_TIMEOUT", "Connect-Timeout-Ms must be a whole number of milliseconds, of at most ten digits")
    return int(given) / 1000


async def disconnected(request: Request) -> None:
    """Returns once the client has gone away; the body must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def messages(call: "grpc.aio.UnaryStreamCall[Message, Message]") -> AsyncIterator[Message]:
    """The messages of a stream to its end; it is cancelled when nobody reads on."""
    try:
        async for message in call:
            yield message
    finally:
        call.cancel()


async def _awaited(call: "grpc.aio.UnaryUnaryCall[Message, Message]") -> Message:
    return await call
