"""What clients are told, and what is recorded, when Temporal or PostgreSQL is away."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status as RpcStatus
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from temporalio.service import RPCError, RPCStatusCode
from workflow_engine.v1 import execution_pb2 as ex
from workflow_engine.v1 import workflow_service_pb2 as pb
from workflow_engine.v1.workflow_service_pb2_grpc import WorkflowServiceStub

from nodes.factory import get_node_executor_factory
from nodes.http.egress import Egress
from orchestrator.errors import Problem, RunError
from orchestrator.model import Workflow
from orchestrator.record import ExecutionRecord, NodeRecord, NodeStatus, Status
from orchestrator.start import RunStart
from services.identity.identity import Identity
from services.rpc.server import WORKFLOW_SERVICE, GrpcServer, PortTakenError
from services.settings import Settings
from services.store import executions, recording
from services.store.definitions import Definitions
from services.store.integrations_opening import Integrations
from services.store.known_limits import KnownLimits
from services.store.listen import Listener
from services.usecases import reconciling
from services.usecases.backend import Backend
from temporal.client import Ended, RunNotFoundError
from tests.services.conftest import Store

Code = grpc.StatusCode
AWAY = [RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.UNKNOWN]


@dataclass
class FaultyRuns:
    """Stands for Temporal: fails as told, and remembers what was started."""

    fault: Exception | None = None
    # What comes of a start before it fails.
    meanwhile: Callable[[RunStart], Awaitable[object]] | None = None
    started: list[RunStart] = field(default_factory=list)
    over: dict[str, Ended] = field(default_factory=dict)

    async def start(self, start: RunStart, revision: int = 0) -> None:
        if self.meanwhile is not None:
            await self.meanwhile(start)
        if self.fault is not None:
            raise self.fault
        self.started.append(start)

    async def cancel(self, execution_id: str, reason: str = "") -> None:
        raise self.fault or RunNotFoundError(execution_id)

    pause = resume = cancel

    async def ended(self, execution_ids: Sequence[str]) -> Mapping[str, Ended]:
        return {each: self.over[each] for each in execution_ids if each in self.over}


@dataclass
class Faulty:
    """An API server whose Temporal can fail."""

    stub: Any
    channel: grpc.aio.Channel
    runs: FaultyRuns
    store: Store
    healthy: dict[str, bool]

    async def execute(self, **fields: Any) -> str:
        request = ex.ExecuteWorkflowRequest(workflow_id=self.store.workflow.id, **fields)
        return str((await self.stub.ExecuteWorkflow(request)).execution_id)

    async def get(self, execution_id: str) -> ex.Execution:
        response = await self.stub.GetExecution(ex.GetExecutionRequest(execution_id=execution_id))
        execution: ex.Execution = response.execution
        return execution


def temporal_is(status: RPCStatusCode) -> RPCError:
    return RPCError("secret details", status, b"")


def backend(store: Store, runs: FaultyRuns) -> Backend:
    async def validate(_: Workflow) -> list[Problem]:
        return []

    return Backend(
        store.database,
        Definitions(store.database, lambda _: pytest.fail("not needed")),
        get_node_executor_factory().catalogue,
        validate,
        runs,
        Listener(store.database.url),
        Integrations(store.database, None, Egress()),
        KnownLimits(store.database),
    )


def nobody(behind: Backend) -> Identity:
    """Who needn't sign in."""
    settings = Settings(database_url=behind.database.url)
    return Identity(settings, behind.database, behind.listener, local=True)


@pytest.fixture
async def faulty(store: Store) -> AsyncIterator[Faulty]:
    runs = FaultyRuns()
    healthy = {"postgresql": True, "temporal": True}

    def check(name: str) -> Any:
        async def answer() -> None:
            if not healthy[name]:
                raise OSError(name)

        return answer

    behind = backend(store, runs)
    server = GrpcServer(
        behind, {name: check(name) for name in healthy}, nobody(behind), host="127.0.0.1", port=0, reflect=True
    )
    await behind.listener.start()
    await server.start()
    async with grpc.aio.insecure_channel(server.address) as channel:
        yield Faulty(WorkflowServiceStub(channel), channel, runs, store, healthy)
    await server.stop(0)
    await behind.listener.stop()


