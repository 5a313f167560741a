"""Following a mailbox on Dovecot: each message once, whatever happens to its numbers."""

import imaplib
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest

from nodes.errors import PermanentError
from nodes.mail import following
from nodes.mail.criteria import Criteria
from nodes.mail.following import Arrived, mark_seen, news, present_end
from nodes.mail.imap import Found, ImapAccount
from nodes.mail.position import Described, Position
from nodes.mail.reading import Reading
from tests.nodes.mail.dovecot import Dovecot, running
from tests.nodes.tool.parts import MemoryFiles

pytestmark = pytest.mark.system
ANY = Criteria()


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with running() as server:
        yield server


@pytest.fixture
def user(dovecot: Dovecot, request: pytest.FixtureRequest) -> str:
    """A user of the test's own."""
    return f"u{abs(hash(request.node.nodeid)) % 10**9}"


def account(dovecot: Dovecot, user: str) -> ImapAccount:
    return ImapAccount("127.0.0.1", dovecot.plain, user, "s3cret", ["127.0.0.1"], "none")


def deliver(dovecot: Dovecot, user: str, *subjects: str, at: datetime | None = None, **more: Any) -> None:
    client = dovecot.client(user)
    for subject in subjects:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "ben@x.example", f"{user}@x.example", subject
        mail["Message-ID"] = f"<{subject}@x.example>"
        mail.set_content(more.get("text", "hello"))
        when = imaplib.Time2Internaldate((at or datetime.now(UTC)).timestamp())
        assert client.append("INBOX", "", when, mail.as_bytes())[0] == "OK"
    client.logout()


async def read(dovecot: Dovecot, user: str, position: Position, **criteria: Any) -> tuple[list[str], Position]:
    """The subjects of all news, and the position after them, as it is kept."""
    subjects, more = [], True
    while more:
        found = await news(account(dovecot, user), "INBOX", Criteria(**criteria), position, 30)
        subjects += [one.found.message.subject for one in found.messages if one.found]
        position, more = Position.read(found.position.state()), found.more
    return subjects, position


async def test_only_what_arrives_after_the_beginning(dovecot: Dovecot, user: str) -> None:
    deliver(dovecot, user, "old", "older")
    position = await present_end(account(dovecot, user), "INBOX", 30)
    assert await read(dovecot, user, position) == ([], position)
    deliver(dovecot, user, "a", "b")
    subjects, position = await read(dovecot, user, position)
    assert subjects == ["a", "b"]
    assert await read(dovecot, user, position) == ([], position)


async def test_an_empty_mailbox(dovecot: Dovecot, user: str) -> None:
    position = await present_end(account(dovecot, user), "INBOX", 30)
    deliver(dovecot, user, "first")
    assert (await read(dovecot, user, position))[0] == ["first"]


async def test_batches(dovecot: Dovecot, user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "_MOST_MESSAGES", 3)
    monkeypatch.setattr(following, "_MOST_LOOKED_AT", 4)
    position = await present_end(account(dovecot, user), "INBOX", 30)
    subjects = [f"m{number}" for number in range(11)]
    deliver(dovecot, user, *subjects)
    assert (await read(dovecot, user, position))[0] == subjects


async def test_what_does_not_fit_is_passed(dovecot: Dovecot, user: str) -> None:
    position = await present_end(account(dovecot, user), "INBOX", 30)
    deliver(dovecot, user, "bill 1", "news", "bill 2", "more news")
    subjects, position = await read(dovecot, user, position, subject="bill")
    assert subjects == ["bill 1", "bill 2"]
    assert await read(dovecot, user, position) == ([], position)


async def test_what_was_deleted_meanwhile(dovecot: Dovecot, user: str) -> None:
    deliver(dovecot, user, "old")
    position = await present_end(account(dovecot, user), "INBOX", 30)
    deliver(dovecot, user, "gone", "stays")
    client = dovecot.client(user)
    client.select("INBOX")
    client.store("1:2", "+FLAGS", r"(\Deleted)")
    client.expunge()
    client.logout()
    assert (await read(dovecot, user, position))[0] == ["stays"]


async def test_new_numbers(dovecot: Dovecot, user: str) -> None:
    """The mailbox is deleted and made again from a copy, as when a provider moves it; mail arrived meanwhile."""
    day = datetime.now(UTC) - timedelta(days=3)
    deliver(dovecot, user, "old 1", "old 2", at=day)
    position = await present_end(account(dovecot, user), "INBOX", 30)
    deliver(dovecot, user, "seen", at=day + timedelta(days=1))
    subjects, position = await read(dovecot, user, position)
    assert subjects == ["seen"]
    renumber(dovecot, user)
    deliver(dovecot, user, "missed", at=day + timedelta(days=2))
    deliver(dovecot, user, "old 1", "old 2", at=day)
    deliver(dovecot, user, "seen", at=day + timedelta(days=1))
    subjects, after = await read(dovecot, user, position)
    assert after.validity != position.validity
    assert subjects == ["missed"]
    deliver(dovecot, user, "next")
    assert (await read(dovecot, user, after))[0] == ["next"]


