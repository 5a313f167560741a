"""Every exception has its status; what nobody foresaw tells clients nothing."""

from typing import Any

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from temporalio.client import WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError, RPCStatusCode
from workflow_engine.v1 import workflow_pb2
from workflow_engine.v1 import workflow_service_pb2 as pb

from orchestrator.errors import DefinitionError, Problem
from services import errors as service_errors
from services.rpc import errors
from temporal.codec import SealedPayloadError

Code = grpc.StatusCode
SECRET = "postgresql://root:hunter2@db"


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (DefinitionError([Problem("NOT_JSON", "x")]), Code.INVALID_ARGUMENT, "NOT_JSON"),
        (service_errors.invalid("BAD_MODE", "x"), Code.INVALID_ARGUMENT, "BAD_MODE"),
        (service_errors.precondition("EXECUTION_ENDED", "x"), Code.FAILED_PRECONDITION, "EXECUTION_ENDED"),
        (service_errors.workflow_not_found("w"), Code.NOT_FOUND, "WORKFLOW_NOT_FOUND"),
        (service_errors.execution_not_found("e"), Code.NOT_FOUND, "EXECUTION_NOT_FOUND"),
        (service_errors.AlreadyExists("WORKFLOW_EXISTS", "x"), Code.ALREADY_EXISTS, "WORKFLOW_EXISTS"),
        (service_errors.VersionConflict("VERSION_CONFLICT", "x"), Code.ABORTED, "VERSION_CONFLICT"),
        (service_errors.Unavailable("TEMPORAL_UNAVAILABLE", "x"), Code.UNAVAILABLE, "TEMPORAL_UNAVAILABLE"),
        (OperationalError(SECRET, {}, Exception(SECRET)), Code.UNAVAILABLE, "DATABASE_UNAVAILABLE"),
        (PoolTimeoutError(SECRET), Code.UNAVAILABLE, "DATABASE_UNAVAILABLE"),
        (RPCError(SECRET, RPCStatusCode.UNAVAILABLE, b""), Code.UNAVAILABLE, "TEMPORAL_UNAVAILABLE"),
        (RPCError(SECRET, RPCStatusCode.CANCELLED, b""), Code.UNAVAILABLE, "TEMPORAL_UNAVAILABLE"),
        (RPCError(SECRET, RPCStatusCode.ABORTED, b""), Code.UNAVAILABLE, "TEMPORAL_UNAVAILABLE"),
        # The SDK's "transport error": the connection broke under the call.
        (RPCError(SECRET, RPCStatusCode.UNKNOWN, b""), Code.UNAVAILABLE, "TEMPORAL_UNAVAILABLE"),
        (RPCError(SECRET, RPCStatusCode.INTERNAL, b""), Code.UNAVAILABLE, "TEMPORAL_UNAVAILABLE"),
        (WorkflowUpdateRPCTimeoutOrCancelledError(), Code.UNAVAILABLE, "TEMPORAL_UNAVAILABLE"),
        (RPCError(SECRET, RPCStatusCode.INVALID_ARGUMENT, b""), Code.INTERNAL, "INTERNAL"),
        (IntegrityError(SECRET, {}, Exception(SECRET)), Code.INTERNAL, "INTERNAL"),
        (SealedPayloadError("the key k1"), Code.FAILED_PRECONDITION, "TEMPORAL_KEY_MISSING"),
        (LookupError(SECRET), Code.INTERNAL, "INTERNAL"),
        (ZeroDivisionError(SECRET), Code.INTERNAL, "INTERNAL"),
    ],
)
def test_the_table(error: Exception, code: grpc.StatusCode, reason: str) -> None:
    found, why, message, problems = errors.describe(error)
    assert (found, why) == (code, reason)
    assert SECRET not in message
    has_problems = code in (Code.INVALID_ARGUMENT, Code.FAILED_PRECONDITION)
    assert [problem.code for problem in problems] == ([reason] if has_problems else [])


class _Aborted(Exception):
    """What the fake context raises."""


class _Context:
    def __init__(self) -> None:
        self.code: Any = None
        self.message = ""
        self.status = Status()

    async def abort(self, code: Any, message: str, trailers: Any) -> None:
        self.code, self.message = code, message
        ((name, data),) = trailers
        assert name == "grpc-status-details-bin"
        assert len(data) < 5 * 1024
        self.status = Status.FromString(data)
        raise _Aborted


async def abort(error: Exception) -> tuple[_Context, ErrorInfo, workflow_pb2.Problems]:
    context = _Context()

    async def call(request: Any, context: Any) -> None:
        raise error

    with pytest.raises(_Aborted):
        await errors._guard_unary(call, "/m")(pb.GetWorkflowRequest(), context)
    info, problems = ErrorInfo(), workflow_pb2.Problems()
    packed: list[AnyMessage] = list(context.status.details)
    assert packed[0].Unpack(info)
    if len(packed) > 1:
        assert packed[1].Unpack(problems)
    return context, info, problems


async def test_details_are_packed() -> None:
    problem = Problem("CYCLE_WITHOUT_LOOP", "a cycle", "A", "connections")
    context, info, problems = await abort(DefinitionError([problem]))
    assert (context.code, context.message) == (Code.INVALID_ARGUMENT, "a cycle")
    assert (info.reason, info.domain) == ("CYCLE_WITHOUT_LOOP", "workflow_engine")
    (found,) = problems.problems
    assert (found.code, found.node, found.message, found.field) == ("CYCLE_WITHOUT_LOOP", "A", "a cycle", "connections")


async def test_many_problems_fit_into_a_trailer() -> None:
    many = [Problem("P", "ä" * 200, f"n{i}") for i in range(2000)]
    context, _, problems = await abort(DefinitionError(many))
    assert len(context.message) <= 300
    assert problems.problems[0].node == "n0"
    assert problems.problems[-1].code == "MORE_PROBLEMS"
    left = int(problems.problems[-1].message.split()[0])
    assert left + len(problems.problems) - 1 == 2000


async def test_a_bug_is_logged_with_its_incident_and_not_told(caplog: pytest.LogCaptureFixture) -> None:
    context, info, _ = await abort(ZeroDivisionError(SECRET))
    assert (context.code, info.reason) == (Code.INTERNAL, "INTERNAL")
    assert SECRET not in context.message
    assert "incident" in context.message


@pytest.mark.parametrize(
    ("request_", "message"),
    [(pb.GetWorkflowRequest(workflow_id="a\0b"), "NUL"), (errors.Undecodable(), "decoded")],
)
def test_requests_that_no_handler_should_see(request_: Any, message: str) -> None:
    with pytest.raises(service_errors.RequestInvalid, match=message):
        errors.check(request_)
