"""Answers of requests that failed: one body for programs, a page for people."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2
from google.rpc.status_pb2 import Status as RpcStatus
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response
from workflow_engine.v1 import workflow_pb2

from services.gateway.pages import page
from services.gateway.paths import is_for_outsiders

Code = grpc.StatusCode
# As the Connect protocol has it.
HTTP_STATUS: Mapping[grpc.StatusCode, int] = {
    Code.OK: 200,
    Code.CANCELLED: 499,
    Code.UNKNOWN: 500,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 400,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
    Code.DATA_LOSS: 500,
    Code.UNAUTHENTICATED: 401,
}
_PASSING = (Code.RESOURCE_EXHAUSTED, Code.UNAVAILABLE)
_RETRY_SECONDS = 1
_DETAILS: Mapping[str, type[Message]] = {
    kind.DESCRIPTOR.full_name: kind
    for kind in (error_details_pb2.ErrorInfo, error_details_pb2.RetryInfo, workflow_pb2.Problems)
}


@dataclass
class Refused(Exception):
    """A request that the gateway itself can't take; `status` where HTTP has a better one than the code's."""

    code: grpc.StatusCode
    reason: str
    message: str
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True)
class Failure:
    """Why a request failed, as clients are told."""

    code: grpc.StatusCode
    message: str
    reason: str = ""
    problems: Sequence[Mapping[str, Any]] = ()
    details: Sequence[Mapping[str, Any]] = ()
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> dict[str, Any]:
        """Connect's error body, and our reason and problems as plain JSON beside it."""
        said = {"code": connect_code(self.code), "message": self.message, "reason": self.reason}
        return {**said, "problems": list(self.problems), "details": list(self.details)}

    @property
    def http_status(self) -> int:
        """The status of the HTTP answer."""
        return self.status or HTTP_STATUS[self.code]


def connect_code(code: grpc.StatusCode) -> str:
    """A status code as Connect spells it."""
    return "canceled" if code is Code.CANCELLED else code.name.lower()


def invalid(reason: str, message: str) -> Refused:
    """A request that can never work as it is."""
    return Refused(Code.INVALID_ARGUMENT, reason, message)


def not_found() -> Refused:
    """For an address at which nothing is turned on; it says the same of what never was."""
    return Refused(Code.NOT_FOUND, "NOT_FOUND", "nothing is called by this address; is its workflow active?")


def failure_of(error: Exception) -> Failure:
    """What to tell of a call that failed, or of a request that was refused."""
    if isinstance(error, Refused):
        return Failure(error.code, error.message, error.reason, status=error.status, headers=error.headers)
    assert isinstance(error, grpc.aio.AioRpcError), error
    code, headers = error.code(), {}
    reason, problems, details = "", [], []
    for kind, message in _unpacked(error):
        details.append(_detail(kind, message))
        if isinstance(message, error_details_pb2.ErrorInfo):
            reason = message.reason
        elif isinstance(message, error_details_pb2.RetryInfo):
            wait = message.retry_delay
            headers["retry-after"] = str(max(wait.seconds + bool(wait.nanos), 1))
        elif isinstance(message, workflow_pb2.Problems):
            problems = json_format.MessageToDict(message).get("problems", [])
    if code in _PASSING:
        headers.setdefault("retry-after", str(_RETRY_SECONDS))
    return Failure(code, error.details() or "", reason or code.name, problems, details, headers=headers)


def answer(request: HTTPConnection, failure: Failure) -> Response:
    """The failure as a page for browsers that look for one, else as JSON."""
    headers, ours = dict(failure.headers), not is_for_outsiders(request.url.path)
    if failure.code is Code.UNAUTHENTICATED and ours:
        headers["www-authenticate"] = "Bearer"
    if wants_page(request):
        return page(request, "error.html", status=failure.http_status, headers=headers, failure=failure, ours=ours)
    return JSONResponse(failure.body, failure.http_status, headers)


def wants_page(request: HTTPConnection) -> bool:
    """Whether a person looks at the answer: a browser that opens an address, not a program's call."""
    path = request.url.path
    if path.startswith(("/api/", "/workflow_engine.")):
        return False
    return "text/html" in request.headers.get("accept", "")


def _unpacked(error: grpc.aio.AioRpcError) -> list[tuple[str, Message]]:
    found: list[tuple[str, Message]] = []
    for key, value in error.trailing_metadata() or ():
        if key != "grpc-status-details-bin" or not isinstance(value, bytes):
            continue
        for packed in _status(value).details:
            kind = packed.type_url.rpartition("/")[2]
            if kind in _DETAILS:
                message = _DETAILS[kind]()
                packed.Unpack(message)
                found.append((kind, message))
    return found


def _status(data: bytes) -> RpcStatus:
    try:
        return RpcStatus.FromString(data)
    except DecodeError:
        return RpcStatus()


def _detail(kind: str, message: Message) -> dict[str, Any]:
    value = base64.b64encode(message.SerializeToString()).decode().rstrip("=")
    return {"type": kind, "value": value, "debug": json_format.MessageToDict(message)}
