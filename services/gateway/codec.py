"""Opens and seals payloads for Temporal's Web UI and command, for those whom the operator lets see all workspaces'."""

import ipaddress

import grpc
from google.protobuf import json_format
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from temporalio.api.common.v1 import Payloads
from workflow_engine.v1 import auth_pb2

from services.gateway.site import Site
from temporal.codec import SealedPayloadError, SealingCodec

# A page of a history has 4 MiB at most, which base64 makes a third larger.
MOST_BYTES = 8 * 1024 * 1024
_NAMESPACE = "x-namespace"
_MAY = (auth_pb2.OWNER, auth_pb2.EDITOR, auth_pb2.OPERATOR)
_REFUSED = {
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 503,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
}


class _Refused(Exception):
    """The request isn't answered: the HTTP status, and why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def routes(site: Site) -> list[BaseRoute]:
    """`/codec/encode` and `/codec/decode`, as Temporal's clients ask a remote codec."""
    codec = site.codec
    if codec is None:
        return []

    async def work(request: Request) -> Response:
        try:
            await _let_in(site, codec, request)
            given = await _payloads(request)
            work = codec.encode if request.url.path.endswith("/encode") else codec.decode
            return JSONResponse(json_format.MessageToDict(Payloads(payloads=await work(given.payloads))))
        except SealedPayloadError as error:
            return _error(400, str(error))
        except _Refused as refused:
            return _error(refused.status, str(refused))

    allowed = [site.temporal_ui_origin] if site.temporal_ui_origin else []
    cors = Middleware(
        CORSMiddleware,
        allow_origins=allowed,
        allow_methods=["POST"],
        allow_headers=["authorization", "content-type", _NAMESPACE],
        allow_credentials=True,
    )
    endpoints = [Route(f"/{name}", work, methods=["POST"]) for name in ("encode", "decode")]
    return [Mount("/codec", routes=endpoints, middleware=[cors])]


async def _let_in(site: Site, codec: SealingCodec, request: Request) -> None:
    origin = request.headers.get("origin")
    if origin is not None and origin != site.temporal_ui_origin:
        raise _Refused(403, "pages of this origin may not ask; set ORCHESTRATOR_TEMPORAL_UI_ORIGIN to the Web UI's")
    if site.local:
        if not _is_loopback(request):
            raise _Refused(403, "this server answers its own machine only")
    else:
        await _sign_in(site, request)
    namespace = request.headers.get(_NAMESPACE)
    if namespace != codec.namespace:
        raise _Refused(403, f"this server's payloads are of the namespace {codec.namespace!r}; send it as X-Namespace")


async def _sign_in(site: Site, request: Request) -> None:
    # The second is of a browser's session, where the gateway has found one.
    session = getattr(request.state, "access_token", "")
    given = request.headers.get("authorization") or (f"Bearer {session}" if session else "")
    if not given:
        raise _Refused(401, "sign in: send an access token or an API key as `Authorization: Bearer …`")
    # A payload doesn't say whose it is: whoever opens one may open all, so a role in just any workspace isn't enough.
    workspace = site.temporal_ui_workspace
    if not workspace:
        raise _Refused(403, "nobody may; set ORCHESTRATOR_TEMPORAL_UI_WORKSPACE to the workspace whose operators may")
    metadata = [("authorization", given), ("x-workspace", workspace)]
    ask = site.channel.unary_unary(
        "/workflow_engine.v1.AuthService/WhoAmI",
        request_serializer=auth_pb2.WhoAmIRequest.SerializeToString,
        response_deserializer=auth_pb2.WhoAmIResponse.FromString,
    )
    try:
        who = await ask(auth_pb2.WhoAmIRequest(), metadata=metadata, timeout=30)
    except (grpc.aio.AioRpcError, ValueError, TypeError) as error:
        code = error.code() if isinstance(error, grpc.aio.AioRpcError) else grpc.StatusCode.UNAUTHENTICATED
        raise _Refused(_REFUSED.get(code, 403), "signing in failed: is the token good?") from None
    if who.workspace.id != workspace or who.workspace.role not in _MAY:
        raise _Refused(403, "only operators, editors and owners of the workspace that the operator names may see this")


async def _payloads(request: Request) -> Payloads:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise _Refused(413, f"more than {MOST_BYTES >> 20} MiB")
    try:
        return json_format.Parse(bytes(body), Payloads())
    except (json_format.ParseError, UnicodeDecodeError, RecursionError):
        raise _Refused(400, "not payloads as Temporal writes them in JSON") from None


def _is_loopback(request: Request) -> bool:
    """Whether it comes from this machine, and by an address that no other site's name can stand for."""
    host = request.client.host if request.client else ""
    asked = request.url.hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback and (
            asked == "localhost" or ipaddress.ip_address(asked).is_loopback
        )
    except ValueError:
        return False


def _error(status: int, message: str) -> Response:
    return JSONResponse({"message": message}, status)
