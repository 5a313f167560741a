"""Every method of WorkflowService: decode, one use case, encode."""

from collections.abc import AsyncIterator
from typing import Any

from workflow_engine.v1 import activation_pb2, execution_pb2, limits_pb2, node_type_pb2, workflow_pb2
from workflow_engine.v1 import workflow_service_pb2 as pb
from workflow_engine.v1.workflow_service_pb2_grpc import WorkflowServiceServicer

from orchestrator.errors import Severity
from services.errors import invalid
from services.rpc import (
    activation_codec,
    definition_codec,
    execution_codec,
    limits_codec,
    node_type_codec,
    retention_codec,
)
from services.store.workflows import Filters
from services.usecases.activating import Activating
from services.usecases.backend import Backend
from services.usecases.definitions import DefinitionCases
from services.usecases.keeping import Keeping
from services.usecases.limiting import Limiting
from services.usecases.node_types import node_types
from services.usecases.reading import ExecutionReader
from services.usecases.retrying import Retrier, RetryRequest
from services.usecases.starting import ExecuteRequest, Starter
from services.usecases.steering import Steering
from services.usecases.testing import Tester, TestRequest

Context = Any


class WorkflowServicer(WorkflowServiceServicer):
    """The gRPC face of the use cases."""

    def __init__(self, backend: Backend) -> None:
        self._catalogue = backend.catalogue
        self._definitions = DefinitionCases(backend)
        self._activating = Activating(backend)
        self._limiting = Limiting(backend)
        self._keeping = Keeping(backend)
        self._reader = ExecutionReader(backend)
        self._starter = Starter(backend)
        self._steering = Steering(backend, self._reader)
        self._retrier = Retrier(backend, self._reader, self._starter)
        self._tester = Tester(backend, self._reader, self._starter)

    async def CreateWorkflow(self, request: pb.CreateWorkflowRequest, context: Context) -> pb.CreateWorkflowResponse:
        """Stores a new workflow."""
        stored = await self._definitions.create(definition_codec.read_workflow(request), request.user_id)
        response = pb.CreateWorkflowResponse(problems=definition_codec.problem_messages(stored.problems))
        definition_codec.write_stored(stored, response.workflow)
        return response

    async def GetWorkflow(self, request: pb.GetWorkflowRequest, context: Context) -> pb.GetWorkflowResponse:
        """Reads a version."""
        stored = await self._definitions.get(request.workflow_id, request.version)
        response = pb.GetWorkflowResponse()
        definition_codec.write_stored(stored, response.workflow)
        return response

    async def UpdateWorkflow(self, request: pb.UpdateWorkflowRequest, context: Context) -> pb.UpdateWorkflowResponse:
        """Stores the next version."""
        workflow = definition_codec.read_workflow(request.workflow)
        workflow_id = _same_id(request.workflow_id, request.workflow.id)
        stored = await self._definitions.update(workflow, workflow_id, request.expected_version)
        response = pb.UpdateWorkflowResponse(problems=definition_codec.problem_messages(stored.problems))
        definition_codec.write_stored(stored, response.workflow)
        return response

    async def DeleteWorkflow(self, request: pb.DeleteWorkflowRequest, context: Context) -> pb.DeleteWorkflowResponse:
        """Removes a workflow from sight."""
        await self._definitions.delete(request.workflow_id)
        return pb.DeleteWorkflowResponse()

    async def ListWorkflows(self, request: pb.ListWorkflowsRequest, context: Context) -> pb.ListWorkflowsResponse:
        """A page of workflows."""
        filters = Filters(request.user_id, None, tuple(request.tags), request.name_contains)
        found, token = await self._definitions.listed(filters, request.page_size, request.page_token)
        messages = map(definition_codec.summary_message, found)
        return pb.ListWorkflowsResponse(workflows=messages, next_page_token=token)

    async def ListWorkflowVersions(
        self, request: pb.ListWorkflowVersionsRequest, context: Context
    ) -> pb.ListWorkflowVersionsResponse:
        """A page of versions."""
        found, token = await self._definitions.versions(request.workflow_id, request.page_size, request.page_token)
        messages = map(definition_codec.version_message, found)
        return pb.ListWorkflowVersionsResponse(versions=messages, next_page_token=token)

    async def RestoreWorkflowVersion(
        self, request: pb.RestoreWorkflowVersionRequest, context: Context
    ) -> pb.RestoreWorkflowVersionResponse:
        """Makes an old version the latest."""
        stored = await self._definitions.restore(request.workflow_id, request.version)
        response = pb.RestoreWorkflowVersionResponse()
        definition_codec.write_stored(stored, response.workflow)
        return response

    async def ValidateWorkflow(
        self, request: pb.ValidateWorkflowRequest, context: Context
    ) -> pb.ValidateWorkflowResponse:
        """Lists what is wrong with a definition."""
        if request.HasField("workflow"):
            problems = await self._definitions.validate(definition_codec.read_workflow(request.workflow))
        else:
            problems = await self._definitions.validate_stored(request.workflow_id)
        valid = all(problem.severity is not Severity.ERROR for problem in problems)
        return pb.ValidateWorkflowResponse(valid=valid, problems=definition_codec.problem_messages(problems))

    async def ExecuteWorkflow(
        self, request: execution_pb2.ExecuteWorkflowRequest, context: Context
    ) -> execution_pb2.ExecuteWorkflowResponse:
        """Begins a run."""
        started = await self._starter.execute(
            ExecuteRequest(
                workflow_id=request.workflow_id,
                mode=execution_codec.read_mode(request.mode),
                input_json=request.input.json,
                trigger=request.trigger,
                request_id=request.request_id,
                version=request.version,
                user_id=request.user_id,
            )
        )
        return execution_pb2.ExecuteWorkflowResponse(
            execution_id=started.execution_id,
            workflow_id=started.workflow_id,
            version=started.version,
            status=started.status.value,
        )

    async def GetExecution(
        self, request: execution_pb2.GetExecutionRequest, context: Context
    ) -> execution_pb2.GetExecutionResponse:
        """Reads a run with its output."""
        row = await self._reader.whole(request.execution_id)
        output = await self._reader.output_json(row)
        message = execution_codec.execution_message(row, output)
        message.usage.extend(map(execution_codec.usage_message, await self._reader.usage(row.id)))
        return execution_pb2.GetExecutionResponse(execution=message)

    async def ListExecutions(
        self, request: execution_pb2.ListExecutionsRequest, context: Context
    ) -> execution_pb2.ListExecutionsResponse:
        """A page of runs."""
        filters = execution_codec.read_filters(request)
        rows, token = await self._reader.listed(filters, request.page_size, request.page_token)
        messages = map(execution_codec.execution_message, rows)
        return execution_pb2.ListExecutionsResponse(executions=messages, next_page_token=token)

    async def GetExecutionHistory(
        self, request: execution_pb2.GetExecutionHistoryRequest, context: Context
    ) -> execution_pb2.GetExecutionHistoryResponse:
        """A page of a run's node runs."""
        if request.max_port_bytes < 0:
            raise invalid("BAD_SIZE", "max_port_bytes can't be negative", "max_port_bytes")
        row, views, token = await self._reader.history(
            request.execution_id, request.node, request.max_port_bytes, request.page_size, request.page_token
        )
        return execution_pb2.GetExecutionHistoryResponse(
            execution=execution_codec.execution_message(row),
            node_runs=map(execution_codec.node_run_message, views),
            next_page_token=token,
        )

    async def WatchExecution(
        self, request: execution_pb2.WatchExecutionRequest, context: Context
    ) -> AsyncIterator[execution_pb2.WatchExecutionResponse]:
        """Streams a run's events."""
        if request.after_sequence < 0:
            raise invalid("BAD_SEQUENCE", "after_sequence can't be negative", "after_sequence")
        kinds = execution_codec.event_kinds(request.types)
        async for event, row in self._reader.watch(request.execution_id, request.after_sequence, kinds):
            yield execution_pb2.WatchExecutionResponse(event=execution_codec.event_message(event, row))

    async def CancelExecution(
        self, request: execution_pb2.CancelExecutionRequest, context: Context
    ) -> execution_pb2.CancelExecutionResponse:
        """Asks a run to stop."""
        row = await self._steering.cancel(request.execution_id, request.reason)
        return execution_pb2.CancelExecutionResponse(execution=execution_codec.execution_message(row))

    async def PauseExecution(
        self, request: execution_pb2.PauseExecutionRequest, context: Context
    ) -> execution_pb2.PauseExecutionResponse:
        """Has a run start no more nodes."""
        row = await self._steering.pause(request.execution_id)
        return execution_pb2.PauseExecutionResponse(execution=execution_codec.execution_message(row))

    async def ResumeExecution(
        self, request: execution_pb2.ResumeExecutionRequest, context: Context
    ) -> execution_pb2.ResumeExecutionResponse:
        """Has a paused run go on."""
        row = await self._steering.resume(request.execution_id)
        return execution_pb2.ResumeExecutionResponse(execution=execution_codec.execution_message(row))

    async def RetryExecution(
        self, request: execution_pb2.RetryExecutionRequest, context: Context
    ) -> execution_pb2.RetryExecutionResponse:
        """Begins a run that takes over another's outputs."""
        started = await self._retrier.retry(
            RetryRequest(
                execution_id=request.execution_id,
                node=request.node,
                inputs_json={port: items.json for port, items in request.inputs.items()},
                request_id=request.request_id,
                latest_version=request.latest_version,
            )
        )
        return execution_pb2.RetryExecutionResponse(execution_id=started.execution_id)

    async def DeleteExecution(self, request: pb.DeleteExecutionRequest, context: Context) -> pb.DeleteExecutionResponse:
        """Deletes a run that has ended."""
        await self._steering.delete(request.execution_id)
        return pb.DeleteExecutionResponse()

    async def TestNode(
        self, request: execution_pb2.TestNodeRequest, context: Context
    ) -> execution_pb2.TestNodeResponse:
        """Runs one node alone."""
        inline: workflow_pb2.Workflow | None = request.workflow if request.HasField("workflow") else None
        view = await self._tester.test(
            TestRequest(
                node=request.node,
                input_json=request.input.json,
                workflow=definition_codec.read_workflow(inline) if inline is not None else None,
                workflow_id=request.workflow_id,
                user_id=request.user_id,
            )
        )
        return execution_pb2.TestNodeResponse(node_run=execution_codec.node_run_message(view))

    async def ListNodeTypes(
        self, request: node_type_pb2.ListNodeTypesRequest, context: Context
    ) -> node_type_pb2.ListNodeTypesResponse:
        """The catalogue."""
        views = node_types(self._catalogue, node_type_codec.read_type(request.type))
        return node_type_pb2.ListNodeTypesResponse(node_types=map(node_type_codec.node_type_message, views))

    async def GetLimits(self, request: limits_pb2.GetLimitsRequest, context: Context) -> limits_pb2.GetLimitsResponse:
        """What a workspace and a workflow may do."""
        found = await self._limiting.get(request.workflow_id)
        return limits_pb2.GetLimitsResponse(
            workspace=limits_codec.limits_message(found.workspace), workflow=limits_codec.limits_message(found.workflow)
        )

    async def SetWorkflowLimits(
        self, request: limits_pb2.SetWorkflowLimitsRequest, context: Context
    ) -> limits_pb2.SetWorkflowLimitsResponse:
        """Limits a workflow."""
        after = await self._limiting.set(request.workflow_id, limits_codec.read_limits(request.limits))
        return limits_pb2.SetWorkflowLimitsResponse(limits=limits_codec.limits_message(after))

    async def GetRetention(
        self, request: limits_pb2.GetRetentionRequest, context: Context
    ) -> limits_pb2.GetRetentionResponse:
        """How long a workspace's runs are kept."""
        kept = await self._keeping.get()
        own, applying = map(retention_codec.retention_message, (kept.own, kept.applying))
        return limits_pb2.GetRetentionResponse(own=own, applying=applying)

    async def SetRetention(
        self, request: limits_pb2.SetRetentionRequest, context: Context
    ) -> limits_pb2.SetRetentionResponse:
        """Keeps a workspace's runs for so long."""
        kept = await self._keeping.set(retention_codec.read_days(request.retention))
        own, applying = map(retention_codec.retention_message, (kept.own, kept.applying))
        return limits_pb2.SetRetentionResponse(own=own, applying=applying)

    async def ActivateWorkflow(
        self, request: activation_pb2.ActivateWorkflowRequest, context: Context
    ) -> activation_pb2.ActivateWorkflowResponse:
        """Turns a version's triggers on."""
        activation = await self._activating.activate(request.workflow_id, request.version)
        return activation_pb2.ActivateWorkflowResponse(activation=activation_codec.activation_message(activation))

    async def DeactivateWorkflow(
        self, request: activation_pb2.DeactivateWorkflowRequest, context: Context
    ) -> activation_pb2.DeactivateWorkflowResponse:
        """Turns off what is on."""
        await self._activating.deactivate(request.workflow_id)
        return activation_pb2.DeactivateWorkflowResponse()

    async def GetActivation(
        self, request: activation_pb2.GetActivationRequest, context: Context
    ) -> activation_pb2.GetActivationResponse:
        """What is on."""
        activation = await self._activating.get(request.workflow_id)
        response = activation_pb2.GetActivationResponse()
        if activation is not None:
            response.activation.CopyFrom(activation_codec.activation_message(activation))
        return response


def _same_id(workflow_id: str, written: str) -> str:
    if workflow_id and written and workflow_id != written:
        message = f"workflow_id is {workflow_id[:128]!r}, but the workflow's own id is {written[:128]!r}"
        raise invalid("ID_MISMATCH", message, "workflow.id")
    return workflow_id or written
