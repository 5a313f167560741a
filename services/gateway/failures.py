"""What becomes of errors that endpoints raise: typed answers; a page or JSON where nothing is."""

import math
import uuid

import grpc
import structlog
from google.protobuf import json_format
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ExceptionHandler
from temporalio.service import RPCError

from nodes.errors import NodeError
from services.errors import RateLimited
from services.gateway.answers import Code, Failure, Refused, answer, failure_of
from services.gateway.paths import is_for_outsiders, shown
from services.rpc.definition_codec import problem_messages
from services.rpc.errors import TABLE, describe

_log = structlog.get_logger(__name__)
_OF_STATUS = {400: Code.INVALID_ARGUMENT, 404: Code.NOT_FOUND, 405: Code.UNIMPLEMENTED}
_OF_FILES = {"FILE_TOO_LARGE": (Code.RESOURCE_EXHAUSTED, 413)}
# Seconds after which it is worth to try again.
_LATER = {"retry-after": "5"}


def explained(path: str, error: Exception) -> Failure:
    """What to tell of anything that was raised while a path was asked; the log has what is not for telling."""
    if isinstance(error, (Refused, grpc.aio.AioRpcError)):
        return failure_of(error)
    if isinstance(error, NodeError):
        return _of_node(path, error)
    if isinstance(error, TimeoutError):
        message = "the server didn't get an answer in time; try again later"
        return Failure(Code.UNAVAILABLE, message, "TIMEOUT", headers=_LATER)
    code, reason, message, problems = describe(error)
    if code is Code.INTERNAL:
        incident = uuid.uuid4().hex[:12]
        _log.error("request failed", incident=incident, path=shown(path), exc_info=error)
        message = f"something went wrong on the server; its log tells more about incident {incident}"
    headers = {}
    if code is Code.UNAVAILABLE:
        _log.warning("request refused", path=shown(path), reason=reason)
        headers = _LATER
        if is_for_outsiders(path):
            # What the server is made of, and how it is set up, is nothing for them.
            message = "the server can't take this now; try again later"
    elif isinstance(error, RateLimited):
        headers = {"retry-after": str(max(math.ceil(error.retry_after), 1))}
    told = [json_format.MessageToDict(problem) for problem in problem_messages(problems)]
    return Failure(code, message, reason, told, headers=headers)


def _of_node(path: str, error: NodeError) -> Failure:
    if error.code in _OF_FILES:
        code, status = _OF_FILES[error.code]
        return Failure(code, error.message, error.code, status=status)
    _log.error("request can't be carried out", path=shown(path), code=error.code, error=error.message)
    message = "the server isn't set up for this; its operator finds more in its log"
    return Failure(Code.UNAVAILABLE, message, "NOT_READY")


async def on_error(request: Request, error: Exception) -> Response:
    """Anything but an address or a method that there isn't."""
    return answer(request, explained(request.url.path, error))


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


_FORESEEN = (Refused, grpc.aio.AioRpcError, NodeError, TimeoutError, RPCError, DBAPIError, *(kind for kind, _ in TABLE))
HANDLERS: dict[int | type[Exception], ExceptionHandler] = {
    HTTPException: on_http,
    **dict.fromkeys(_FORESEEN, on_error),
    500: on_error,
}
