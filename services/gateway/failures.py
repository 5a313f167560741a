"""What becomes of errors that endpoints raise: typed answers; a page or JSON where nothing is."""

import uuid

import grpc
import structlog
from google.protobuf import json_format
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ExceptionHandler
from temporalio.service import RPCError

from services.gateway.answers import Code, Failure, Refused, answer, failure_of
from services.gateway.paths import shown
from services.rpc.definition_codec import problem_messages
from services.rpc.errors import TABLE, describe

_log = structlog.get_logger(__name__)
_OF_STATUS = {400: Code.INVALID_ARGUMENT, 404: Code.NOT_FOUND, 405: Code.UNIMPLEMENTED}


async def on_known(request: Request, error: Exception) -> Response:
    """A call of the API that failed, or a request that was refused."""
    return answer(request, failure_of(error))


async def on_service(request: Request, error: Exception) -> Response:
    """What a use case that an endpoint calls by itself refuses, as the API would have."""
    code, reason, message, problems = describe(error)
    if code is Code.INTERNAL:
        return await on_bug(request, error)
    told = [json_format.MessageToDict(problem) for problem in problem_messages(problems)]
    headers = {"retry-after": "1"} if code is Code.UNAVAILABLE else {}
    return answer(request, Failure(code, message, reason, told, headers=headers))


async def on_http(request: Request, error: Exception) -> Response:
    """An address or a method that there isn't."""
    assert isinstance(error, HTTPException)
    code = _OF_STATUS.get(error.status_code, Code.INVALID_ARGUMENT)
    reason, message = "BAD_REQUEST", error.detail
    if error.status_code == 404:
        reason, message = "UNKNOWN_PATH", "there is nothing at this address"
    elif error.status_code == 405:
        reason, message = "METHOD_NOT_ALLOWED", f"{request.method[:20]} isn't possible here"
    headers = error.headers or {}
    return answer(request, Failure(code, message, reason, status=error.status_code, headers=headers))


async def on_bug(request: Request, error: Exception) -> Response:
    """What nobody foresaw: the log tells more about the incident that the client is told."""
    incident = uuid.uuid4().hex[:12]
    _log.error("request failed", incident=incident, path=shown(request.url.path), exc_info=error)
    message = f"something went wrong on the server; its log tells more about incident {incident}"
    return answer(request, Failure(Code.INTERNAL, message, "INTERNAL"))


HANDLERS: dict[int | type[Exception], ExceptionHandler] = {
    Refused: on_known,
    grpc.aio.AioRpcError: on_known,
    HTTPException: on_http,
    **{kind: on_service for kind, _ in TABLE},
    RPCError: on_service,
    500: on_bug,
}
