"""The calls that are measured, each as one that picks its arguments anew."""

import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc.aio
from google.protobuf.json_format import ParseDict
from google.protobuf.timestamp_pb2 import Timestamp
from workflow_engine.v1 import execution_pb2 as pb
from workflow_engine.v1 import workflow_service_pb2 as service
from workflow_engine.v1.workflow_service_pb2_grpc import WorkflowServiceStub

from benchmarks.subjects import linear

WORKSPACES = 20
Call = Callable[[], Awaitable[Any]]


class Calls:
    """A client of the API; `chosen` makes its choices repeatable."""

    def __init__(
        self, channel: grpc.aio.Channel, workflows: list[tuple[str, str]], runs: int, chosen: random.Random
    ) -> None:
        self._stub = WorkflowServiceStub(channel)
        self._workflows = workflows
        self._runs = runs
        self._random = chosen

    def all(self) -> dict[str, Call]:
        """Every call by its name."""
        return {
            "list": self.listed,
            "list, from the middle": self.deep,
            "filter by workflow": self.by_workflow,
            "filter by status": self.by_status,
            "filter by workflow and status": self.by_both,
            "filter by time": self.by_time,
            "get": self.get,
            "history": self.history,
            "workflows": self.workflows,
        }

    async def listed(self) -> None:
        """The latest runs of a workspace."""
        await self._list(self._workspace())

    async def deep(self) -> None:
        """A page from somewhere in the middle."""
        await self._list(self._workspace(), started_before=self._instant())

    async def by_workflow(self) -> None:
        """The latest runs of one workflow."""
        workflow, workspace = self._workflow()
        await self._list(workspace, workflow_id=workflow)

    async def by_status(self) -> None:
        """The latest runs that failed, or ended in a way that is rare."""
        await self._list(self._workspace(), statuses=[self._random.choice([pb.FAILED, pb.TIMED_OUT, pb.RUNNING])])

    async def by_both(self) -> None:
        """The latest failures of one workflow."""
        workflow, workspace = self._workflow()
        await self._list(workspace, workflow_id=workflow, statuses=[pb.FAILED])

    async def by_time(self) -> None:
        """The runs of an hour."""
        after = self._instant()
        before = Timestamp()
        before.FromDatetime(after.ToDatetime() + timedelta(hours=1))
        await self._list(self._workspace(), started_after=after, started_before=before)

    async def get(self) -> None:
        """One run."""
        await self._stub.GetExecution(pb.GetExecutionRequest(execution_id=self._run()))

    async def history(self) -> None:
        """One run's node runs."""
        await self._stub.GetExecutionHistory(pb.GetExecutionHistoryRequest(execution_id=self._run()))

    async def workflows(self) -> None:
        """A workspace's workflows."""
        await self._stub.ListWorkflows(service.ListWorkflowsRequest(), metadata=self._workspace())

    async def start(self) -> str:
        """Begins a run; its id."""
        workflow, workspace = self._workflow()
        request = pb.ExecuteWorkflowRequest(workflow_id=workflow, mode=pb.MANUAL, input=pb.Items(json='{"n": 1}'))
        return str((await self._stub.ExecuteWorkflow(request, metadata=workspace)).execution_id)

    async def ended(self, execution_id: str) -> None:
        """Waits for a run's end."""
        request = pb.WatchExecutionRequest(execution_id=execution_id, types=[pb.EXECUTION_FINISHED])
        async for _ in self._stub.WatchExecution(request):
            pass

    async def _list(self, metadata: Any, **filters: Any) -> pb.ListExecutionsResponse:
        response: pb.ListExecutionsResponse = await self._stub.ListExecutions(
            pb.ListExecutionsRequest(**filters), metadata=metadata
        )
        return response

    def _workspace(self) -> list[tuple[str, str]]:
        return [("x-workspace", f"scale{self._random.randrange(WORKSPACES)}")]

    def _workflow(self) -> tuple[str, list[tuple[str, str]]]:
        workflow, workspace = self._random.choice(self._workflows)
        return workflow, [("x-workspace", workspace)]

    def _run(self) -> str:
        return f"scale-{self._random.randint(1, self._runs):012x}"

    def _instant(self) -> Timestamp:
        at = Timestamp()
        at.FromDatetime(datetime.now(UTC) - timedelta(days=self._random.uniform(1, 89)))
        return at


async def define(channel: grpc.aio.Channel, count: int) -> list[tuple[str, str]]:
    """Stores workflows of five nodes; their ids and workspaces."""
    stub = WorkflowServiceStub(channel)
    definition = linear(5)
    found = []
    for number in range(count):
        workspace = f"scale{number % WORKSPACES}"
        request = service.CreateWorkflowRequest(name=f"Workflow {number}", user_id=workspace)
        for node in definition["nodes"]:
            ParseDict(node, request.nodes.add())
        ParseDict(definition["connections"], request.connections)
        created = await stub.CreateWorkflow(request, metadata=[("x-workspace", workspace)])
        found.append((created.workflow.id, workspace))
    return found
