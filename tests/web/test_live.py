"""The web on everything real: PostgreSQL, Temporal, the API, a worker, the gateway, a browser."""

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from services.store.keyring import new_key
from tests.graphs import flow, javascript, node, sets, trigger, workflow
from tests.services.triggers.test_chats import chat
from tests.services.triggers.test_forms import form

if TYPE_CHECKING:
    from playwright.async_api import Page
    from temporalio.client import Client

    from services.wiring import Server

pytestmark = pytest.mark.system

_EMAIL = "ada@example.com"
_PASSWORD = "correct horse battery staple"
_KEY = new_key()
_WIDE = {"width": 1280, "height": 900}


@pytest.fixture
async def local(postgres_url: str, temporal_client: "Client") -> "AsyncIterator[Server]":
    """A server of one's own machine, where nobody signs in."""
    async for server in _served(postgres_url, temporal_client, local=True):
        yield server


@pytest.fixture
async def guarded(postgres_url: str, temporal_client: "Client") -> "AsyncIterator[Server]":
    """A server that asks everybody to sign in; Ada owns a workspace."""
    await _command(postgres_url, "users", "create", _EMAIL, "--owner", "--password-stdin")
    async for server in _served(postgres_url, temporal_client, local=False):
        yield server


async def test_a_run_is_started_and_watched(local: "Server", make_context: Any) -> None:
    fields = [{"name": "count", "type": "number", "required": True}, {"name": "who", "type": "text"}]
    made = workflow(
        "Greetings",
        [
            node("Called", "TRIGGER_NODE", "SUBWORKFLOW", {"fields": fields}),
            javascript("Make lines", "return Array.from({length: items[0].count}, (_, n) => ({n}))"),
            flow("Each", "LOOP"),
            sets("Greet", greeting="hello"),
            sets("Sum up", done=True),
        ],
        "Called -> Make lines",
        "Make lines -> Each",
        "Each.body -> Greet",
        "Greet -> Each",
        "Each.done -> Sum up",
    )
    page = await (await make_context(viewport=_WIDE)).new_page()
    await _store(page, local, made)
    await page.get_by_role("button", name="Run", exact=True).click()
    await page.get_by_label("count").fill("4")
    await page.get_by_label("who (optional)").fill("<b>Ada</b> 👋")
    await page.get_by_role("button", name="Start the run").click()
    await page.get_by_role("status").get_by_text("The run has ended: completed").wait_for()
    await page.get_by_role("button", name="Greet, Completed, × 4").click()
    panel = page.get_by_role("complementary", name="Node Greet")
    await panel.get_by_text("greeting").first.wait_for()
    await panel.get_by_label("Run", exact=True).select_option(label="Run 2 · Completed")
    await panel.get_by_text("n: 1").first.wait_for()
    await panel.get_by_role("button", name="Retry from here").click()
    await page.get_by_role("button", name="Close", exact=True).first.click()
    await page.get_by_role("link", name="Executions").first.click()
    await page.get_by_role("link", name="Greetings").first.wait_for()


async def test_a_failure_is_shown_and_retried(local: "Server", make_context: Any) -> None:
    made = workflow(
        "Divides",
        [trigger(), javascript("Divide", "if (!items[0].by) throw new Error('by is missing'); return items")],
        "Start -> Divide",
    )
    page = await (await make_context(viewport=_WIDE)).new_page()
    await _store(page, local, made)
    await page.get_by_role("button", name="Run", exact=True).click()
    await page.get_by_role("button", name="Start the run").click()
    await page.get_by_role("region", name="Why it failed").get_by_text("by is missing").wait_for()
    await page.get_by_role("button", name="Retry from here").click()
    await page.get_by_label("Change the node’s input").check()
    await page.get_by_label("Input, as a JSON list of objects").fill('[{"by": 2}]')
    first = page.url
    await page.get_by_role("button", name="Start the new run").click()
    await page.wait_for_url(lambda url: url != first)
    await page.get_by_role("status").get_by_text("The run has ended: completed").wait_for()
    await page.get_by_text("Retries").wait_for()


async def test_every_address_of_the_web_is_served(local: "Server", make_context: Any) -> None:
    page = await (await make_context()).new_page()
    for path in ("", "executions", "executions/x", "workflows", "workflows/x", "inbox", "credentials", "settings"):
        answer = await page.goto(f"{_url(local)}/{path}")
        assert answer is not None
        assert answer.status == 200, path
        await page.get_by_role("navigation", name="Main").wait_for()


