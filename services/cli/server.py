"""Calls the server: its address, its stub, and what its errors mean to a user."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import grpc
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from workflow_engine.v1 import workflow_pb2
from workflow_engine.v1.human_task_pb2_grpc import HumanTaskServiceStub
from workflow_engine.v1.integration_pb2_grpc import IntegrationServiceStub
from workflow_engine.v1.workflow_service_pb2_grpc import WorkflowServiceStub

from orchestrator.errors import Problem, Severity
from services.cli.failure import Failure, invalid

if TYPE_CHECKING:
    from workflow_engine.v1.human_task_pb2_grpc import HumanTaskServiceAsyncStub as HumanTaskStub
    from workflow_engine.v1.integration_pb2_grpc import IntegrationServiceAsyncStub as IntegrationStub
    from workflow_engine.v1.workflow_service_pb2_grpc import WorkflowServiceAsyncStub as Stub

ADDRESS = "ORCHESTRATOR_ADDRESS"
DEFAULT_ADDRESS = "127.0.0.1:50051"
TIMEOUT = 60.0
_DETAILS = "grpc-status-details-bin"
_MAX_MESSAGE = 128 * 1024 * 1024


def address() -> str:
    """Where the server is, by the environment."""
    return os.environ.get(ADDRESS, "").strip() or DEFAULT_ADDRESS


@asynccontextmanager
async def connected(target: str) -> "AsyncIterator[Stub]":
    """A stub for the server's workflows; its errors leave this block as Failures."""
    async with _channel(target) as channel:
        yield WorkflowServiceStub(channel)


@asynccontextmanager
async def connected_to_integrations(target: str) -> "AsyncIterator[IntegrationStub]":
    """A stub for the server's integrations; its errors leave this block as Failures."""
    async with _channel(target) as channel:
        yield IntegrationServiceStub(channel)


@asynccontextmanager
async def connected_to_human_tasks(target: str) -> "AsyncIterator[HumanTaskStub]":
    """A stub for what people are asked; its errors leave this block as Failures."""
    async with _channel(target) as channel:
        yield HumanTaskServiceStub(channel)


@asynccontextmanager
async def _channel(target: str) -> AsyncIterator[grpc.aio.Channel]:
    options = [
        ("grpc.max_send_message_length", _MAX_MESSAGE),
        ("grpc.max_receive_message_length", _MAX_MESSAGE),
    ]
    async with grpc.aio.insecure_channel(target, options=options) as channel:
        try:
            yield channel
        except grpc.aio.AioRpcError as error:
            raise explain(error, target) from None


def explain(error: grpc.aio.AioRpcError, target: str) -> Failure:
    """A server's error as a user reads it."""
    code, message = error.code(), error.details() or "no details"
    reason, problems = details_of(error)
    if problems and code == grpc.StatusCode.INVALID_ARGUMENT:
        return invalid(problems)
    if code == grpc.StatusCode.UNAVAILABLE and not reason:
        hint = f"Is it running, and is {ADDRESS} right?"
        return Failure(f"the server at {target} can't be reached ({message}). {hint}", code.name)
    if code == grpc.StatusCode.DEADLINE_EXCEEDED:
        return Failure(f"the server at {target} didn't answer in time", code.name)
    return Failure(message, reason or code.name)


def details_of(error: grpc.aio.AioRpcError) -> tuple[str, list[Problem]]:
    """The reason and the problems that an error's details tell."""
    status, reason, found = Status(), "", list[Problem]()
    info, problems = ErrorInfo(), workflow_pb2.Problems()
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS and isinstance(value, bytes):
            status.ParseFromString(value)
    for detail in status.details:
        if detail.Unpack(info):
            reason = info.reason
        elif detail.Unpack(problems):
            found += [from_wire(problem) for problem in problems.problems]
    return reason, found


def from_wire(problem: workflow_pb2.Problem) -> Problem:
    """A problem that the server reports."""
    warning = problem.severity == workflow_pb2.WARNING
    severity = Severity.WARNING if warning else Severity.ERROR
    return Problem(problem.code, problem.message, problem.node, problem.field, severity)
