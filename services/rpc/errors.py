"""Turns exceptions into gRPC statuses: the only table of them, and the interceptor that reads it."""

import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import grpc
import structlog
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status as RpcStatus
from grpc.aio import ServicerContext
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from temporalio.service import RPCError
from workflow_engine.v1 import workflow_pb2

from orchestrator.errors import DefinitionError, Problem
from services.errors import (
    AlreadyExists,
    Forbidden,
    NotFound,
    PreconditionFailed,
    RateLimited,
    RequestInvalid,
    ServiceError,
    Unauthenticated,
    Unavailable,
    VersionConflict,
)
from services.rpc import deep_messages
from services.rpc.definition_codec import problem_messages
from services.rpc.wrapping import Stream, Unary, WrappingInterceptor
from temporal.client import is_away
from temporal.codec import SealedPayloadError

DOMAIN = "workflow_engine"
# Clients refuse trailers of more than 8 KiB in all, unless told otherwise; on the wire these grow by a third.
_PROBLEM_BYTES = 3 * 1024
_MESSAGE_LENGTH = 300

_READING = ("Get", "List", "Validate", "WhoAmI", "Check")

Code = grpc.StatusCode
_log = structlog.get_logger(__name__)

# The first that fits counts.
TABLE: tuple[tuple[type[Exception], grpc.StatusCode], ...] = (
    (DefinitionError, Code.INVALID_ARGUMENT),
    (RequestInvalid, Code.INVALID_ARGUMENT),
    (PreconditionFailed, Code.FAILED_PRECONDITION),
    (SealedPayloadError, Code.FAILED_PRECONDITION),
    (NotFound, Code.NOT_FOUND),
    (AlreadyExists, Code.ALREADY_EXISTS),
    (VersionConflict, Code.ABORTED),
    (Unauthenticated, Code.UNAUTHENTICATED),
    (Forbidden, Code.PERMISSION_DENIED),
    (RateLimited, Code.RESOURCE_EXHAUSTED),
    (Unavailable, Code.UNAVAILABLE),
    (OperationalError, Code.UNAVAILABLE),
    (InterfaceError, Code.UNAVAILABLE),
    (PoolTimeoutError, Code.UNAVAILABLE),
)


class Undecodable:
    """Stands for a request whose bytes aren't the message they should be."""


def describe(error: Exception) -> tuple[grpc.StatusCode, str, str, Sequence[Problem]]:
    """The status, the reason, the message and the problems that a client is told of."""
    code = next((code for kind, code in TABLE if isinstance(error, kind)), Code.UNKNOWN)
    if isinstance(error, DefinitionError):
        return code, error.problems[0].code, str(error), error.problems
    if isinstance(error, ServiceError) and code is not Code.UNKNOWN:
        return code, error.code, error.message, getattr(error, "problems", ())
    if code is Code.UNAVAILABLE or (isinstance(error, DBAPIError) and error.connection_invalidated):
        message = "PostgreSQL doesn't answer; try again, and if that lasts, check the server's DATABASE_URL"
        return Code.UNAVAILABLE, "DATABASE_UNAVAILABLE", message, ()
    if isinstance(error, SealedPayloadError):
        problem = Problem("TEMPORAL_KEY_MISSING", f"this server can't read what Temporal has: {error}")
        return code, problem.code, problem.message, [problem]
    if is_away(error):
        message = "Temporal doesn't answer; try again, and if that lasts, check the server's TEMPORAL_ADDRESS"
        return Code.UNAVAILABLE, "TEMPORAL_UNAVAILABLE", message, ()
    return Code.INTERNAL, "INTERNAL", "", ()


class ErrorInterceptor(WrappingInterceptor):
    """Answers every exception of a handler with a status of the table; logs what nobody foresaw."""

    def unary(self, call: Unary, method: str) -> Unary:
        """Answers what a call raises."""
        return _guard_unary(call, method)

    def stream(self, call: Stream, method: str) -> Stream:
        """Ends a stream with what it raises."""
        return _guard_stream(call, method)

    def decoder(self, decode: Any) -> Any:
        """Has a request that can't be read refused as any other."""
        return _tolerant(decode)


