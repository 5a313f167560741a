"""Chats from outside: the page, the API, streams, and whose chat it is."""

import itertools
import json
from typing import Any

import pytest
from lxml import html

from services.store.ids import new_id
from tests.agents.scripted import ScriptedModel
from tests.graphs import flow, node, sets, trigger, workflow
from tests.services.triggers.conftest import Gateway, gateway_on


def chat(path: str, *nodes: dict[str, Any], **parameters: Any) -> Any:
    """Chat -> Say, or Chat -> the nodes."""
    start = trigger("Chat", "CHAT")
    start["parameters"] = {"path": path, "public": True, **parameters}
    chain = [start, *(nodes or (sets("Say", reply="You said {{ $json.message }}"),))]
    return workflow(path, chain, *(f"{a['name']} -> {b['name']}" for a, b in itertools.pairwise(chain)))


async def test_the_api_answers_and_keeps_the_session(gateway: Gateway) -> None:
    path = new_id()
    workflow_id = await gateway.on(chat(path))
    async with gateway.http() as http:
        first = (await http.post(f"/chat/{path}/messages", json={"message": "hi"})).json()
        assert first["reply"] == "You said hi"
        http.cookies.clear()
        body = {"message": "again", "session_id": first["session_id"], "message_id": "m1"}
        second = (await http.post(f"/chat/{path}/messages", json=body)).json()
        third = (await http.post(f"/chat/{path}/messages", json=body)).json()
    assert second == third
    assert second["session_id"] == first["session_id"]
    sessions = [(await gateway.output(one["execution_id"]))["Say"][0]["session_id"] for one in (first, second)]
    assert sessions[0] == sessions[1] == first["session_id"].partition(".")[0]
    assert len(await gateway.runs(workflow_id)) == 2


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"message": ""}, 400),
        ({"message": 5}, 400),
        ({"message": "a\0b"}, 400),
        ({"message": "x" * 40_000}, 400),
        ({"message": "x", "session_id": "guessed"}, 400),
        ({"message": "x", "session_id": "A" * 22 + "." + "A" * 43}, 400),
        ({"message": "x", "session_id": 5}, 400),
        ({"message": "x", "message_id": []}, 400),
        ([], 415),
    ],
)
async def test_hostile_messages_start_nothing(gateway: Gateway, body: Any, status: int) -> None:
    path = new_id()
    workflow_id = await gateway.on(chat(path))
    async with gateway.http() as http:
        response = await http.post(f"/chat/{path}/messages", json=body)
    assert response.status_code == status, response.text
    assert not await gateway.runs(workflow_id)


async def test_a_stream_has_what_the_model_says_and_then_the_reply(gateway: Gateway) -> None:
    model = ScriptedModel()
    model.reply = lambda request: "Hello from the model"
    path = new_id()
    agent = node("Agent", "AI_AGENT_NODE", "ROUTER_AGENT", {"model_name": "m", "base_url": model.url})
    await gateway.on(chat(path, agent))
    events: list[tuple[str, Any]] = []
    async with (
        gateway.http() as http,
        http.stream(
            "POST", f"/chat/{path}/messages", json={"message": "hi"}, headers={"Accept": "text/event-stream"}
        ) as response,
    ):
        assert response.headers["content-type"].startswith("text/event-stream")
        kind = ""
        async for line in response.aiter_lines():
            if line.startswith("event: "):
                kind = line[7:]
            elif line.startswith("data: "):
                events.append((kind, json.loads(line[6:])))
    assert events[0][0] == "started"
    assert events[-1][0] == "reply", events
    assert events[-1][1]["reply"] == "Hello from the model"
    assert {kind for kind, _ in events[1:-1]} <= {"text"}


async def test_the_page_works_without_scripts_and_over_a_restart(gateway: Gateway) -> None:
    path = new_id()
    await gateway.on(chat(path, title="Shop", welcome_message="Ask <me>"))
    async with gateway.http() as http:
        page = html.fromstring((await http.get(f"/chat/{path}")).text)
        assert "Ask <me>" in page.text_content()
        token = page.xpath("//input[@name='form-nonce']/@value")[0]
        sent = await http.post(f"/chat/{path}", data={"message": "<b>one</b>", "form-nonce": token})
        again = await http.post(f"/chat/{path}", data={"message": "<b>one</b>", "form-nonce": token})
        assert (sent.status_code, again.status_code) == (303, 303)
        cookie = sent.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        cookies = dict(http.cookies)
    await gateway.restart()
    async with gateway.http() as http:
        http.cookies.update(cookies)
        text = (await http.get(f"/chat/{path}")).text
        assert html.fromstring(text).xpath("count(//li[@class='me'])") == 1
        assert "You said <b>one</b>" in html.fromstring(text).text_content()
        http.cookies.clear()
        assert "one" not in html.fromstring((await http.get(f"/chat/{path}")).text).xpath("//ol")[0].text_content()


