"""Who acts when somebody outside calls: the trigger's activator in its workspace, and never anybody by accident."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from nodes.base import Item
from nodes.files.files import Files
from orchestrator.messages import REVISION
from services.errors import Forbidden
from services.gateway import chats, forms, resuming, webhooks
from services.identity.caller import SYSTEM, Caller, Role, current_caller, forget_caller, set_caller
from services.store.ids import new_id
from services.usecases import firing as firing_module
from services.usecases.firing import Firing, activator
from tests.graphs import flow, sets, trigger, workflow
from tests.services.triggers.conftest import Gateway
from tests.services.triggers.test_chats import chat
from tests.services.triggers.test_forms import form
from tests.services.triggers.test_webhooks import hook

NAME = [{"name": "name", "type": "text"}]
ADDRESSES: list[tuple[str, Callable[[str], Any], dict[str, Any]]] = [
    ("webhook", hook, {"json": {"a": 1}}),
    ("form", lambda path: form(path, fields=NAME), {"data": {"name": "Ada"}}),
    ("chat", chat, {"data": {"message": "Hello"}}),
]


def test_without_a_caller_nothing_is_done() -> None:
    forget_caller()
    with pytest.raises(RuntimeError, match="nobody has said who calls"):
        current_caller()


async def told(gateway: Gateway, execution_id: str, action: str = "execution.start") -> list[tuple[str, ...]]:
    """What the audit log says of who acted: the workspace, the way, and the address."""
    assert gateway.parts
    async with gateway.parts.database.single() as connection:
        found = await connection.exec_driver_sql(
            "SELECT workspace, via, address FROM audit_log WHERE object_id = %s AND action = %s", (execution_id, action)
        )
        return [tuple(row) for row in found]


async def waiting(gateway: Gateway) -> tuple[str, str]:
    """A run that waits for a call, and where."""
    path = new_id()
    tell = sets("Tell", at="{{ $execution.resumeUrl }}")
    await gateway.on(hook(path, tell, flow("Wait", "WAIT", mode="webhook"), sets("After", done=True)))
    async with gateway.http() as http:
        execution_id = (await http.post(f"/webhook/{path}")).json()["execution_id"]
    await gateway.waits(execution_id)
    (said,) = await gateway.node_outputs(execution_id, "Tell")
    return execution_id, said["json"]["at"]


@pytest.mark.parametrize(("kind", "make", "sent"), ADDRESSES)
async def test_each_address_says_who_acts(
    gateway: Gateway, kind: str, make: Callable[[str], Any], sent: dict[str, Any]
) -> None:
    path = new_id()
    workflow_id = await gateway.on(make(path))
    async with gateway.http() as http:
        answer = await http.post(f"/{kind}/{path}", **sent)
        assert answer.status_code < 400, answer.text
    (run,) = await gateway.runs(workflow_id)
    assert await told(gateway, run.execution_id) == [("default", kind, "127.0.0.1")]


async def test_who_calls_a_run_that_waits(gateway: Gateway) -> None:
    execution_id, address = await waiting(gateway)
    async with gateway.http() as http:
        assert (await http.post(address)).status_code == 200
        assert (await http.post(address)).status_code in (409, 410)
    await gateway.ended(execution_id)
    assert await told(gateway, execution_id, "execution.call") == [("default", "webhook", "127.0.0.1")]


def _nobody(caller: Caller) -> None:
    """An entry point that forgets to say who calls."""


@pytest.mark.parametrize(("kind", "make", "sent"), ADDRESSES)
async def test_an_address_that_says_not_who_acts_starts_nothing(
    gateway: Gateway, kind: str, make: Callable[[str], Any], sent: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = new_id()
    workflow_id = await gateway.on(make(path))
    entry = {"webhook": webhooks, "form": forms, "chat": chats}[kind]
    async with gateway.http() as http:
        with monkeypatch.context() as forgetful:
            forgetful.setattr(entry, "set_caller", _nobody)
            answer = await http.post(f"/{kind}/{path}", **sent)
        assert (answer.status_code, answer.json()["reason"]) == (500, "INTERNAL")
    assert await gateway.runs(workflow_id) == []


async def test_a_run_is_called_by_nobody_that_isnt_named(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    execution_id, address = await waiting(gateway)
    async with gateway.http() as http:
        with monkeypatch.context() as forgetful:
            forgetful.setattr(resuming, "set_caller", _nobody)
            assert (await http.post(address)).status_code == 500
        assert (await http.post(address)).status_code == 200
    await gateway.ended(execution_id)


@pytest.mark.parametrize(("deed", "more"), [("fire", (REVISION,)), ("prepare", ())])
async def test_a_schedule_says_who_acts(
    gateway: Gateway, deed: str, more: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = trigger("Clock", "CRON", parameters={"cron": "0 3 1 1 *"})
    workflow_id = await gateway.on(workflow("yearly", [clock, sets("Seen", seen=True)], "Clock -> Seen"))
    assert gateway.server
    firing = Firing(gateway.server._backend)
    assert gateway.parts
    async with gateway.parts.database.single() as connection:
        statement = "SELECT id FROM trigger_bindings WHERE workflow_id = %s"
        binding_id = (await connection.exec_driver_sql(statement, (workflow_id,))).scalar_one()

    async def items(files: Files) -> Sequence[Item]:
        return [{"json": {}}]

    async def act() -> None:
        # As a worker's activity does, which answers no call.
        forget_caller()
        await getattr(firing, deed)(binding_id, "once", items, *more)

    with monkeypatch.context() as forgetful:
        forgetful.setattr(firing_module, "set_caller", _nobody)
        with pytest.raises(RuntimeError, match="nobody has said who calls"):
            await asyncio.create_task(act())
    assert await gateway.runs(workflow_id) == []
    await asyncio.create_task(act())
    (run,) = await gateway.runs(workflow_id)
    assert await told(gateway, run.execution_id) == [("default", "schedule", "")]
    await gateway.deactivate(workflow_id)


@pytest.mark.parametrize(
    "caller",
    [
        pytest.param(Caller("eve", "elsewhere", Role.OWNER, via="webhook"), id="another workspace's"),
        pytest.param(SYSTEM, id="the system"),
        pytest.param(None, id="nobody"),
    ],
)
async def test_no_other_starts_a_triggers_runs(gateway: Gateway, caller: Caller | None) -> None:
    path = new_id()
    workflow_id = await gateway.on(hook(path))
    assert gateway.server
    firing = Firing(gateway.server._backend)
    binding = await firing.at(f"webhook:{path}")
    assert binding

    async def items(files: Files) -> Sequence[Item]:
        return [{"json": {}}]

    async def start() -> str:
        set_caller(caller) if caller else forget_caller()
        return await firing.start(binding, "", items)

    with pytest.raises(Forbidden if caller else RuntimeError):
        await asyncio.create_task(start())
    assert await gateway.runs(workflow_id) == []
    acting = activator(binding, "webhook", "192.0.2.1")
    assert (acting.workspace, acting.role, acting.local) == ("default", Role.OPERATOR, False)
