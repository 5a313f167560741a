"""Streams of the API as Server-Sent Events, for browsers: a run's events until it has ended."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.protobuf.message import Message
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from services.gateway import calls, contract
from services.gateway.answers import failure_of, invalid
from services.gateway.contract import Method
from services.gateway.site import Site

# Proxies cut connections that say nothing.
HEARTBEAT_SECONDS = 15.0
# How long the answer's head waits for what the API says: an error still gets a status of its own.
_FIRST_SECONDS = 1.0
_RETRY = "retry: 1000\n\n"
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}

Call = "grpc.aio.UnaryStreamCall[Message, Message]"


async def watch(site: Site, request: Request, method: Method, message: Message) -> Response:
    """The stream after what the client has: 204 if nothing is to come, so that browsers don't ask again."""
    _go_on(request, message)
    call = calls.stream(site, request, method, message)
    first: asyncio.Future[Any] = asyncio.ensure_future(call.read())
    try:
        await asyncio.wait((first,), timeout=_FIRST_SECONDS)
    except asyncio.CancelledError:
        call.cancel()
        raise
    if first.done() and first.result() is grpc.aio.EOF:
        return Response(status_code=204, headers=_HEADERS)
    return StreamingResponse(_events(call, first), media_type="text/event-stream", headers=_HEADERS)


def _go_on(request: Request, message: Any) -> None:
    """Begins after the last event that the client has had, by header or by query."""
    given = request.headers.get("last-event-id") or request.query_params.get("after", "")
    if not given:
        return
    if not (given.isascii() and given.isdecimal() and int(given[:20]) < 2**63):
        raise invalid("BAD_PARAMETERS", "after and Last-Event-ID must be a sequence number")
    message.after_sequence = int(given)


async def _events(call: Any, reading: "asyncio.Future[Any]") -> AsyncIterator[str]:
    try:
        yield _RETRY
        while True:
            await asyncio.wait((reading,), timeout=HEARTBEAT_SECONDS)
            if not reading.done():
                yield ": still here\n\n"
                continue
            message = reading.result()
            if message is grpc.aio.EOF:
                yield "event: end\ndata: {}\n\n"
                return
            yield _event(message)
            reading = asyncio.ensure_future(call.read())
    except grpc.aio.AioRpcError as error:
        yield f"event: error\ndata: {json.dumps(failure_of(error).body)}\n\n"
    finally:
        call.cancel()
        reading.cancel()


def _event(message: Any) -> str:
    sequence = message.event.sequence
    head = f"id: {sequence}\n" if sequence else ""
    return f"{head}data: {contract.write_json(message)}\n\n"
