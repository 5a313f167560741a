"""Who acts when somebody outside calls: the trigger's activator in its workspace, and never anybody by accident."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from nodes.base import Item
from nodes.files.files import Files
from services.errors import Forbidden
from services.identity.caller import SYSTEM, Caller, Role, current_caller, forget_caller, set_caller
from services.store.ids import new_id
from services.usecases.firing import Firing, activator
from tests.services.triggers.conftest import Gateway
from tests.services.triggers.test_chats import chat
from tests.services.triggers.test_forms import form
from tests.services.triggers.test_webhooks import hook

NAME = [{"name": "name", "type": "text"}]


def test_without_a_caller_nothing_is_done() -> None:
    forget_caller()
    with pytest.raises(RuntimeError, match="nobody has said who calls"):
        current_caller()


@pytest.mark.parametrize(
    ("kind", "make", "sent"),
    [
        ("webhook", hook, {"json": {"a": 1}}),
        ("form", lambda path: form(path, fields=NAME), {"data": {"name": "Ada"}}),
        ("chat", chat, {"data": {"message": "Hello"}}),
    ],
)
async def test_each_address_says_who_acts(
    gateway: Gateway, kind: str, make: Callable[[str], Any], sent: dict[str, Any]
) -> None:
    path = new_id()
    workflow_id = await gateway.on(make(path))
    async with gateway.http() as http:
        answer = await http.post(f"/{kind}/{path}", **sent)
        assert answer.status_code < 400, answer.text
    (run,) = await gateway.runs(workflow_id)
    assert gateway.parts
    async with gateway.parts.database.single() as connection:
        found = await connection.exec_driver_sql(
            "SELECT action, workspace, via, address FROM audit_log WHERE object_id = %s", (run.execution_id,)
        )
        assert [tuple(row) for row in found] == [("execution.start", "default", kind, "127.0.0.1")]


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
