"""Calls the server: its address, its stub, and what its errors mean to a user."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from workflow_engine.v1 import workflow_pb2
from workflow_engine.v1.auth_pb2_grpc import AuthServiceStub
from workflow_engine.v1.human_task_pb2_grpc import HumanTaskServiceStub
from workflow_engine.v1.integration_pb2_grpc import IntegrationServiceStub
from workflow_engine.v1.workflow_service_pb2_grpc import WorkflowServiceStub

from orchestrator.errors import Problem, Severity
from services.cli import session
from services.cli.failure import Failure, invalid
from services.cli.signing import signing

if TYPE_CHECKING:
    from workflow_engine.v1.auth_pb2_grpc import AuthServiceAsyncStub as AuthStub
    from workflow_engine.v1.human_task_pb2_grpc import HumanTaskServiceAsyncStub as HumanTaskStub
    from workflow_engine.v1.integration_pb2_grpc import IntegrationServiceAsyncStub as IntegrationStub
    from workflow_engine.v1.workflow_service_pb2_grpc import WorkflowServiceAsyncStub as Stub

ADDRESS = "ORCHESTRATOR_ADDRESS"
TLS, TLS_CA = "ORCHESTRATOR_TLS", "ORCHESTRATOR_TLS_CA"
TLS_CERT, TLS_KEY = "ORCHESTRATOR_TLS_CERT", "ORCHESTRATOR_TLS_KEY"
# A server in this process.
_OWN = "unix:"
DEFAULT_ADDRESS = "127.0.0.1:50051"
TIMEOUT = 60.0
_DETAILS = "grpc-status-details-bin"
_MAX_MESSAGE = 128 * 1024 * 1024
_OPTIONS = [("grpc.max_send_message_length", _MAX_MESSAGE), ("grpc.max_receive_message_length", _MAX_MESSAGE)]
_SIGN_IN = ("SIGN_IN_FIRST", "BAD_TOKEN")


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
async def connected_to_auth(target: str) -> "AsyncIterator[AuthStub]":
    """A stub for users, workspaces and keys; its errors leave this block as Failures."""
    async with _channel(target) as channel:
        yield AuthServiceStub(channel)


@asynccontextmanager
async def unsigned(target: str) -> AsyncIterator[grpc.aio.Channel]:
    """A channel whose calls carry no token; its errors leave this block as Failures."""
    async with _secured(target, []) as channel:
        try:
            yield channel
        except grpc.aio.AioRpcError as error:
            raise explain(error, target) from None


@asynccontextmanager
async def _channel(target: str) -> AsyncIterator[grpc.aio.Channel]:
    async with unsigned(target) as bare:
        carried = await session.metadata(target, bare)
        if not carried:
            yield bare
            return
        async with _secured(target, signing(carried)) as channel:
            yield channel


def _secured(target: str, interceptors: list[grpc.aio.ClientInterceptor]) -> grpc.aio.Channel:
    authority, cert, key = (_variable(name) for name in (TLS_CA, TLS_CERT, TLS_KEY))
    if _variable(TLS) not in ("", "0", "1", "true", "false"):
        raise Failure(f"{TLS} is 1 or 0, not {_variable(TLS)[:20]!r}", "BAD_SETTINGS")
    if bool(cert) != bool(key):
        raise Failure(f"{TLS_CERT} and {TLS_KEY} belong together, and one isn't set", "BAD_SETTINGS")
    if target.startswith(_OWN) or not _wants_tls():
        return grpc.aio.insecure_channel(target, options=_OPTIONS, interceptors=interceptors)
    credentials = grpc.ssl_channel_credentials(_file(TLS_CA, authority), _file(TLS_KEY, key), _file(TLS_CERT, cert))
    return grpc.aio.secure_channel(target, credentials, options=_OPTIONS, interceptors=interceptors)


def _wants_tls() -> bool:
    said = _variable(TLS)
    return said in ("1", "true") if said else bool(_variable(TLS_CA) or _variable(TLS_CERT))


def _variable(name: str) -> str:
    return os.environ.get(name, "").strip()


def _file(name: str, path: str) -> bytes | None:
    try:
        content = Path(path).read_bytes() if path else None
    except OSError as error:
        raise Failure(f"{name}: {path} can't be read: {error.strerror}", "BAD_SETTINGS") from None
    if content is not None and b"-----BEGIN" not in content:
        raise Failure(f"{name}: {path} holds nothing in PEM", "BAD_SETTINGS")
    return content


def _unreachable(target: str, message: str) -> str:
    """What to do, by what the TLS library and the network said."""
    said = message.lower()
    if "certificate_verify_failed" in said:
        untrusted = f"the server at {target} shows a certificate that isn't trusted, or has expired ({message})"
        return f"{untrusted}. Is {TLS_CA} the file of its authority?"
    if "hostname verification" in said:
        return (
            f"the server's certificate isn't for {target} ({message}). Address it by a name that is in the certificate"
        )
    if "wrong_version_number" in said:
        return f"the server at {target} doesn't speak TLS ({message}). Unset {TLS}, {TLS_CA} and {TLS_CERT}"
    if _wants_tls() and any(sign in said for sign in ("socket closed", "connection reset", "handshake", "ssl")):
        hint = f"Does it ask for a client's certificate? Set {TLS_CERT} and {TLS_KEY}"
        return f"TLS with {target} failed ({message}). {hint}"
    hint = f"Is it running, and is {ADDRESS} right? Where it speaks TLS, set {TLS}=1"
    return f"the server at {target} can't be reached ({message}). {hint}"


def explain(error: grpc.aio.AioRpcError, target: str) -> Failure:
    """A server's error as a user reads it."""
    code, message = error.code(), error.details() or "no details"
    reason, problems = details_of(error)
    if problems and code == grpc.StatusCode.INVALID_ARGUMENT:
        return invalid(problems)
    if code == grpc.StatusCode.UNAVAILABLE and not reason:
        return Failure(_unreachable(target, message), code.name)
    if code == grpc.StatusCode.UNAUTHENTICATED and reason in _SIGN_IN:
        return Failure(f"{message}. `orchestrator sign-in` does, or set {session.API_KEY}", reason)
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
