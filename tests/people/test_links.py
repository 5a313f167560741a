"""Answers by links in mails: a real mail server, a real browser's requests, and what mail scanners do."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import default
from typing import Any

import httpx
import pytest
from aiosmtpd.smtp import SMTP
from workflow_engine.v1 import execution_pb2 as ex
from workflow_engine.v1 import human_task_pb2 as tasks

from services.gateway import tasks as task_page
from services.usecases import task_links
from temporal.client import AnswerRefusedError
from tests.nodes.mail.server import Mailbox, serving
from tests.people.conftest import Installation, Json, asking


@dataclass
class Letter:
    """A mail with a link."""

    to: str
    subject: str
    path: str
    code: str


@pytest.fixture(scope="module")
def mailbox() -> Iterator[Mailbox]:
    with serving(lambda mailbox: SMTP(mailbox, hostname="mail.test")) as running:
        yield running


async def account(installation: Installation, mailbox: Mailbox) -> str:
    fields = {
        "smtp_host": "127.0.0.1",
        "smtp_port": mailbox.port,
        "smtp_security": "none",
        "from_address": "flow@example.org",
    }
    return await installation.credential("mail_account", fields)


async def letters(mailbox: Mailbox, run_title: str, count: int = 1) -> list[Letter]:
    """The mails about a task, once there are so many."""
    async with asyncio.timeout(60):
        while True:
            found = [one for one in map(read, mailbox.mails) if run_title in one.subject]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.05)


def read(envelope: Any) -> Letter:
    message = message_from_bytes(envelope.content, policy=default)
    text = message.get_content()
    path = re.search(r"https?://[^/\s]+(/task/\S+)", text)
    code = re.search(r"type there: (\d{6})", text)
    assert path, text
    assert code, text
    return Letter(str(message["To"]), str(message["Subject"]), path[1], code[1])


@dataclass
class Browser:
    """Opens links and sends forms as a browser does."""

    http: httpx.AsyncClient

    async def open(self, path: str) -> httpx.Response:
        return await self.http.get(path)

    async def send(self, path: str, decision: str = "approved", code: str = "", **fields: Any) -> httpx.Response:
        shown = await self.open(path)
        token = re.search(r'name="csrf" value="([^"]+)"', shown.text)
        data = {"csrf": token[1] if token else "", "decision": decision, "code": code, **fields}
        return await self.http.post(path, data=data, headers={"origin": str(self.http.base_url).rstrip("/")})


@pytest.fixture
async def browser(installation: Installation) -> AsyncIterator[Browser]:
    async with httpx.AsyncClient(base_url=installation.http.base_url, timeout=60) as http:
        yield Browser(http)


@dataclass
class Case:
    """A run that has asked by mail."""

    run: str
    task: tasks.HumanTask
    letter: Letter


_titles = iter(range(10_000))


async def asked(installation: Installation, mailbox: Mailbox, **parameters: Any) -> Case:
    title = f"Order {next(_titles):05}"
    given = {"to": "ann@example.org", "title": title, **parameters}
    run = await installation.start(asking("GMAIL", await account(installation, mailbox), **given), {"id": 7})
    task = await installation.task(run)
    found = await letters(mailbox, title)
    return Case(run, task, found[0])


async def is_open(installation: Installation, case: Case) -> bool:
    found = await installation.show(case.task.task_id)
    return found.status == tasks.TASK_OPEN and not [event for event in found.events if event.kind == "answered"]


async def test_open_then_confirm(installation: Installation, mailbox: Mailbox, browser: Browser) -> None:
    """CB-040, with the form, and then the link again."""
    fields = [{"name": "amount", "type": "number", "required": True}, {"name": "note", "type": "textarea"}]
    case = await asked(installation, mailbox, fields=fields)
    shown = await browser.open(case.letter.path)
    assert shown.status_code == 200
    assert "Ship 7?" in shown.text
    assert 'type="number" step="any"' in shown.text
    missing = await browser.send(case.letter.path, code=case.letter.code)
    assert missing.status_code == 422
    assert "Amount is missing" in missing.text
    good = await browser.send(case.letter.path, code=case.letter.code, f_amount="90", comment="<b>fine</b>")
    assert good.status_code == 200
    assert "Your answer was taken: Approve" in good.text
    human = await installation.human(case.run)
    assert human["fields"] == {"amount": 90}
    assert (human["answered_by"], human["comment"]) == ("ann@example.org", "<b>fine</b>")
    late = await browser.open(case.letter.path)
    assert (late.status_code, "answered already" in late.text) == (200, True)
    assert (await browser.send(case.letter.path, code=case.letter.code)).status_code in (403, 409)
    shown_task = await installation.show(case.task.task_id)
    assert [event.kind for event in shown_task.events] == ["asked", "delivered", "answered"]
    assert shown_task.answered_via == "GMAIL"


async def test_scanners_decide_nothing(installation: Installation, mailbox: Mailbox, browser: Browser) -> None:
    """CB-041 and CB-042: GET and HEAD, twice, then the form without the code."""
    case = await asked(installation, mailbox)
    for _ in range(2):
        for decision in ("approved", "rejected"):
            assert (await browser.http.get(case.letter.path, params={"decision": decision})).status_code == 200
        assert (await browser.http.head(case.letter.path)).status_code == 200
    for _ in range(2):
        sent = await browser.send(case.letter.path)
        assert sent.status_code == 422
        assert "code" in sent.text
    assert await is_open(installation, case)
    assert (await browser.send(case.letter.path, "rejected", case.letter.code)).status_code == 200
    assert (await installation.human(case.run, "Rejected"))["decision"] == "rejected"


async def test_a_code_cant_be_guessed(installation: Installation, mailbox: Mailbox, browser: Browser) -> None:
    case = await asked(installation, mailbox)
    for attempt in range(10):
        wrong = f"{(int(case.letter.code) + attempt + 1) % 10**6:06}"
        assert (await browser.send(case.letter.path, code=wrong)).status_code == 422
    locked = await browser.send(case.letter.path, code=case.letter.code)
    assert locked.status_code == 409
    assert "too many wrong codes" in locked.text
    assert await is_open(installation, case)
    await cancel(installation, case)


async def test_tampered_and_foreign_tokens(installation: Installation, mailbox: Mailbox, browser: Browser) -> None:
    """CB-046 and CB-047."""
    case, other = await asked(installation, mailbox), await asked(installation, mailbox)
    last = case.letter.path[-1]
    altered = case.letter.path[:-1] + ("A" if last != "A" else "B")
    for response in (await browser.open(altered), await browser.http.post(altered, data={"decision": "approved"})):
        assert response.status_code == 404
        assert "nothing at this address" in response.text
        assert "Order" not in response.text
    page = await browser.open(other.letter.path)
    token = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert token
    data = {"csrf": token[1], "decision": "approved", "code": other.letter.code}
    assert (await browser.http.post(case.letter.path, data=data)).status_code == 403
    crossed = await browser.send(case.letter.path, code=other.letter.code)
    assert crossed.status_code == 422 or other.letter.code == case.letter.code
    assert await is_open(installation, case)
    assert await is_open(installation, other)
    await cancel(installation, case)
    await cancel(installation, other)


async def test_after_the_run_was_canceled(installation: Installation, mailbox: Mailbox, browser: Browser) -> None:
    """CB-050."""
    case = await asked(installation, mailbox)
    page = await browser.open(case.letter.path)
    token = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert token
    await cancel(installation, case)
    data = {"csrf": token[1], "decision": "approved", "code": case.letter.code}
    sent = await browser.http.post(case.letter.path, data=data)
    assert sent.status_code == 409
    assert "nothing to decide any more" in sent.text
    assert "nothing to decide any more" in (await browser.open(case.letter.path)).text


async def test_a_reminders_link_leads_to_the_same_decision(
    installation: Installation, mailbox: Mailbox, browser: Browser
) -> None:
    """CB-051: the old link answers as well as the new one, and both at once answer once."""
    case = await asked(installation, mailbox, reminders=["100ms"])
    first, second = await letters(mailbox, case.letter.subject, 2)
    assert second.subject == f"Reminder: {case.letter.subject}"
    assert (first.path, first.code) != (second.path, second.code)
    assert (await browser.open(second.path)).status_code == 200
    assert (await browser.send(first.path, code=first.code)).status_code == 200
    assert (await browser.send(second.path, "rejected", second.code)).status_code in (403, 409)
    assert (await installation.human(case.run))["decision"] == "approved"


async def test_links_of_who_may_not_answer_any_more_are_dead(
    installation: Installation, mailbox: Mailbox, browser: Browser
) -> None:
    """CB-052."""
    case = await asked(installation, mailbox)
    await installation.people.ReassignHumanTask(
        tasks.ReassignHumanTaskRequest(task_id=case.task.task_id, assignees=["bob@example.org"], reason="on leave")
    )
    assert (await browser.open(case.letter.path)).status_code == 404
    assert (await browser.send(case.letter.path, code=case.letter.code)).status_code == 404
    _, new = await letters(mailbox, case.letter.subject, 2)
    assert (new.to, new.subject) == ("bob@example.org", f"Given to you: {case.letter.subject}")
    assert (await browser.send(new.path, code=new.code)).status_code == 200
    assert (await installation.human(case.run))["answered_by"] == "bob@example.org"


async def test_a_task_is_handed_on_before_the_run_waits(
    installation: Installation, mailbox: Mailbox, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """People hear of a task a moment before."""
    case = await asked(installation, mailbox)
    runs: Any = installation.server._backend.runs
    reassign, refused = runs.reassign, []

    async def early(*given: Any) -> int:
        if not refused:
            refused.append(given)
            raise AnswerRefusedError("NOT_WAITING", "the run doesn't wait yet")
        return int(await reassign(*given))

    monkeypatch.setattr(runs, "reassign", early)
    changed = await installation.people.ReassignHumanTask(
        tasks.ReassignHumanTaskRequest(task_id=case.task.task_id, assignees=["bob@example.org"])
    )
    assert (len(refused), list(changed.task.assignees)) == (1, ["bob@example.org"])
    await cancel(installation, case)


async def test_the_requester_cant_approve(installation: Installation, mailbox: Mailbox, browser: Browser) -> None:
    """CB-053."""
    case = await asked(installation, mailbox, requester="ann@example.org", exclude_requester=True)
    sent = await browser.send(case.letter.path, code=case.letter.code)
    assert sent.status_code == 409
    assert "another person must decide" in sent.text
    assert await is_open(installation, case)
    await cancel(installation, case)


async def test_two_of_three(installation: Installation, mailbox: Mailbox, browser: Browser) -> None:
    """CB-054."""
    to = "a@example.org, b@example.org, c@example.org"
    case = await asked(installation, mailbox, to=to, approvals_required=2)
    by_person = {one.to: one for one in await letters(mailbox, case.letter.subject, 3)}
    a, b = by_person["a@example.org"], by_person["b@example.org"]
    assert "1 of 2" in (await browser.send(a.path, code=a.code)).text
    again = await browser.send(a.path, code=a.code)
    assert again.status_code == 409
    assert "another person must agree" in again.text
    found = await installation.show(case.task.task_id)
    assert found.status == tasks.TASK_OPEN
    assert len([event for event in found.events if event.kind == "answered"]) == 1
    assert (await browser.send(b.path, code=b.code)).status_code == 200
    human = await installation.human(case.run)
    assert human["answered_by"] == "a@example.org, b@example.org"


async def test_cross_site_and_framing(installation: Installation, mailbox: Mailbox, browser: Browser) -> None:
    """CB-055 and CB-056."""
    case = await asked(installation, mailbox)
    page = await browser.open(case.letter.path)
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["referrer-policy"] == "same-origin"
    assert "httponly" in page.headers["set-cookie"].lower()
    assert "samesite=strict" in page.headers["set-cookie"].lower()
    token = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert token
    good = {"csrf": token[1], "decision": "approved", "code": case.letter.code}
    foreign: list[tuple[Json, Json]] = [
        ({**good, "csrf": ""}, {}),
        ({**good, "csrf": "x" * 43}, {}),
        (good, {"origin": "https://evil.example"}),
        (good, {"origin": "null"}),
        (good, {"sec-fetch-site": "cross-site"}),
    ]
    for data, headers in foreign:
        assert (await browser.http.post(case.letter.path, data=data, headers=headers)).status_code == 403
    async with httpx.AsyncClient(base_url=installation.http.base_url) as without_cookie:
        assert (await without_cookie.post(case.letter.path, data=good)).status_code == 403
    assert await is_open(installation, case)
    await cancel(installation, case)


async def test_a_link_says_who_acts(
    installation: Installation, mailbox: Mailbox, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = await asked(installation, mailbox)

    def nobody(caller: Any) -> None:
        """An entry point that forgets to say who calls."""

    with monkeypatch.context() as forgetful:
        for entry in (task_page, task_links):
            forgetful.setattr(entry, "set_caller", nobody)
        assert (await browser.send(case.letter.path, code=case.letter.code)).status_code == 500
    assert await is_open(installation, case)
    assert (await browser.send(case.letter.path, code=case.letter.code)).status_code == 200
    async with installation.parts.database.single() as connection:
        query = "SELECT actor, workspace, via, address FROM audit_log WHERE object_id = %s AND action = 'task.answer'"
        found = (await connection.exec_driver_sql(query, (case.task.task_id,))).all()
    assert [tuple(row) for row in found] == [("ann@example.org", "default", "link", "127.0.0.1")]


async def test_gmail(installation: Installation, browser: Browser) -> None:
    """Through Gmail's API, with a token that was authorised."""
    import base64
    from datetime import UTC, datetime, timedelta

    from nodes.credentials.oauth2 import Tokens
    from services.store import integrations as stored
    from services.store import integrations_tokens

    credential = await installation.credential("gmail_oauth2", {"client_id": "c", "client_secret": "s"})
    keys = installation.parts.integrations.keys
    assert keys
    async with installation.parts.database.transaction() as session:
        row = await stored.find(session, "default", credential)
        assert row
        tokens = Tokens("ya29.token", "", datetime.now(UTC) + timedelta(hours=1))
        await integrations_tokens.save(session, row, tokens, keys)
    flow = asking("GMAIL", credential, to="ann@example.org", base_url=installation.chat.url)
    run = await installation.start(flow, {"id": 9})
    (sent,) = await installation.chat.wait("/messages/send")
    raw = base64.urlsafe_b64decode(sent["raw"] + "==")
    letter = read(type("Envelope", (), {"content": raw}))
    assert letter.to == "ann@example.org"
    assert "Bearer ya29.token" in installation.chat.authorizations
    await installation.task(run)
    assert (await browser.send(letter.path, code=letter.code)).status_code == 200
    assert (await installation.human(run))["decision"] == "approved"


async def cancel(installation: Installation, case: Case) -> None:
    await installation.stub.CancelExecution(ex.CancelExecutionRequest(execution_id=case.run))
    await installation.task(case.run, tasks.TASK_CANCELED)