async def test_a_failed_run_says_nothing_of_its_inside(gateway: Gateway) -> None:
    path = new_id()
    await gateway.on(chat(path, flow("Stop", "STOP", message="secret plan")))
    async with gateway.http() as http:
        response = await http.post(f"/chat/{path}/messages", json={"message": "hi"})
    assert response.status_code == 502
    assert response.json()["reason"] == "NOT_ANSWERED"
    assert "secret" not in response.text


async def test_another_sites_page_sends_nothing(gateway: Gateway) -> None:
    path = new_id()
    await gateway.on(chat(path))
    async with gateway.http() as http:
        headers = {"Sec-Fetch-Site": "cross-site"}
        response = await http.post(f"/chat/{path}", data={"message": "x"}, headers=headers)
    assert response.status_code == 403


async def test_a_chat_that_is_not_public_is_for_who_signed_in(
    module_postgres_url: str, temporal_client: Any, tmp_path: Any, gateway: Gateway
) -> None:
    path = new_id()
    await gateway.on(chat(path, public=False))
    async with gateway.http() as http:
        assert (await http.get(f"/chat/{path}")).status_code == 200
    other = gateway_on(module_postgres_url, temporal_client, str(tmp_path), local=False)
    await other.start()
    try:
        async with other.http() as http:
            shown = await http.get(f"/chat/{path}")
            assert (shown.status_code, shown.headers["location"]) == (303, f"/signin?next=/chat/{path}")
            assert (await http.post(f"/chat/{path}/messages", json={"message": "x"})).status_code == 401
            member, stranger = await sign_in(other, "default"), await sign_in(other, new_id())
            for access, status in ((member, 200), (stranger, 401)):
                bearer = {"authorization": f"Bearer {access}"}
                said = await http.post(f"/chat/{path}/messages", json={"message": "Hello"}, headers=bearer)
                assert said.status_code == status, said.text
            session = {"cookie": f"orchestrator_access={member}"}
            assert (await http.get(f"/chat/{path}", headers=session)).status_code == 200
            # A cookie counts for what a page of ours sends, and for nothing else.
            for origin, status in ((other.url, 200), ("https://evil.example", 401), (None, 401)):
                sent = session | ({"origin": origin} if origin else {})
                said = await http.post(f"/chat/{path}/messages", json={"message": "Hello"}, headers=sent)
                assert said.status_code == status, origin
        assert other.parts
        async with other.parts.database.single() as connection:
            found = await connection.exec_driver_sql(
                "SELECT via, workspace, actor <> '' FROM audit_log WHERE action = 'execution.start' AND via = 'chat'"
                " ORDER BY at DESC LIMIT 2"
            )
            assert [tuple(row) for row in found] == [("chat", "default", True)] * 2
    finally:
        await other.stop()


async def sign_in(gateway: Gateway, workspace: str) -> str:
    """The access token of a new member of a workspace."""
    from workflow_engine.v1 import auth_pb2
    from workflow_engine.v1.auth_pb2_grpc import AuthServiceStub

    from services.identity.caller import Role
    from services.identity.passwords import Passwords
    from services.store.identity import members, users

    assert gateway.parts
    email, password = f"{new_id()}@example.org", "correct horse battery staple"
    kept = await Passwords().hash(password)
    async with gateway.parts.database.transaction() as session:
        user = await users.create(session, email, "Somebody", kept)
        if await members.find_workspace(session, workspace) is None:
            await members.make_workspace(session, workspace, workspace)
        await members.add(session, workspace, user.id, Role.VIEWER)
    answer = await AuthServiceStub(gateway.channel).SignIn(auth_pb2.SignInRequest(email=email, password=password))
    return str(answer.tokens.access_token)
