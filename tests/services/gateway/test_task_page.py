"""A task's page for who has signed in: they need no code, and nobody else does without."""

import re
from typing import Any

import httpx
import pytest
from workflow_engine.v1 import execution_pb2 as ex
from workflow_engine.v1 import human_task_pb2 as tasks
from workflow_engine.v1 import workflow_pb2 as flow
from workflow_engine.v1 import workflow_service_pb2 as ws

from services.identity.caller import Role
from services.store.adapters import StoredPeople
from services.store.ids import new_id
from tests.services.identity.conftest import Guarded, Person, guarded
from tests.services.triggers.rig import until

__all__ = ["guarded"]
NO_CODE = "You have signed in as"


async def asked(guarded: Guarded, who: Person) -> tuple[str, str]:
    """A task for somebody, and the path of their link."""
    ask = flow.Node(id="a", name="Ask", type=flow.HUMAN_IN_THE_LOOP_NODE, subtype="APP")
    ask.parameters.update({"title": "Ship it?", "message": "Well?", "assignees": [who.email]})
    start = flow.Node(id="t", name="T", type=flow.TRIGGER_NODE, subtype="MANUAL")
    creating = ws.CreateWorkflowRequest(name="asks", nodes=[start, ask])
    creating.connections.connections["T"].connection_types["main"].connections.add(node="Ask", type=flow.MAIN)
    mine = {"metadata": who.metadata}
    made = await guarded.workflows.CreateWorkflow(creating, **mine)
    started = await guarded.workflows.ExecuteWorkflow(ex.ExecuteWorkflowRequest(workflow_id=made.workflow.id), **mine)
    listing = tasks.ListHumanTasksRequest(execution_id=started.execution_id)

    async def listed() -> Any:
        return (await guarded.stubs["HumanTaskService"].ListHumanTasks(listing, **mine)).tasks

    (task,) = await until(listed)
    assert guarded.server.http
    url = guarded.server.http.url
    link = await StoredPeople(guarded.parts.database, lambda: url).link(task.task_id, who.email)
    assert link
    return task.task_id, link.url.removeprefix(url)


def browser(guarded: Guarded, who: Person | None) -> httpx.AsyncClient:
    """Somebody's, with the cookie of their session."""
    assert guarded.server.http
    url = guarded.server.http.url
    cookies = {"orchestrator_access": who.tokens.access_token} if who else {}
    return httpx.AsyncClient(base_url=url, timeout=60, cookies=cookies, headers={"origin": url})


async def send(http: httpx.AsyncClient, path: str, **more: Any) -> tuple[httpx.Response, httpx.Response]:
    """The page, and what it answers to a decision without a code."""
    page = await http.get(path)
    token = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert token, page.text
    return page, await http.post(path, data={"csrf": token[1], "decision": "approved"}, **more)


async def is_open(guarded: Guarded, task_id: str, who: Person) -> bool:
    request = tasks.GetHumanTaskRequest(task_id=task_id)
    found = await guarded.stubs["HumanTaskService"].GetHumanTask(request, metadata=who.metadata)
    return bool(found.task.status == tasks.TASK_OPEN)


async def test_who_has_signed_in_needs_no_code(guarded: Guarded) -> None:
    workspace = new_id()
    owner = await guarded.person(workspace)
    task_id, path = await asked(guarded, owner)
    async with browser(guarded, owner) as http:
        page, answer = await send(http, path)
    assert NO_CODE in page.text
    assert 'name="code"' not in page.text
    assert (answer.status_code, "Your answer was taken" in answer.text) == (200, True)
    assert not await is_open(guarded, task_id, owner)
    async with guarded.parts.database.single() as connection:
        query = "SELECT actor, workspace, via, address FROM audit_log WHERE object_id = %s AND action = 'task.answer'"
        found = (await connection.exec_driver_sql(query, (task_id,))).all()
    assert [tuple(row) for row in found] == [(owner.email, workspace, "link", "127.0.0.1")]


@pytest.mark.parametrize("visitor", ["nobody", "a colleague", "a viewer", "a stranger"])
async def test_others_need_the_code(guarded: Guarded, visitor: str) -> None:
    workspace = new_id()
    owner = await guarded.person(workspace)
    who: Person | None = None
    match visitor:
        case "a colleague":
            who = await guarded.person(workspace, Role.EDITOR)
        case "a stranger":
            who = await guarded.person(new_id())
        case "a viewer":
            who = owner = await guarded.person(workspace)
    task_id, path = await asked(guarded, owner)
    if visitor == "a viewer":
        async with guarded.parts.database.single() as connection, connection.begin():
            demotion = "UPDATE memberships SET role = 'VIEWER' WHERE user_id = %s"
            await connection.exec_driver_sql(demotion, (owner.id,))
        guarded.server.identity.authenticator._cache.forget(owner.id)
    async with browser(guarded, who) as http:
        page, answer = await send(http, path)
    assert NO_CODE not in page.text
    assert 'name="code"' in page.text
    assert answer.status_code == 422
    assert await is_open(guarded, task_id, owner)


@pytest.mark.parametrize(
    "headers",
    [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}],
    ids=lambda headers: " ".join(headers.values()),
)
async def test_a_session_answers_from_our_own_page_alone(guarded: Guarded, headers: dict[str, str]) -> None:
    owner = await guarded.person(new_id())
    task_id, path = await asked(guarded, owner)
    async with browser(guarded, owner) as http:
        _, answer = await send(http, path, headers=headers)
    assert answer.status_code in (403, 422)
    assert await is_open(guarded, task_id, owner)