async def refused(call: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    assert "secret" not in (caught.value.details() or "")
    trailers = dict(caught.value.trailing_metadata() or ())
    info = ErrorInfo()
    assert RpcStatus.FromString(trailers["grpc-status-details-bin"]).details[0].Unpack(info)
    return caught.value.code(), info.reason


async def test_an_unstarted_run_without_request_id_is_removed(faulty: Faulty) -> None:
    faulty.runs.fault = temporal_is(RPCStatusCode.UNAVAILABLE)
    assert await refused(faulty.execute()) == (Code.UNAVAILABLE, "TEMPORAL_UNAVAILABLE")
    assert await faulty.store.count("workflow_executions") == 0


@pytest.mark.parametrize("status", AWAY)
async def test_a_repeated_request_starts_what_the_first_could_not(faulty: Faulty, status: RPCStatusCode) -> None:
    faulty.runs.fault = temporal_is(status)
    text = '{"a":"' + "x" * 100_000 + '"}'
    request = {"request_id": "r", "input": ex.Items(json=text)}
    assert await refused(faulty.execute(**request)) == (Code.UNAVAILABLE, "TEMPORAL_UNAVAILABLE")
    (row,) = (await faulty.stub.ListExecutions(ex.ListExecutionsRequest())).executions
    assert (row.status, row.error.code) == (ex.FAILED, "NOT_STARTED")
    faulty.runs.fault = None
    assert await faulty.execute(**request) == row.execution_id
    (start,) = faulty.runs.started
    assert (start.execution_id, start.begin, start.input.count) == (row.execution_id, "T", 1)
    assert start.plan is not None
    found = await faulty.get(row.execution_id)
    assert (found.status, found.HasField("error"), found.HasField("finished_at")) == (ex.RUNNING, False, False)


@pytest.mark.parametrize("status", AWAY[1:])
async def test_a_run_whose_outcome_is_unclear_is_kept(faulty: Faulty, status: RPCStatusCode) -> None:
    faulty.runs.fault = temporal_is(status)
    assert await refused(faulty.execute()) == (Code.UNAVAILABLE, "TEMPORAL_UNAVAILABLE")
    assert await faulty.store.count("workflow_executions") == 1


@pytest.mark.parametrize("request_id", ["", "r"])
@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize("status", AWAY)
async def test_a_run_that_began_is_started_though_the_answer_is_lost(
    faulty: Faulty, status: RPCStatusCode, ended: bool, request_id: str
) -> None:
    async def begin(start: RunStart) -> None:
        end = ExecutionRecord(Status.COMPLETED, datetime.now(UTC)) if ended else None
        await recording.record(
            faulty.store.database, start.execution_id, [NodeRecord("T", 0, NodeStatus.COMPLETED)], end
        )

    if request_id:
        # An earlier try that got nowhere leaves a record behind.
        faulty.runs.fault = temporal_is(RPCStatusCode.UNAVAILABLE)
        await refused(faulty.execute(request_id=request_id))
    faulty.runs.fault, faulty.runs.meanwhile = temporal_is(status), begin
    run = await faulty.execute(request_id=request_id)
    found = await faulty.get(run)
    assert (found.status, found.HasField("error")) == (ex.COMPLETED if ended else ex.RUNNING, False)


async def test_a_crash_between_record_and_start_is_made_good(faulty: Faulty) -> None:
    run = await faulty.store.execution(request_id="r")
    assert await faulty.execute(request_id="r") == run
    assert [start.execution_id for start in faulty.runs.started] == [run]
    await recording.record(faulty.store.database, run, [NodeRecord("T", 0, NodeStatus.COMPLETED)])
    assert await faulty.execute(request_id="r") == run
    assert len(faulty.runs.started) == 1


async def test_a_run_about_to_begin_is_not_lost(faulty: Faulty) -> None:
    run = await faulty.store.execution()
    faulty.runs.over[run] = Ended(Status.FAILED, datetime.now(UTC), RunError("RUN_LOST", ""))
    assert (await faulty.get(run)).status == ex.RUNNING
    await recording.record(faulty.store.database, run, [NodeRecord("T", 0, NodeStatus.RUNNING)])
    found = await faulty.get(run)
    assert (found.status, found.error.code) == (ex.FAILED, "RUN_LOST")


async def test_runs_that_never_began_end_though_nobody_reads_them(
    faulty: Faulty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciling, "_MOST_UNBEGUN", 1)
    lost, waiting, begun, young = [await faulty.store.execution() for _ in range(4)]
    await recording.record(faulty.store.database, begun, [NodeRecord("T", 0, NodeStatus.COMPLETED)])
    async with faulty.store.database.single() as connection:
        old = "UPDATE workflow_executions SET started_at = now() - interval '20 s' WHERE id <> %s"
        await connection.exec_driver_sql(old, (young,))
    unknown = Ended(Status.FAILED, datetime.now(UTC), RunError("RUN_LOST", ""))
    faulty.runs.over = dict.fromkeys((lost, begun, young), unknown)
    unbegun = reconciling.Unbegun(backend(faulty.store, faulty.runs))
    for _ in range(4):
        await unbegun.settle()
    async with faulty.store.database.reading() as session:
        found = {id_: (await executions.get(session, id_)).status for id_ in (lost, waiting, begun, young)}
    assert found == {lost: "FAILED", waiting: "RUNNING", begun: "RUNNING", young: "RUNNING"}


async def test_steering_a_run_that_temporal_does_not_know(faulty: Faulty) -> None:
    run = await faulty.store.execution()
    cancel = ex.CancelExecutionRequest(execution_id=run)
    assert await refused(faulty.stub.CancelExecution(cancel)) == (Code.FAILED_PRECONDITION, "EXECUTION_BEGINNING")
    faulty.runs.over[run] = Ended(Status.CANCELED, datetime.now(UTC), RunError("TERMINATED", ""))
    assert await refused(faulty.stub.CancelExecution(cancel)) == (Code.FAILED_PRECONDITION, "EXECUTION_ENDED")
    other = await faulty.store.execution()
    faulty.runs.fault = temporal_is(RPCStatusCode.UNAVAILABLE)
    pause = ex.PauseExecutionRequest(execution_id=other)
    assert await refused(faulty.stub.PauseExecution(pause)) == (Code.UNAVAILABLE, "TEMPORAL_UNAVAILABLE")


async def test_a_database_that_is_away(faulty: Faulty) -> None:
    async with faulty.store.database.single() as connection:
        await connection.exec_driver_sql("ALTER TABLE workflows RENAME TO gone")
        assert await refused(faulty.execute()) == (Code.INTERNAL, "INTERNAL")
        await connection.exec_driver_sql("ALTER TABLE gone RENAME TO workflows")
        await connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    codes = {(await refused(call))[0] for call in await failing(faulty)}
    assert codes <= {Code.UNAVAILABLE}
    assert await faulty.execute()


async def failing(faulty: Faulty) -> list[Any]:
    """Calls that met a cut connection, until one gets through."""
    calls: list[Any] = []
    for _ in range(20):
        try:
            await faulty.execute()
        except grpc.aio.AioRpcError as error:
            calls.append(_raise(error))
        else:
            return calls
    return calls


async def _raise(error: Exception) -> None:
    raise error


async def test_a_stream_hears_of_records_at_once(faulty: Faulty) -> None:
    run = await faulty.store.execution()
    seen: list[int] = []

    async def watch() -> None:
        async for response in faulty.stub.WatchExecution(ex.WatchExecutionRequest(execution_id=run), timeout=20):
            seen.append(response.event.type)
            if response.event.type == ex.EXECUTION_STARTED:
                await recording.record(faulty.store.database, run, [NodeRecord("T", 0, NodeStatus.WAITING)])
            if response.event.type == ex.NODE_WAITS:
                return

    await watch()
    assert seen == [ex.EXECUTION_STARTED, ex.NODE_STARTED, ex.NODE_WAITS]


async def test_health_follows_what_is_needed(faulty: Faulty) -> None:
    health = health_pb2_grpc.HealthStub(faulty.channel)
    serving, not_serving = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
    for service in ("", WORKFLOW_SERVICE):
        assert (await health.Check(health_pb2.HealthCheckRequest(service=service))).status == serving
    faulty.healthy["temporal"] = False
    assert (await health.Check(health_pb2.HealthCheckRequest())).status == not_serving
    stream = health.Watch(health_pb2.HealthCheckRequest(), timeout=30)
    assert (await stream.read()).status == not_serving
    faulty.healthy["temporal"] = True
    assert (await stream.read()).status == serving
    stream.cancel()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await health.Check(health_pb2.HealthCheckRequest(service="other"))
    assert caught.value.code() == Code.NOT_FOUND


async def test_reflection_names_the_services(faulty: Faulty) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(faulty.channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    call = stub.ServerReflectionInfo(iter([request]))
    names = [service.name async for answer in call for service in answer.list_services_response.service]
    assert WORKFLOW_SERVICE in names
    assert "grpc.health.v1.Health" in names


async def test_bytes_that_are_no_message(faulty: Faulty) -> None:
    call = faulty.channel.unary_unary("/workflow_engine.v1.WorkflowService/GetWorkflow")
    assert await refused(call(b"\xff\xff\xff")) == (Code.INVALID_ARGUMENT, "BAD_REQUEST")


async def test_a_port_that_is_taken_is_named(store: Store) -> None:
    async def close(_: Any, writer: asyncio.StreamWriter) -> None:
        writer.close()

    taken = await asyncio.start_server(close, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    behind = backend(store, FaultyRuns())
    with pytest.raises(PortTakenError, match=str(port)):
        GrpcServer(behind, {}, nobody(behind), host="127.0.0.1", port=port, reflect=False)
    taken.close()


async def test_messages_of_no_workflow(faulty: Faulty) -> None:
    request = pb.GetWorkflowRequest(workflow_id="none")
    assert await refused(faulty.stub.GetWorkflow(request)) == (Code.NOT_FOUND, "WORKFLOW_NOT_FOUND")
