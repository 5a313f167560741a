"""EMAIL on Dovecot: one run for each message, whatever is restarted, fails, or is swapped."""

import asyncio
import imaplib
import time
from collections import Counter
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import pytest

from activities.ports import StoreUnavailableError
from activities.triggers import polling
from activities.triggers.ports import Binding, PollState
from services.store.ids import new_id
from services.store.triggers.polling import StoredPolls
from tests.graphs import sets, trigger, workflow
from tests.nodes.mail.dovecot import Dovecot, running
from tests.services.triggers.rig import Rig, Run, until

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with running() as server:
        yield server


class Mailbox:
    """A mailbox of the test's own, and the workflow that watches it."""

    def __init__(self, dovecot: Dovecot) -> None:
        self.user = new_id()
        self.dovecot = dovecot
        self.delivered: list[str] = []

    async def definition(self, rig: Rig, password: str = "s3cret", **parameters: Any) -> dict[str, Any]:
        """A workflow with a credential of its own."""
        account = {
            "username": self.user,
            "password": password,
            "imap_host": "127.0.0.1",
            "imap_port": self.dovecot.plain,
            "imap_security": "none",
        }
        credential = await rig.credential("mail_account", account)
        watching = trigger(
            "Mail", "EMAIL", parameters={"poll_interval": "1s", **parameters}, credentials={"auth": credential}
        )
        return workflow("mails", [watching, sets("Seen", read=True)], "Mail -> Seen")

    def deliver(self, count: int = 1, attachment: bytes = b"") -> None:
        """Puts messages into the mailbox."""
        client = self.dovecot.client(self.user)
        for _ in range(count):
            mail = EmailMessage()
            subject = f"message {len(self.delivered)}"
            mail["From"], mail["To"], mail["Subject"] = "ben@x.example", "ann@x.example", subject
            mail.set_content("hello")
            if attachment:
                mail.add_attachment(attachment, maintype="application", subtype="pdf", filename="bill.pdf")
            client.append("INBOX", "", imaplib.Time2Internaldate(time.time()), mail.as_bytes())
            self.delivered.append(subject)
        client.logout()

    def unseen(self) -> int:
        """How many messages nobody has read."""
        client = self.dovecot.client(self.user)
        client.select("INBOX", readonly=True)
        _, found = client.search(None, "UNSEEN")
        client.logout()
        return len(found[0].split())

    async def all_ran(self, rig: Rig, workflow_id: str, expected: list[str]) -> list[Run]:
        """The runs, once there is one for each message; none has two."""

        async def enough() -> list[Run]:
            runs = await rig.runs(workflow_id)
            done = len(runs) >= len(expected) and all(run.status == "COMPLETED" for run in runs)
            return runs if done else []

        runs: list[Run] = await until(enough)
        assert Counter(run.item["json"]["subject"] for run in runs) == Counter(expected)
        return runs


@pytest.fixture
def mailbox(dovecot: Dovecot) -> Mailbox:
    return Mailbox(dovecot)


async def test_bursts_and_restarts(rig: Rig, mailbox: Mailbox) -> None:
    mailbox.deliver(3)
    mailbox.delivered.clear()
    workflow_id = await rig.create(await mailbox.definition(rig, mark_seen=True))
    binding = await rig.turn_on(workflow_id)
    assert list(await rig.timers.describe([binding])) == [binding]
    mailbox.deliver(10, attachment=b"%PDF")
    await until(lambda: rig.runs(workflow_id))
    await rig.stop_worker()
    mailbox.deliver(7)
    await rig.start_worker()
    mailbox.deliver(3)
    runs = await mailbox.all_ran(rig, workflow_id, mailbox.delivered)
    assert {(run.mode, run.trigger) for run in runs} == {("TRIGGER", "Mail")}

    async def all_seen() -> bool:
        return mailbox.unseen() == 3

    await until(all_seen)
    with_file = next(run for run in runs if "files" in run.item)
    files = rig.parts.resources.files.of("default", with_file.id)
    assert await files.read(with_file.item["files"]["attachment_1"], limit=10) == b"%PDF"
    row = await rig.binding(binding)
    assert row.problem == ""
    assert row.last_execution_id in {run.id for run in runs}