def renumber(dovecot: Dovecot, user: str) -> None:
    """Empties the mailbox and has the server number it anew."""
    time.sleep(1.1)  # its numbering is named after the second
    shutil.rmtree(dovecot.folder / "mail" / user)


async def test_marking(dovecot: Dovecot, user: str) -> None:
    position = await present_end(account(dovecot, user), "INBOX", 30)
    deliver(dovecot, user, "a", "b")
    found = await news(account(dovecot, user), "INBOX", ANY, position, 30)
    last = found.messages[-1].uid
    await mark_seen(account(dovecot, user), "INBOX", position.validity + 1, [last], 30)
    assert (await read(dovecot, user, position, unseen=True))[0] == ["a", "b"]
    await mark_seen(account(dovecot, user), "INBOX", position.validity, [last], 30)
    assert (await read(dovecot, user, position, unseen=True))[0] == ["a"]


async def test_refusals(dovecot: Dovecot, user: str) -> None:
    with pytest.raises(PermanentError, match="no such mailbox"):
        await present_end(account(dovecot, user), "Nowhere", 30)


BROKEN = [
    b"",
    b"\r\n",
    b"Subject: =?utf-8?q?=FF=FE?=\r\n\r\nx",
    b"From: <<<>>>\r\nDate: yesterday\r\nContent-Type: text/plain; charset=klingon\r\n\r\n\xff\xfe",
    b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y",
    b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!!",
    b"Content-Disposition: attachment; filename*=utf-8''%FF\r\n\r\nx",
    b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ntext",
    b"Subject: " + b"\xf0\x9f\x98" + b"\r\nMessage-ID: \r\n\r\nx",
]


async def test_broken_messages_block_nothing(dovecot: Dovecot, user: str) -> None:
    position = await present_end(account(dovecot, user), "INBOX", 30)
    client = dovecot.client(user)
    for content in BROKEN:
        client.append("INBOX", "", imaplib.Time2Internaldate(time.time()), content)
    client.logout()
    deliver(dovecot, user, "good")
    found = await news(account(dovecot, user), "INBOX", ANY, position, 30)
    items = [await Reading(message).item(MemoryFiles()) for message in found.messages]
    assert len(items) >= len(BROKEN) - 1
    assert items[-1]["json"]["subject"] == "good"
    assert "problem" not in items[-1]["json"]
    for item in items:
        assert item["json"]["uid"]
        assert str(item).encode("utf-8")


async def test_a_message_that_is_not_given(dovecot: Dovecot) -> None:
    item = await Reading(Arrived(7, None, "the server doesn't give the message: NO")).item(MemoryFiles())
    assert item == {"json": {"uid": 7, "problem": "the server doesn't give the message: NO"}}


class FullFiles(MemoryFiles):
    """Takes nothing."""

    async def create(self, *_: Any, **__: Any) -> Any:
        raise PermanentError("the file is too large")


async def test_attachments(dovecot: Dovecot, user: str) -> None:
    position = await present_end(account(dovecot, user), "INBOX", 30)
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Cc"] = "Zoë <zoe@x.example>", "a@x.example, b@x.example", "c@x.example"
    mail["Subject"], mail["Message-ID"], mail["X-Tag"] = "Grüße", "<1@x.example>", "one"
    mail.set_content("text")
    mail.add_alternative("<p>html</p>", subtype="html")
    mail.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="bill.pdf")
    client = dovecot.client(user)
    client.append("INBOX", "", imaplib.Time2Internaldate(time.time()), mail.as_bytes())
    client.logout()
    found = await news(account(dovecot, user), "INBOX", ANY, position, 30)
    files = MemoryFiles()
    item = await Reading(found.messages[0]).item(files)
    data = item["json"]
    assert (data["from"], data["to"], data["cc"]) == ("zoe@x.example", ["a@x.example", "b@x.example"], ["c@x.example"])
    assert (data["subject"], data["message_id"], data["text"].strip()) == ("Grüße", "<1@x.example>", "text")
    assert data["html"].strip() == "<p>html</p>"
    assert data["headers"]["x-tag"] == "one"
    assert data["attachments"] == [{"name": "bill.pdf", "content_type": "application/pdf", "size": 4}]
    assert await files.read(item["files"]["attachment_1"], limit=9) == b"%PDF"
    without = await Reading(found.messages[0]).item(FullFiles())
    assert "files" not in without
    assert without["json"]["problem"] == "attachment 1 isn't kept: the file is too large"
    large = Found(found.messages[0].found.message, complete=False) if found.messages[0].found else None
    cut = await Reading(Arrived(1, large)).item(files)
    assert cut["json"]["problem"] == "the message is too large; its content was left out"


def test_a_position_is_kept_whole() -> None:
    position = Position(1, 5, 100, ("a", "b")).in_numbering(2, 9)
    assert Position.read(position.state()) == position
    assert position.is_new(3, Described("c", 100))
    assert not position.is_new(3, Described("a", 100))
    assert not position.is_new(3, Described("c", 99))
    assert position.is_new(10, Described("a", 1))
    after = position.past(9, Described("c", 120))
    assert after == Position(2, 9, 120, ("a", "b", "c"))
