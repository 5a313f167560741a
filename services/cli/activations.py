"""What `orchestrator workflows activate|deactivate|activation` does."""

from typing import Any

from workflow_engine.v1 import activation_pb2 as pb

from services.cli.console import local_time, table
from services.cli.failure import Exit, plain, print_json
from services.cli.server import TIMEOUT, address, connected


async def activate(workflow_id: str, version: int, as_json: bool) -> Exit:
    """Turn triggers on."""
    request = pb.ActivateWorkflowRequest(workflow_id=workflow_id, version=version)
    async with connected(address()) as stub:
        response = await stub.ActivateWorkflow(request, timeout=TIMEOUT)
    return _show(workflow_id, response.activation, as_json)


async def deactivate(workflow_id: str, as_json: bool) -> Exit:
    """Turn triggers off."""
    async with connected(address()) as stub:
        await stub.DeactivateWorkflow(pb.DeactivateWorkflowRequest(workflow_id=workflow_id), timeout=TIMEOUT)
    return _show(workflow_id, None, as_json)


async def show(workflow_id: str, as_json: bool) -> Exit:
    """Print what is on."""
    async with connected(address()) as stub:
        response = await stub.GetActivation(pb.GetActivationRequest(workflow_id=workflow_id), timeout=TIMEOUT)
    return _show(workflow_id, response.activation if response.HasField("activation") else None, as_json)


def _show(workflow_id: str, activation: pb.Activation | None, as_json: bool) -> Exit:
    if as_json:
        print_json({"activation": None if activation is None else _activation(activation)})
        return Exit.OK
    if activation is None:
        print(f"Workflow {plain(workflow_id)} isn't active")
        return Exit.OK
    by = f" by {plain(activation.activated_by)}" if activation.activated_by else ""
    print(
        f"Workflow {plain(workflow_id)} is active at version {activation.version}, "
        f"since {local_time(activation.activated_at)}{by}"
    )
    rows = [(each.node, each.subtype, _where(each), _last(each), each.problem) for each in activation.triggers]
    table(("TRIGGER", "TYPE", "CALLED AT, OR NEXT", "LAST RUN", "PROBLEM"), rows)
    return Exit.OK


def _where(trigger: pb.ActiveTrigger) -> str:
    methods = ",".join(trigger.methods)
    called = [f"{methods} {url}".strip() for url in trigger.urls]
    times = ["paused"] if trigger.paused else [local_time(at) for at in trigger.next_times[:1]]
    return "\n".join([*called, *times])


def _last(trigger: pb.ActiveTrigger) -> str:
    if not trigger.last_execution_id:
        return ""
    return f"{local_time(trigger.last_started_at)} {trigger.last_execution_id}"


def _activation(activation: pb.Activation) -> dict[str, Any]:
    return {
        "workflow_id": activation.workflow_id,
        "version": activation.version,
        "activated_by": activation.activated_by,
        "activated_at": activation.activated_at.ToJsonString(),
        "triggers": [_trigger(each) for each in activation.triggers],
    }


def _trigger(trigger: pb.ActiveTrigger) -> dict[str, Any]:
    return {
        "node": trigger.node,
        "subtype": trigger.subtype,
        "urls": list(trigger.urls),
        "methods": list(trigger.methods),
        "next_times": [at.ToJsonString() for at in trigger.next_times],
        "schedule_id": trigger.schedule_id,
        "paused": trigger.paused,
        "last_started_at": trigger.last_started_at.ToJsonString() if trigger.HasField("last_started_at") else None,
        "last_execution_id": trigger.last_execution_id,
        "problem": trigger.problem,
    }
