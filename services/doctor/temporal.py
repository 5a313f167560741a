"""Looks at Temporal: namespace, search attributes, retention, clock, workers, and the keys of what it holds."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from temporalio.api.common.v1 import Payloads
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    DescribeScheduleRequest,
    DescribeTaskQueueRequest,
    GetSystemInfoRequest,
    GetWorkflowExecutionHistoryRequest,
    ListSchedulesRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from nodes.factory import get_node_executor_factory
from services.doctor.finding import Finding, failed, ok, warning
from services.doctor.postgresql import skew
from services.settings import Settings
from services.wiring import queues_of, temporal_keys
from temporal import search_attributes
from temporal.client import connect
from temporal.codec import ENCODING, key_of
from temporal.queues import DEFAULT, task_queue
from temporal.releases import current_build

_SHORT = timedelta(days=1)
# Open runs, and schedules, whose keys are looked at.
_SAMPLE = 20


class Temporal:
    """The checks of one namespace."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def check(self) -> AsyncIterator[Finding]:
        """All of them, as far as it answers."""
        try:
            client = await connect()
        except (RuntimeError, RPCError, ValueError, OSError) as error:
            yield failed("Temporal", f"it can't be reached: {error}", "check TEMPORAL_ADDRESS and TEMPORAL_TLS…")
            return
        system = await client.workflow_service.get_system_info(GetSystemInfoRequest())
        yield ok("Temporal", f"server {system.server_version} answers")
        try:
            described = await client.workflow_service.describe_namespace(
                DescribeNamespaceRequest(namespace=client.namespace)
            )
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            advice = f"run `temporal operator namespace create {client.namespace}`, or correct TEMPORAL_NAMESPACE"
            yield failed("namespace", f"there is no {client.namespace!r}", advice)
            return
        yield ok("namespace", f"{client.namespace!r} is there")
        yield _retention(described.config.workflow_execution_retention_ttl.ToTimedelta())
        yield await _attributes(client)
        async for finding in self._workers(client):
            yield finding
        yield await self._release(client)
        yield await self._keys(client)

    async def _workers(self, client: Client) -> AsyncIterator[Finding]:
        latest: datetime | None = None
        for queue in queues_of(get_node_executor_factory().catalogue):
            name = task_queue(queue, self._settings.orchestrator_task_queue)
            kinds = [TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY]
            if queue == DEFAULT:
                kinds.append(TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW)
            counts = []
            for kind in kinds:
                request = DescribeTaskQueueRequest(
                    namespace=client.namespace, task_queue=TaskQueue(name=name), task_queue_type=kind
                )
                pollers = (await client.workflow_service.describe_task_queue(request)).pollers
                counts.append(len({poller.identity for poller in pollers}))
                seen = [poller.last_access_time.ToDatetime(tzinfo=UTC) for poller in pollers]
                latest = max([*seen, *([latest] if latest else [])], default=None)
            if min(counts):
                yield ok("workers", f"{min(counts)} poll the task queue {name!r}")
            else:
                advice = f"start `orchestrator worker --queues {queue}`: until then what is on this queue waits"
                yield warning("workers", f"nobody polls the task queue {name!r}", advice)
        if latest and latest - datetime.now(UTC) > timedelta(0):
            # Temporal tells no time; but nobody can have polled in the future.
            yield skew("Temporal's clock", "Temporal's", latest - datetime.now(UTC))

    async def _release(self, client: Client) -> Finding:
        ours = self._settings.orchestrator_build_id
        current = await current_build(client, self._settings.orchestrator_task_queue)
        named = f"the build {current!r} is current" if current else "workers without a build id get all work"
        if current == ours:
            return ok("release", named)
        if ours:
            advice = "until `orchestrator promote` is run, workers of this build get no work"
        else:
            advice = "set ORCHESTRATOR_BUILD_ID: workers without it get no work"
        return warning("release", f"{named}, and ORCHESTRATOR_BUILD_ID is {ours!r}", advice)

    async def _keys(self, client: Client) -> Finding:
        subject = "ORCHESTRATOR_TEMPORAL_KEYS"
        ring = await asyncio.to_thread(temporal_keys, self._settings)
        used, looked = await _key_ids(client)
        missing = sorted(used - set(ring.keys if ring else ()))
        if missing:
            named = ", ".join(repr(key_id) for key_id in missing)
            held = "it lacks" if ring else "it isn't set, and what is open needs"
            return failed(subject, f"{held} the key {named}", "add it after the current one, for servers and workers")
        if ring is None:
            advice = "make a key with `orchestrator credentials new-key`, and set it for servers and workers"
            return warning(subject, "it isn't set: Temporal keeps what runs hold in clear", advice)
        return ok(
            subject,
            f"the key {ring.current!r} seals; no key is missing for the {looked} open runs and schedules looked at",
        )


def _retention(kept: timedelta) -> Finding:
    says = f"ended runs are kept for {kept.total_seconds() / 86400:g} days"
    if kept < _SHORT:
        advice = "a server that is away for longer can't tell how runs ended: `temporal operator namespace update`"
        return warning("retention", says, advice)
    return ok("retention", says)


async def _attributes(client: Client) -> Finding:
    request = ListSearchAttributesRequest(namespace=client.namespace)
    try:
        there = (await client.operator_service.list_search_attributes(request)).custom_attributes
    except RPCError as error:
        if error.status not in (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED):
            raise
        advice = f"see that there are {', '.join(key.name for key in search_attributes.KEYS)}, of type Keyword"
        return warning("search attributes", "Temporal doesn't let us look", advice)
    missing = [key.name for key in search_attributes.KEYS if key.name not in there]
    if missing:
        commands = " && ".join(
            f"temporal operator search-attribute create --name {name} --type Keyword" for name in missing
        )
        return failed("search attributes", f"{', '.join(missing)} aren't registered", f"run `{commands}`")
    return ok("search attributes", "all are registered")


async def _key_ids(client: Client) -> tuple[set[str], int]:
    """The keys that some open runs and schedules are sealed under, and how many of them were looked at."""
    inputs: list[Payloads] = []
    query = "WorkflowType = 'Orchestrator' AND ExecutionStatus = 'Running'"
    async for run in client.list_workflows(query, limit=_SAMPLE):
        history = GetWorkflowExecutionHistoryRequest(namespace=client.namespace, maximum_page_size=1)
        history.execution.workflow_id, history.execution.run_id = run.id, run.run_id
        events = (await client.workflow_service.get_workflow_execution_history(history)).history.events
        inputs += [event.workflow_execution_started_event_attributes.input for event in events[:1]]
    schedules = ListSchedulesRequest(namespace=client.namespace, maximum_page_size=_SAMPLE)
    for entry in (await client.workflow_service.list_schedules(schedules)).schedules:
        request = DescribeScheduleRequest(namespace=client.namespace, schedule_id=entry.schedule_id)
        described = await client.workflow_service.describe_schedule(request)
        inputs.append(described.schedule.action.start_workflow.input)
    found = {
        key_of(payload)
        for input_ in inputs
        for payload in input_.payloads
        if payload.metadata.get("encoding") == ENCODING
    }
    return found, len(inputs)
