"""Answers what goes wrong at the addresses of triggers: a status, a code and a sentence, and nothing of the inside."""

import math
import uuid
from collections.abc import Awaitable, Callable, Mapping

import grpc
import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from nodes.errors import NodeError
from services.errors import RateLimited
from services.gateway.paths import shown
from services.rpc.errors import describe

Handler = Callable[[Request], Awaitable[Response]]
# Seconds after which it is worth to try again.
RETRY_AFTER = 5
_STATUSES = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.FAILED_PRECONDITION: 409,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNAVAILABLE: 503,
}
_OF_FILES = {"FILE_TOO_LARGE": 413}

_log = structlog.get_logger(__name__)


class Refusal(Exception):
    """A request that isn't carried out: the status, the code and what to do."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})


def not_found() -> Refusal:
    """For an address at which nothing is turned on; it says the same of what never was."""
    return Refusal(404, "NOT_FOUND", "nothing is called by this address; is its workflow active?")


def guarded(handler: Handler) -> Handler:
    """The handler, with every error as an answer."""

    async def answer(request: Request) -> Response:
        try:
            response = await handler(request)
        except Exception as error:  # noqa: BLE001 - each becomes an answer; what nobody foresaw is logged
            response = refused(as_refusal(error, request.url.path))
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        return response

    return answer


def refused(refusal: Refusal) -> Response:
    """A refusal as JSON."""
    body = {"error": {"code": refusal.code, "message": refusal.message}}
    return JSONResponse(body, refusal.status, refusal.headers)


def as_refusal(error: Exception, path: str) -> Refusal:
    """What is said of an error."""
    path = shown(path)
    if isinstance(error, Refusal):
        return error
    if isinstance(error, NodeError):
        status = _OF_FILES.get(error.code, 503)
        if status == 503:
            _log.error("trigger can't work", path=path, code=error.code, error=error.message)
            return Refusal(503, "NOT_READY", "the server isn't set up for this; its operator finds more in its log")
        return Refusal(status, error.code, error.message)
    if isinstance(error, TimeoutError):
        return _away("TIMEOUT", "the server didn't get an answer in time; try again later")
    code, reason, message, _ = describe(error)
    if code is grpc.StatusCode.UNAVAILABLE:
        _log.warning("trigger refused", path=path, reason=reason)
        return _away(reason, "the server can't take this now; try again later")
    if code in _STATUSES:
        wait = {"Retry-After": str(math.ceil(error.retry_after))} if isinstance(error, RateLimited) else {}
        return Refusal(_STATUSES[code], reason, message, wait)
    incident = uuid.uuid4().hex[:12]
    _log.error("trigger failed", path=path, incident=incident, exc_info=error)
    return Refusal(500, "INTERNAL", f"something went wrong on the server; its log tells more about incident {incident}")


def _away(code: str, message: str) -> Refusal:
    return Refusal(503, code, message, {"Retry-After": str(RETRY_AFTER)})