def _tolerant(decode: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    # A generated stub's deserializer is the FromString of its message class.
    kind = getattr(decode, "__self__", None)

    def read(data: bytes) -> Any:
        try:
            return decode(data)
        except DecodeError:
            if not (isinstance(kind, type) and issubclass(kind, Message)):
                return Undecodable()
        try:
            return deep_messages.decode(kind, data)
        except DecodeError:
            return Undecodable()

    return read


def _guard_unary(call: Unary, method: str) -> Unary:
    async def guarded(request: Any, context: "ServicerContext[Any, Any]") -> Any:
        begun = time.perf_counter()
        try:
            check(request)
            response = await call(request, context)
        except Exception as error:
            await _abort(context, method, begun, error)
            raise
        write = _log.debug if _is_reading(method) else _log.info
        write("rpc", method=method, status="OK", duration_ms=_since(begun))
        return response

    return guarded


def _is_reading(method: str) -> bool:
    """Whether a call changes nothing: of those there are many, and the log has a line for each other one."""
    return method.rpartition("/")[2].startswith(_READING)


def _guard_stream(call: Stream, method: str) -> Stream:
    async def guarded(request: Any, context: "ServicerContext[Any, Any]") -> AsyncIterator[Any]:
        begun = time.perf_counter()
        try:
            check(request)
            async for response in call(request, context):
                yield response
        except Exception as error:
            await _abort(context, method, begun, error)
            raise
        _log.debug("rpc", method=method, status="OK", duration_ms=_since(begun))

    return guarded


def check(request: Any) -> None:
    """Refuses what no handler should see: bytes that are no message, and text that PostgreSQL can't hold."""
    if isinstance(request, Undecodable):
        message = "the request can't be decoded: it isn't the message expected, or nests values too deep"
        raise RequestInvalid([Problem("BAD_REQUEST", message)])
    if isinstance(request, Message):
        for field, value in request.ListFields():
            if isinstance(value, str) and "\0" in value:
                message = f"{field.name} has a NUL character; remove it"
                raise RequestInvalid([Problem("NUL_CHARACTER", message, field=field.name)])


async def _abort(context: "ServicerContext[Any, Any]", method: str, begun: float, error: Exception) -> None:
    if isinstance(error, grpc.aio.AbortError):
        raise error
    code, reason, message, problems = describe(error)
    fields = {"method": method, "status": code.name, "reason": reason, "duration_ms": _since(begun)}
    if code is Code.INTERNAL:
        incident = uuid.uuid4().hex[:12]
        message = f"something went wrong on the server; its log tells more about incident {incident}"
        _log.error("rpc failed", incident=incident, exc_info=error, **fields)
    elif code is Code.UNAVAILABLE:
        _log.warning("rpc failed", cause=_cause(error.__cause__ or error), **fields)
    else:
        _log.info("rpc refused", **fields)
    short = message if len(message) <= _MESSAGE_LENGTH else message[: _MESSAGE_LENGTH - 1] + "…"
    status = RpcStatus(code=code.value[0], message=short, details=_details(reason, problems, error))
    trailer = ("grpc-status-details-bin", status.SerializeToString())
    await context.abort(code, short, (trailer,))


def _cause(error: BaseException) -> str:
    """The error's kind, and the status that Temporal gave; not its words, which may be data."""
    return f"{type(error).__name__}{f' {error.status.name}' if isinstance(error, RPCError) else ''}"


def _details(reason: str, problems: Sequence[Problem], error: Exception) -> list[AnyMessage]:
    details = [AnyMessage()]
    details[0].Pack(ErrorInfo(reason=reason, domain=DOMAIN))
    if isinstance(error, RateLimited):
        packed, wait = AnyMessage(), RetryInfo()
        wait.retry_delay.FromMilliseconds(int(error.retry_after * 1000) + 1)
        packed.Pack(wait)
        details.append(packed)
    if problems:
        packed = AnyMessage()
        packed.Pack(_fitting(problems))
        details.append(packed)
    return details


def _fitting(problems: Sequence[Problem]) -> workflow_pb2.Problems:
    message = workflow_pb2.Problems()
    size = 0
    for place, problem in enumerate(problem_messages(problems)):
        size += problem.ByteSize() + 4
        if size > _PROBLEM_BYTES and place:
            text = f"{len(problems) - place} more problems; ValidateWorkflow lists them all"
            message.problems.add(code="MORE_PROBLEMS", message=text, severity=workflow_pb2.ERROR)
            break
        message.problems.append(problem)
    return message


def _since(begun: float) -> float:
    return round((time.perf_counter() - begun) * 1000, 2)
