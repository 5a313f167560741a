"""Turning workflows on and off: exactly what is shown, one version at a time, and Temporal's schedules after it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import grpc
import pytest
from temporalio.service import RPCError, RPCStatusCode
from workflow_engine.v1 import execution_pb2, workflow_service_pb2

from activities.triggers.ports import Binding
from services.store.ids import new_id
from services.usecases import activating
from services.usecases.activating import Activating
from services.usecases.backend import TimerView
from tests.graphs import sets, trigger, workflow
from tests.services.triggers.conftest import Gateway


def hooks(name: str, *paths: str, subtype: str = "WEBHOOK", **fields: Any) -> Any:
    """A workflow with a trigger for each path."""
    triggers = []
    for number, path in enumerate(paths):
        one = trigger(f"Hook {number}", subtype, **fields)
        one["parameters"] = {"path": path} if path else {}
        triggers.append(one)
    return workflow(name, [*triggers, sets("Echo", done=True)], *(f"{one['name']} -> Echo" for one in triggers))


async def _refused(call: Any) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION, refused.value
    return str(refused.value.details())


async def test_what_is_on_is_shown_and_turned_off_again(gateway: Gateway) -> None:
    path = new_id()
    workflow_id = await gateway.create(hooks("shown", path))
    assert await gateway.activation(workflow_id) is None
    first = await gateway.activate(workflow_id)
    assert await gateway.activate(workflow_id) == first
    assert await gateway.activation(workflow_id) == first
    assert (first.version, [one.node for one in first.triggers]) == (1, ["Hook 0"])
    listed = await gateway.stub.ListWorkflows(workflow_service_pb2.ListWorkflowsRequest(page_size=1000))
    assert {one.id: one.active_version for one in listed.workflows}[workflow_id] == 1
    await gateway.update(workflow_id, hooks("shown", path, new_id()))
    assert (await gateway.activation(workflow_id)).version == 1
    assert len((await gateway.activate(workflow_id)).triggers) == 2
    await gateway.deactivate(workflow_id)
    await gateway.deactivate(workflow_id)
    assert await gateway.activation(workflow_id) is None
    assert await gateway.count(f"SELECT count(*) FROM trigger_bindings WHERE workflow_id = '{workflow_id}'") == 0


async def test_a_deleted_workflow_is_off(gateway: Gateway) -> None:
    path = new_id()
    workflow_id = await gateway.on(hooks("deleted", path))
    await gateway.stub.DeleteWorkflow(workflow_service_pb2.DeleteWorkflowRequest(workflow_id=workflow_id))
    async with gateway.http() as http:
        assert (await http.post(f"/webhook/{path}")).status_code == 404
    await gateway.on(hooks("heir", path))


async def test_an_address_is_one_workflows(gateway: Gateway) -> None:
    path = new_id()
    await gateway.on(hooks("first", path))
    second = await gateway.create(hooks("second", new_id(), path))
    message = await _refused(gateway.activate(second))
    assert repr(path) in message
    assert "'Hook 1'" in message
    assert await gateway.activation(second) is None
    await gateway.on(hooks("a form", path, subtype="FORM"))


@pytest.mark.parametrize("subtype", ["WEBHOOK", "FORM", "CHAT"])
async def test_without_a_path_an_address_is_not_to_be_guessed_and_stays(gateway: Gateway, subtype: str) -> None:
    workflow_id = await gateway.on(hooks(f"pathless {subtype}", "", "", subtype=subtype))
    first = [list(one.urls) for one in (await gateway.activation(workflow_id)).triggers]
    assert len({url for urls in first for url in urls}) == 2
    assert all(len(urls[0].rsplit("/", 1)[1]) >= 24 for urls in first)
    await gateway.deactivate(workflow_id)
    await gateway.update(workflow_id, hooks("renamed", "", "", subtype=subtype))
    assert [list(one.urls) for one in (await gateway.activate(workflow_id)).triggers] == first


async def test_what_can_not_be_turned_on(gateway: Gateway) -> None:
    manual = await gateway.create(workflow("manual", [trigger(), sets("A", a=1)], "Start -> A"))
    assert "no trigger that starts by itself" in await _refused(gateway.activate(manual))
    disabled = await gateway.create(hooks("disabled", new_id(), disabled=True))
    assert "no trigger that starts by itself" in await _refused(gateway.activate(disabled))
    secretless = hooks("secretless", new_id())
    secretless["nodes"][0]["parameters"]["auth"] = "hmac"
    assert "no credential" in await _refused(gateway.activate(await gateway.create(secretless)))
    with pytest.raises(grpc.aio.AioRpcError) as missing:
        await gateway.activate(new_id())
    assert missing.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_clients_request_id_can_not_be_an_events(gateway: Gateway) -> None:
    workflow_id = await gateway.create(workflow("manual", [trigger(), sets("A", a=1)], "Start -> A"))
    request = execution_pb2.ExecuteWorkflowRequest(workflow_id=workflow_id, request_id="event:abc")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await gateway.stub.ExecuteWorkflow(request)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


class KeptTimers:
    """Keeps what it is told, like Temporal; and like it, is away at times."""

    def __init__(self) -> None:
        self.on: dict[str, str] = {}
        self.away = False

    async def put(self, binding: Binding) -> None:
        self._answer()
        self.on[binding.id] = binding.version_id

    async def remove(self, binding_id: str) -> None:
        self._answer()
        self.on.pop(binding_id, None)

    async def describe(self, binding_ids: Sequence[str]) -> Mapping[str, TimerView]:
        return {}

    def _answer(self) -> None:
        if self.away:
            raise RPCError("away", RPCStatusCode.UNAVAILABLE, b"")


async def test_schedules_follow_even_where_temporal_was_away(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """A webhook stands for a trigger that time drives: what is put and removed is the same."""
    monkeypatch.setattr(activating, "TIMED", frozenset({"WEBHOOK"}))
    assert gateway.server
    timers = KeptTimers()
    use = Activating(replace(gateway.server._backend, timers=timers))
    workflow_id = await gateway.create(hooks("timed", new_id(), new_id()))
    timers.away = True
    shown = await use.activate(workflow_id, 0)
    assert not timers.on
    assert all("Temporal hasn't heard" in one.problem for one in shown.triggers)
    timers.away = False
    # Another process, or this one after a crash.
    await Activating(replace(gateway.server._backend, timers=timers)).settle()
    assert len(timers.on) == 2
    found = await use.get(workflow_id)
    assert found
    assert not any(one.problem for one in found.triggers)
    await gateway.update(workflow_id, hooks("timed", new_id()))
    await use.activate(workflow_id, 0)
    assert len(timers.on) == 1
    timers.away = True
    await use.deactivate(workflow_id)
    assert len(timers.on) == 1
    timers.away = False
    await use.settle()
    assert not timers.on
    assert await gateway.count("SELECT count(*) FROM trigger_unsettled") == 0
