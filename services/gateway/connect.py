"""Connect's protocol for every method: JSON or protobuf by POST to the method's full name."""

import json
import struct
from collections.abc import AsyncIterator

import grpc
from google.protobuf.message import Message
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from services.gateway import calls, contract
from services.gateway.answers import Code, Refused, failure_of, invalid
from services.gateway.bodies import MAX_CALL, read
from services.gateway.content_type import JSON, content_type
from services.gateway.contract import Method
from services.gateway.site import Site

PROTO = "application/proto"
STREAM_JSON, STREAM_PROTO = "application/connect+json", "application/connect+proto"
_END = 2
_HEADER = struct.Struct(">BI")


def routes(site: Site) -> list[BaseRoute]:
    """One route for each method of the API."""
    return [_route(site, method) for method in contract.methods(site.services)]


def _route(site: Site, method: Method) -> Route:
    async def unary(request: Request) -> Response:
        kind = _checked(request, (JSON, PROTO))
        body = await read(request, MAX_CALL)
        decode = contract.read_json if kind == JSON else contract.read_binary
        answer = await calls.unary(site, request, method, decode(method.request, body))
        return Response(_encoded(answer, kind), media_type=kind)

    async def stream(request: Request) -> Response:
        kind = _checked(request, (STREAM_JSON, STREAM_PROTO))
        body = _message_of(await read(request, MAX_CALL))
        decode = contract.read_json if kind == STREAM_JSON else contract.read_binary
        call = calls.stream(site, request, method, decode(method.request, body))
        return StreamingResponse(_envelopes(call, kind), media_type=kind)

    return Route(method.path, stream if method.streams else unary, methods=["POST"], name=method.path)


def _checked(request: Request, kinds: tuple[str, ...]) -> str:
    given = content_type(request)
    if given.media_type not in kinds:
        message = f"the body must be {' or '.join(kinds)}"
        headers = {"accept-post": ", ".join(kinds)}
        raise Refused(Code.INVALID_ARGUMENT, "UNSUPPORTED_MEDIA_TYPE", message, 415, headers)
    if given.charset not in ("", "utf-8"):
        raise invalid("BAD_CONTENT_TYPE", "JSON is UTF-8 here")
    for header in ("content-encoding", "connect-content-encoding"):
        if request.headers.get(header, "identity") != "identity":
            raise Refused(Code.UNIMPLEMENTED, "UNSUPPORTED_ENCODING", "compressed bodies aren't taken; send it plain")
    if request.headers.get("connect-protocol-version", "1") != "1":
        raise invalid("BAD_PROTOCOL_VERSION", "Connect-Protocol-Version must be 1")
    return given.media_type


def _message_of(body: bytes) -> bytes:
    """The one message that the request's envelope holds."""
    if len(body) >= _HEADER.size:
        flags, size = _HEADER.unpack_from(body)
        if flags == 0 and len(body) == _HEADER.size + size:
            return body[_HEADER.size :]
    raise invalid("BAD_ENVELOPE", "the body must be one uncompressed envelope: a zero, four bytes of length, a message")


def _encoded(message: Message, kind: str) -> bytes:
    return contract.write_json(message).encode() if kind.endswith("json") else message.SerializeToString()


async def _envelopes(call: "grpc.aio.UnaryStreamCall[Message, Message]", kind: str) -> AsyncIterator[bytes]:
    end: dict[str, object] = {}
    try:
        async for message in calls.messages(call):
            yield _envelope(0, _encoded(message, kind))
    except grpc.aio.AioRpcError as error:
        end = {"error": failure_of(error).body}
    yield _envelope(_END, json.dumps(end).encode())


def _envelope(flags: int, data: bytes) -> bytes:
    return _HEADER.pack(flags, len(data)) + data
