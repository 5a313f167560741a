"""Every page, as a browser shows it: for a keyboard, a screen reader, the dark and a phone; with hostile data."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.web.sample import HOSTILE, failed, task, waiting
from tests.web.stand_in import Refused

if TYPE_CHECKING:
    from playwright.async_api import Page

    from tests.web.stand_in import StandIn

pytestmark = pytest.mark.system

PAGES = {
    "/executions": "Executions",
    "/executions/run-waiting": "Order to shipment",
    "/executions/run-failed": "Order to shipment",
    "/workflows": "Workflows",
    "/workflows/orders": "Order to shipment",
    "/workflows/orders?tab=triggers": "Order to shipment",
    "/workflows/orders?tab=versions": "Order to shipment",
    "/inbox": "Inbox",
    "/inbox/task-1": "Order 4711",
    "/credentials": "Credentials",
    "/settings/members": "Settings",
    "/settings/keys": "Settings",
    "/settings/audit": "Settings",
    "/settings/nothing": "Settings",
    "/nowhere": "Page not found",
}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 800}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 800}},
    "phone": {"viewport": {"width": 375, "height": 740}, "is_mobile": True, "has_touch": True},
}


@pytest.mark.parametrize("look", LOOKS)
async def test_pages_are_accessible(stand_in: "StandIn", make_context: Any, axe: str, look: str) -> None:
    context = await make_context(**LOOKS[look], reduced_motion="reduce")
    page = await context.new_page()
    found: dict[str, Any] = {}
    for path, heading in PAGES.items():
        await page.goto(stand_in.url + path)
        await page.get_by_role("heading", level=1, name=heading).wait_for()
        await _settled(page)
        found |= {f"{path} {problem}": where for problem, where in (await _violations(page, axe)).items()}
        wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{path} is scrolled sideways"
    assert found == {}


@pytest.mark.parametrize("look", LOOKS)
async def test_dialogs_are_accessible(stand_in: "StandIn", make_context: Any, axe: str, look: str) -> None:
    context = await make_context(**LOOKS[look], reduced_motion="reduce")
    page = await context.new_page()
    found: dict[str, Any] = {}
    for path, button in {
        "/workflows/orders": "Run",
        "/workflows": "Import",
        "/workflows/orders?tab=versions": "Restore",
        "/executions/run-failed": "Retry",
        "/executions/run-waiting": "Cancel",
        "/credentials": "Add a credential",
        "/settings/members": "Add a member",
        "/settings/keys": "Make a key",
        "/inbox/task-1": "Reassign",
    }.items():
        await page.goto(stand_in.url + path)
        opener = page.get_by_role("button", name=button, exact=True).first
        await opener.click()
        await page.get_by_role("dialog").wait_for()
        found |= {f"{path} {problem}": where for problem, where in (await _violations(page, axe)).items()}
        await page.keyboard.press("Escape")
        await page.get_by_role("dialog").wait_for(state="detached")
        assert await opener.evaluate("element => element === document.activeElement"), f"{button} got no focus back"
    assert found == {}


async def test_sign_in(stand_in: "StandIn", make_context: Any, axe: str) -> None:
    stand_in.session = None
    page = await (await make_context()).new_page()
    await page.goto(stand_in.url + "/workflows")
    await page.get_by_role("heading", name="Sign in to Orchestrator").wait_for()
    assert await _violations(page, axe) == {}
    await page.keyboard.type("ada@example.com")
    await page.keyboard.press("Tab")
    await page.keyboard.type("wrong")
    await page.keyboard.press("Enter")
    await page.get_by_text("the address or the password is wrong").wait_for()
    await page.get_by_label("Password").fill("correct horse")
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name="Workflows").wait_for()  # the page that was asked for
    await page.get_by_role("button", name="Sign out").click()
    await page.get_by_role("heading", name="Sign in to Orchestrator").wait_for()


async def test_a_session_that_ends_asks_to_sign_in_again(stand_in: "StandIn", make_context: Any) -> None:
    page = await (await make_context()).new_page()
    await page.goto(stand_in.url + "/workflows")
    await page.get_by_role("link", name="Weekly digest").wait_for()
    stand_in.answers["ListExecutions"] = _refuses(Refused(401, "unauthenticated", "the session has ended"))
    stand_in.session = None
    await page.get_by_role("link", name="Executions").click()
    await page.get_by_role("heading", name="Sign in to Orchestrator").wait_for()


async def test_requests_carry_the_token_and_the_workspace(stand_in: "StandIn", make_context: Any) -> None:
    spaces = [{"id": "w1", "name": "Sales", "role": "OWNER"}, {"id": "w2", "name": "Finance", "role": "VIEWER"}]
    stand_in.session = {"user": {"name": "Ada"}, "workspace": spaces[0], "workspaces": spaces, "csrfToken": "token"}
    page = await (await make_context()).new_page()
    await page.goto(stand_in.url + "/workflows")
    await page.get_by_role("link", name="Weekly digest").wait_for()
    _, _, headers = next(call for call in stand_in.calls if call[0] == "ListWorkflows")
    assert (headers["x-csrf-token"], headers["x-workspace"]) == ("token", "w1")
    stand_in.session["workspace"] = spaces[1]
    stand_in.calls.clear()
    await page.get_by_label("Workspace").select_option("w2")
    await page.get_by_role("heading", name="Executions").wait_for()
    await page.get_by_role("link", name="Order to shipment").first.wait_for()
    assert {headers["x-workspace"] for _, _, headers in stand_in.calls} == {"w2"}


async def test_only_what_the_role_allows_is_offered(stand_in: "StandIn", make_context: Any) -> None:
    service = "/workflow_engine.v1.WorkflowService"
    reads = [f"{service}/{name}" for name in ("GetWorkflow", "GetExecution", "ListExecutions", "GetExecutionHistory")]
    stand_in.session = {"local": True, "methods": reads, "csrfToken": "token"}
    page = await (await make_context()).new_page()
    await page.goto(stand_in.url + "/executions/run-failed")
    await page.get_by_role("heading", name="Charge card").wait_for()
    for name in ("Retry", "Delete", "Retry from here"):
        assert await page.get_by_role("button", name=name, exact=True).count() == 0


async def test_hostile_texts_stay_texts(stand_in: "StandIn", make_context: Any) -> None:
    page = await (await make_context()).new_page()
    for path in ("/executions", "/workflows", "/inbox", "/inbox/task-1", "/credentials", "/executions/run-failed"):
        await page.goto(stand_in.url + path)
        await page.locator("main bdi", has_text="<img src=x").first.wait_for()
        assert await page.locator("img").count() == 0
        assert "hacked" not in await page.title()


async def test_large_json_is_not_all_in_the_page(stand_in: "StandIn", make_context: Any) -> None:
    page = await (await make_context()).new_page()
    await page.goto(stand_in.url + "/executions/run-failed")
    panel = page.get_by_role("complementary", name="Node Charge card")
    await panel.get_by_text("12345678901234567890").wait_for()  # not rounded
    await panel.get_by_role("button", name="500 entries").click()
    more = panel.get_by_role("button", name="Show more (450 left)")
    await more.wait_for()
    assert await panel.locator(".json li").count() < 60
    await more.click()
    await panel.get_by_role("button", name="Show more (250 left)").wait_for()


async def test_a_run_is_shown_as_it_goes_on(stand_in: "StandIn", make_context: Any) -> None:
    page = await (await make_context(viewport={"width": 1280, "height": 800})).new_page()
    await page.goto(stand_in.url + "/executions/run-waiting")
    node = page.get_by_role("button", name="Approve order, Waiting, APP")
    await node.wait_for()
    assert await page.get_by_role("button", name="Reserve stock, Completed, × 12, HTTP_REQUEST").count() == 1
    await page.get_by_text("Waits for finance@example.com").first.wait_for()
    await stand_in.happen("run-waiting", _finished(500, "Approve order"))
    await page.get_by_role("button", name="Approve order, Completed, APP").wait_for()
    # The connection breaks; what happened meanwhile comes afterwards, once.
    await stand_in.interrupt()
    await page.get_by_role("alert").get_by_text("The connection is lost").wait_for()
    await stand_in.happen("run-waiting", _finished(501, "Approved?"))
    stand_in.cut.clear()
    await page.get_by_role("button", name="Approved?, Completed, IF").wait_for()
    ended = {**waiting(), "status": "COMPLETED", "finishedAt": "2026-11-26T09:00:00Z"}
    stand_in.answers["GetExecution"] = {"execution": ended}
    await stand_in.happen("run-waiting", {"sequence": "502", "type": "EXECUTION_FINISHED", "execution": ended})
    await page.get_by_role("status").get_by_text("The run has ended: completed").wait_for()
    assert await page.get_by_role("button", name="Pause").count() == 0


async def test_the_graph_by_keyboard(stand_in: "StandIn", make_context: Any) -> None:
    page = await (await make_context(viewport={"width": 1280, "height": 800})).new_page()
    await page.goto(stand_in.url + "/workflows/orders")
    await page.get_by_role("button", name="Order form, FORM").focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("complementary", name="Node Order form").wait_for()
    # Tab leaves the graph after its nodes: it is no trap.
    for _ in range(40):
        await page.keyboard.press("Tab")
    assert not await page.evaluate("Boolean(document.activeElement.closest('.react-flow__node'))")
    # The same as a list.
    await page.get_by_role("tab", name="Graph").focus()
    await page.keyboard.press("ArrowRight")
    table = page.get_by_role("table", name="Nodes of Order to shipment")
    assert await table.get_by_role("row").count() == 26
    await table.get_by_role("button", name="Invoice").click()
    await page.get_by_role("complementary", name="Node Invoice").wait_for()


async def test_the_skip_link_and_the_focus_after_a_change_of_pages(stand_in: "StandIn", make_context: Any) -> None:
    page = await (await make_context()).new_page()
    await page.goto(stand_in.url + "/executions")
    await page.get_by_role("link", name="Order to shipment").first.wait_for()
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.textContent") == "Skip to the content"
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "main"
    await page.get_by_role("link", name="Workflows").focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("link", name="Weekly digest").wait_for()
    assert await page.evaluate("document.activeElement.tagName") == "H1"
    assert await page.title() == "Workflows · Orchestrator"


async def test_running_from_a_form(stand_in: "StandIn", make_context: Any) -> None:
    stand_in.answers["ExecuteWorkflow"] = {"executionId": "run-waiting"}
    page = await (await make_context()).new_page()
    await page.goto(stand_in.url + "/workflows/orders")
    await page.get_by_role("button", name="Run", exact=True).click()
    await page.get_by_role("button", name="Start the run").click()
    await page.get_by_text("Fill in “Customer”.").wait_for()
    await page.locator("[aria-invalid=true]:focus").wait_for()
    await page.get_by_role("textbox", name="Customer").fill("Rossi")
    await page.get_by_label("E-mail").fill("rossi@example.com")
    await page.get_by_label("Quantity").fill("12345678901234567890")
    await page.get_by_label("Express delivery").check()
    await page.get_by_label("Country").select_option("Italy")
    await page.get_by_role("button", name="Start the run").click()
    await page.wait_for_url("**/executions/run-waiting")
    _, sent, _ = next(call for call in stand_in.calls if call[0] == "ExecuteWorkflow")
    assert (sent["mode"], sent["trigger"], sent["version"]) == ("MANUAL", "Order form", 7)
    assert '"quantity": 12345678901234567890' in sent["input"]["json"]
    assert '"express": true' in sent["input"]["json"]
    assert sent["requestId"]


async def test_answering_a_task(stand_in: "StandIn", make_context: Any) -> None:
    def answer(asked: dict[str, Any]) -> dict[str, Any]:
        answered = {**task(), "status": "TASK_ANSWERED", "decision": asked["decision"], "answeredBy": "ada"}
        stand_in.answers["GetHumanTask"] = {"task": answered}
        return {"task": answered}

    stand_in.answers["AnswerHumanTask"] = answer
    page = await (await make_context()).new_page()
    await page.goto(stand_in.url + "/inbox")
    await page.get_by_role("link", name="Order 4711").focus()
    await page.keyboard.press("Enter")
    await page.get_by_label("New credit limit").fill("")
    await page.get_by_role("button", name="Approve").click()
    await page.get_by_text("Fill in “New credit limit”.").wait_for()
    await page.get_by_label("New credit limit").fill("7500.50")
    await page.get_by_label("Comment").fill("called them")
    await page.get_by_role("button", name="Approve").focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("status").get_by_text("Answered: approve").wait_for()
    _, sent, _ = next(call for call in stand_in.calls if call[0] == "AnswerHumanTask")
    assert (sent["decision"], sent["comment"]) == ("approve", "called them")
    assert '"limit": 7500.50' in sent["fieldsJson"]
    await page.get_by_role("link", name="Next task").click()
    await page.wait_for_url("**/inbox/task-2")


async def test_retrying_with_another_input(stand_in: "StandIn", make_context: Any) -> None:
    stand_in.answers["RetryExecution"] = {"executionId": "run-waiting"}
    page = await (await make_context()).new_page()
    await page.goto(stand_in.url + "/executions/run-failed")
    await page.get_by_role("button", name="Retry from here").click()
    await page.get_by_label("Change the node’s input").check()
    field = page.get_by_label("Input, as a JSON list of objects")
    assert "12345678901234567890" in await field.input_value()
    await field.fill("[1]")
    await page.get_by_role("button", name="Start the new run").click()
    await page.get_by_text("Write one JSON object, or a list of objects.").wait_for()
    await field.fill('[{"order": 4712}]')
    await page.get_by_role("button", name="Start the new run").click()
    await page.wait_for_url("**/executions/run-waiting")
    _, sent, _ = next(call for call in stand_in.calls if call[0] == "RetryExecution")
    assert (sent["executionId"], sent["node"]) == (failed()["executionId"], "Charge card")
    assert sent["inputs"] == {"0": {"json": '[{"order": 4712}]'}}


async def test_importing_checks_first(stand_in: "StandIn", make_context: Any, tmp_path: Path) -> None:
    stand_in.answers["CreateWorkflow"] = {"workflow": {"id": "orders"}}
    page = await (await make_context()).new_page()
    await page.goto(stand_in.url + "/workflows")
    await page.get_by_role("button", name="Import").click()
    wrong = {"{": "The file isn’t JSON", "[]": "no JSON object", "{}": "no list of “nodes”"}
    for number, (text, said) in enumerate(wrong.items()):
        file = tmp_path / f"{number}.json"
        file.write_text(text)
        await page.get_by_label("File").set_input_files(file)
        await page.get_by_text(said).wait_for()
        assert await page.get_by_role("button", name="Store").is_disabled()
    file = tmp_path / "right.json"
    file.write_text('{"name": "Mine", "nodes": [{"name": "Start"}], "connections": {}}')
    await page.get_by_label("File").set_input_files(file)
    await page.get_by_text("nothing reads what it sends").last.wait_for()
    assert "CreateWorkflow" not in {method for method, _, _ in stand_in.calls}
    await page.get_by_role("button", name="Store", exact=True).click()
    await page.wait_for_url("**/workflows/orders")
    assert "ExecuteWorkflow" not in {method for method, _, _ in stand_in.calls}


async def test_versions_are_compared(stand_in: "StandIn", make_context: Any) -> None:
    page = await (await make_context()).new_page()
    await page.goto(stand_in.url + "/workflows/orders?tab=versions")
    changes = page.get_by_role("region", name="What changed")
    await changes.get_by_text("Invoice SUBWORKFLOW").wait_for()
    text = await changes.inner_text()
    assert "parameters.url" in text
    assert "http://old.example" in text
    assert "Charge card → Invoice" in text
    await changes.get_by_text("As JSON").click()
    removed = await changes.locator(".diff-lines .removed").all_inner_texts()
    assert any("http://old.example" in line for line in removed)


async def test_errors_say_what_to_do(stand_in: "StandIn", make_context: Any) -> None:
    problem = {"code": "NO_TRIGGER", "node": HOSTILE, "message": "it needs a trigger", "severity": "ERROR"}
    stand_in.answers["ExecuteWorkflow"] = _refuses(Refused(400, "failed_precondition", "it can't run", [problem]))
    stand_in.answers["GetExecution"] = _refuses(Refused(404, "not_found", "there is no such execution"))
    page = await (await make_context()).new_page()
    await page.goto(stand_in.url + "/executions/none")
    await page.get_by_role("alert").get_by_text("there is no such execution").wait_for()
    await page.get_by_text("it is in another workspace").wait_for()
    await page.goto(stand_in.url + "/workflows/orders")
    await page.get_by_role("button", name="Run", exact=True).click()
    await page.get_by_role("button", name="Write JSON instead").click()
    await page.get_by_role("button", name="Start the run").click()
    await page.get_by_role("alert").get_by_text("it needs a trigger").wait_for()


async def test_where_nothing_is_the_next_step_is_shown(stand_in: "StandIn", make_context: Any) -> None:
    stand_in.answers = {}
    page = await (await make_context()).new_page()
    for path, said in {
        "/executions": "Nothing has run yet.",
        "/executions?status=FAILED": "No execution fits these filters.",
        "/workflows": "There are no workflows yet.",
        "/inbox": "Nothing waits for you.",
        "/credentials": "There are no credentials yet.",
        "/settings/keys": "There are no API keys.",
    }.items():
        await page.goto(stand_in.url + path)
        await page.get_by_text(said).wait_for()


async def test_nothing_is_fetched_from_elsewhere(stand_in: "StandIn", make_context: Any) -> None:
    context = await make_context()
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page = await context.new_page()
    for path in PAGES:
        await page.goto(stand_in.url + path)
        await _settled(page)
    assert [url for url in asked if not url.startswith((stand_in.url, "data:", "blob:"))] == []


def _refuses(refused: Refused) -> Any:
    def answer(asked: dict[str, Any]) -> dict[str, Any]:
        raise refused

    return answer


def _finished(sequence: int, node: str) -> dict[str, Any]:
    run = {"node": node, "status": "NODE_COMPLETED", "finishedAt": "2026-11-26T08:30:00Z"}
    return {"sequence": str(sequence), "type": "NODE_FINISHED", "nodeRun": run}


async def _settled(page: "Page") -> None:
    """Waits until nothing says that it is loading."""
    await page.wait_for_selector(".loading", state="detached")


async def _violations(page: "Page", axe: str) -> dict[str, Any]:
    await page.evaluate(axe)
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    run = "tags => axe.run(document, {runOnly: tags, resultTypes: ['violations']})"
    found = await page.evaluate(run, tags)
    return {one["id"]: [node["html"][:300] for node in one["nodes"]][:3] for one in found["violations"]}