async def test_mail_between_activation_and_the_first_poll(rig: Rig, mailbox: Mailbox) -> None:
    await rig.stop_worker()
    workflow_id = await rig.create(await mailbox.definition(rig))
    await rig.turn_on(workflow_id)
    mailbox.deliver(2)
    await rig.start_worker()
    await mailbox.all_ran(rig, workflow_id, mailbox.delivered)


async def test_a_crash_between_the_runs_and_the_cursor(
    rig: Rig, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow_id = await rig.create(await mailbox.definition(rig))
    await rig.turn_on(workflow_id)
    save, crashes = StoredPolls.save, 3

    async def crashing(self: StoredPolls, binding: Binding, state: PollState) -> None:
        nonlocal crashes
        if crashes and await rig.runs(workflow_id):
            crashes -= 1
            raise StoreUnavailableError("gone in this moment")
        await save(self, binding, state)

    monkeypatch.setattr(StoredPolls, "save", crashing)
    mailbox.deliver(5)

    async def crashed() -> bool:
        return crashes == 0

    await until(crashed)
    mailbox.deliver(2)
    await mailbox.all_ran(rig, workflow_id, mailbox.delivered)


async def test_pollers_that_overlap(rig: Rig, mailbox: Mailbox) -> None:
    workflow_id = await rig.create(await mailbox.definition(rig))
    binding = await rig.turn_on(workflow_id)
    mailbox.deliver(8)
    await asyncio.gather(*(rig.poller.poll(binding) for _ in range(3)))
    await mailbox.all_ran(rig, workflow_id, mailbox.delivered)


async def test_a_new_version_goes_on_where_the_old_was(rig: Rig, mailbox: Mailbox) -> None:
    definition = await mailbox.definition(rig)
    workflow_id = await rig.create(definition)
    await rig.turn_on(workflow_id)
    mailbox.deliver(2)
    await mailbox.all_ran(rig, workflow_id, mailbox.delivered)
    await rig.stop_worker()
    mailbox.deliver(2)
    await rig.update(workflow_id, definition)
    await rig.turn_on(workflow_id)
    mailbox.deliver(1)
    await rig.start_worker()
    runs = await mailbox.all_ran(rig, workflow_id, mailbox.delivered)
    assert [run.version for run in runs] == [1, 1, 2, 2, 2]

    await rig.turn_off(workflow_id)
    mailbox.deliver(2)
    before = list(mailbox.delivered)
    async with rig.parts.database.driver() as connection:
        rows = await (await connection.execute("SELECT count(*) FROM polling_states")).fetchone()
    assert rows is not None
    assert rows[0] == 0
    # What arrives while it is off is none of its events.
    await rig.turn_on(workflow_id)
    mailbox.deliver(1)
    await mailbox.all_ran(rig, workflow_id, before[:-2] + mailbox.delivered[-1:])


@pytest.mark.parametrize(
    ("wrong", "says"),
    [({"password": "wrong"}, "refuses the credential"), ({"mailbox": "Nowhere"}, "has no such mailbox")],
)
async def test_what_goes_wrong_is_shown_and_tried_again(
    wrong: dict[str, Any], says: str, rig: Rig, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "_FIRST_DELAY", 0.1)
    workflow_id = await rig.create(await mailbox.definition(rig, **wrong))
    binding = await rig.turn_on(workflow_id)
    problem = (await rig.shown(workflow_id)).problem
    assert says in problem
    assert "wrong" not in problem

    async def backing_off() -> bool:
        state = await rig.poller.polls.load(await rig.firing.binding(binding))
        return state is not None and state.failures >= 2

    await until(backing_off)
    await rig.update(workflow_id, await mailbox.definition(rig))
    binding = await rig.turn_on(workflow_id)
    mailbox.deliver(1)
    await mailbox.all_ran(rig, workflow_id, mailbox.delivered)
    assert (await rig.binding(binding)).problem == ""