async def test_from_signing_in_to_the_approval(guarded: "Server", make_context: Any) -> None:
    fields = [
        {"name": "customer", "label": "Customer", "type": "text", "required": True},
        {"name": "amount", "label": "Amount", "type": "number", "required": True},
    ]
    made = workflow(
        "Refunds",
        [
            node("Ask for a refund", "TRIGGER_NODE", "FORM", {"title": "Refund", "fields": fields}),
            node(
                "Approve",
                "HUMAN_IN_THE_LOOP_NODE",
                "APP",
                {"message": "Refund {{ $json.amount }} to {{ $json.customer }}?", "assignees": [_EMAIL]},
            ),
            sets("Pay", paid=True),
            sets("Refuse", paid=False),
        ],
        "Ask for a refund -> Approve",
        "Approve.approved -> Pay",
        "Approve.rejected -> Refuse",
    )
    page = await (await make_context(viewport=_WIDE)).new_page()
    await page.goto(_url(guarded))
    await page.get_by_label("E-mail address").fill(_EMAIL)
    await page.get_by_label("Password").fill(_PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("heading", name="Executions").wait_for()
    await _store(page, guarded, made)
    await page.get_by_role("button", name="Run", exact=True).click()
    await page.get_by_label("Customer").fill("Rossi")
    await page.get_by_label("Amount").fill("129.90")
    await page.get_by_role("button", name="Start the run").click()
    await page.get_by_role("button", name="Approve, Waiting").wait_for()
    watching = page.url
    inbox = await page.context.new_page()
    await inbox.goto(f"{_url(guarded)}/inbox")
    await inbox.get_by_role("link", name="Approve").first.click()
    await inbox.get_by_text("Refund 129.9 to Rossi?").wait_for()
    await inbox.get_by_label("Comment").fill("called them")
    await inbox.get_by_role("button", name="Approved", exact=True).click()
    await inbox.get_by_role("status").get_by_text("Answered: approved").wait_for()
    # The first page has stood open all the time, and was told.
    assert page.url == watching
    await page.get_by_role("status").get_by_text("The run has ended: completed").wait_for()
    await page.get_by_role("button", name="Pay, Completed").wait_for()
    assert await page.get_by_role("button", name="Refuse, Completed").count() == 0


async def test_signing_in_without_a_script(guarded: "Server", make_context: Any) -> None:
    """A browser says where the form comes from, and isn't refused for what it says."""
    page = await (await make_context(java_script_enabled=False)).new_page()
    posts: list[Any] = []
    page.on("request", lambda request: posts.append(request) if request.method == "POST" else None)
    await page.goto(f"{_url(guarded)}/signin?next=/docs")
    for password in ("wrong", _PASSWORD):
        await page.get_by_label("E-mail address").fill(_EMAIL)
        await page.get_by_label("Password").fill(password)
        await page.get_by_role("button", name="Sign in").click()
        if password == "wrong":
            await page.get_by_role("alert").get_by_text("the password is wrong").wait_for()
    await page.wait_for_url(f"{_url(guarded)}/docs")
    assert [(await post.all_headers())["origin"] for post in posts] == [_url(guarded)] * 2
    session = await (await page.request.get(f"{_url(guarded)}/api/v1/session")).json()
    assert session["user"]["email"] == _EMAIL


@pytest.mark.parametrize("script", [True, False], ids=["with a script", "without"])
async def test_outsiders_pages(local: "Server", make_context: Any, axe: str, script: bool) -> None:
    """A chat and a form, whose pages may load nothing but our own style sheet and script."""
    page = await (await make_context(java_script_enabled=script)).new_page()
    for made in (chat("talk", title="Ask us", welcome_message="Hello!"), form("order")):
        answer = await page.request.post(f"{_url(local)}/api/v1/workflows", data=made)
        workflow_id = (await answer.json())["workflow"]["id"]
        activated = await page.request.post(f"{_url(local)}/api/v1/workflows/{workflow_id}:activate", data={})
        assert activated.ok, await activated.text()
    await page.goto(f"{_url(local)}/chat/talk")
    assert await page.evaluate("getComputedStyle(document.querySelector('.log')).listStyleType") == "none"
    await page.get_by_label("Your message").fill("good morning")
    await page.get_by_role("button", name="Send").click()
    await page.get_by_text("You said good morning").wait_for()
    if script:
        assert page.url == f"{_url(local)}/chat/talk"
        await page.evaluate(axe)
        assert [one["id"] for one in (await page.evaluate("axe.run()"))["violations"]] == []
    await page.goto(f"{_url(local)}/form/order")
    if script:
        await page.evaluate(axe)
        assert [one["id"] for one in (await page.evaluate("axe.run()"))["violations"]] == []
    for label, value in (("Your <name>", "Ada"), ("price", "1.50"), ("mail", "ada@example.org")):
        if await page.get_by_label(label).count():
            await page.get_by_label(label).fill(value)
    await page.get_by_label("agreed").check()
    await page.get_by_label("size").select_option("M")
    await page.get_by_role("button", name="Send").click()
    await page.get_by_role("status").get_by_text("See you.").wait_for()


async def _served(database_url: str, client: "Client", *, local: bool) -> "AsyncIterator[Server]":
    from services import wiring
    from services.settings import Settings

    settings = Settings(
        database_url=database_url,
        secret_key=_KEY,
        grpc_host="127.0.0.1",
        grpc_port=0,
        http_host="127.0.0.1",
        http_port=0,
        orchestrator_task_queue=f"web-{secrets.token_hex(4)}",
        orchestrator_shutdown_seconds=1,
        orchestrator_drain_seconds=0,
    )
    parts = wiring.build_parts(settings)
    server = wiring.build_server(settings, client, parts=parts, eager=True, role=wiring.ServerRole(local=local))
    worker = wiring.build_worker(settings, client, parts=parts)
    await worker.start()
    await server.start()
    yield server
    await server.stop()
    await worker.stop()
    await parts.close()


async def _command(database_url: str, *arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("orchestrator")),
        *arguments,
        env={**os.environ, "DATABASE_URL": database_url, "SECRET_KEY": _KEY},
        stdin=asyncio.subprocess.PIPE,
    )
    await process.communicate(_PASSWORD.encode())
    assert process.returncode == 0


async def _store(page: "Page", server: "Server", definition: dict[str, Any]) -> None:
    """Stores a workflow as a page of ours would, and opens it."""
    session = await (await page.request.get(f"{_url(server)}/api/v1/session")).json()
    path = f"{_url(server)}/workflow_engine.v1.WorkflowService/CreateWorkflow"
    proof = {"x-csrf-token": session["csrfToken"], "origin": _url(server)}
    answer = await page.request.post(path, data=definition, headers=proof)
    assert answer.ok, await answer.text()
    await page.goto(f"{_url(server)}/workflows/{(await answer.json())['workflow']['id']}")


def _url(server: "Server") -> str:
    assert server.http
    return server.http.url
