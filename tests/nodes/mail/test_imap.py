"""IMAP against servers that misbehave, and against Dovecot."""

import asyncio
import datetime
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from email.message import EmailMessage
from typing import Any

import pytest

from nodes.errors import NodeError, PermanentError, RetryableError
from nodes.mail import imap
from nodes.mail.criteria import Criteria
from nodes.mail.imap import ImapAccount, search
from tests.nodes.mail.dovecot import Dovecot, running

ANY = Criteria()


def account(port: int, **fields: Any) -> ImapAccount:
    return ImapAccount(
        **{
            "host": "127.0.0.1",
            "port": port,
            "username": "ann",
            "password": "s3cret",
            "addresses": ["127.0.0.1"],
            "security": "none",
            **fields,
        }
    )


@asynccontextmanager
async def saying(greeting: bytes) -> AsyncIterator[int]:
    """The port of a server that greets, and says nothing more."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(greeting)
            await reader.read()
        except ConnectionError:
            return
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    ("greeting", "error", "code"),
    [
        (b"* BYE too busy\r\n", RetryableError, "CONNECTION_FAILED"),
        (b"220 I am no IMAP server\r\n", RetryableError, "CONNECTION_FAILED"),
        (b"* OK {99999999999}\r\n", PermanentError, "INVALID_RESPONSE"),
        (b"* OK hello\r\n", RetryableError, "TIMEOUT"),
    ],
)
async def test_servers_that_misbehave(greeting: bytes, error: type[NodeError], code: str) -> None:
    async with saying(greeting) as port:
        begun = time.monotonic()
        with pytest.raises(error) as caught:
            await search(account(port), "INBOX", ANY, 10, 0.5)
    assert caught.value.code == code
    assert time.monotonic() - begun < 3
    assert "s3cret" not in caught.value.message


async def test_a_server_that_is_down_is_worth_retrying() -> None:
    with pytest.raises(RetryableError) as caught:
        await search(account(1), "INBOX", ANY, 10, 5)
    assert caught.value.code == "CONNECTION_FAILED"


@pytest.mark.parametrize("field", ["username", "password"])
async def test_a_credential_cant_hold_a_command(field: str) -> None:
    async with saying(b"* OK hello\r\n") as port:
        with pytest.raises(PermanentError, match=field) as caught:
            await search(account(port, **{field: "a\r\nA2 DELETE INBOX"}), "INBOX", ANY, 10, 5)
    assert caught.value.code == "INVALID_PARAMETER"


async def test_a_cancelled_search_lets_go_of_its_connection() -> None:
    async with saying(b"* OK hello\r\n") as port:
        task = asyncio.create_task(search(account(port), "INBOX", ANY, 10, 30))
        await asyncio.sleep(0.2)
        task.cancel()
        begun = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert time.monotonic() - begun < 2


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    """A running Dovecot with the messages of `MESSAGES` in ann's inbox."""
    with running() as server:
        fill(server)
        yield server


def message(sender: str, subject: str, text: str, *, attachment: bytes = b"") -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, "ann@x.example", subject
    mail["Message-ID"], mail["Date"] = f"<{len(subject)}@x.example>", "Tue, 24 Nov 2026 10:00:00 +0000"
    mail.set_content(text)
    if attachment:
        mail.add_attachment(attachment, maintype="application", subtype="pdf", filename="bill.pdf")
    return mail.as_bytes()


MESSAGES = (
    (message("ben@x.example", "Lunch", "at noon?"), r"(\Seen)", datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)),
    (message("Zoë <zoe@x.example>", "Grüße", "hello"), "", datetime.datetime(2026, 5, 1, tzinfo=datetime.UTC)),
    (
        message("shop@x.example", 'Your "bill"', "see the file", attachment=b"%PDF"),
        r"(\Flagged)",
        datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC),
    ),
)


def fill(server: Dovecot) -> None:
    client = server.client()
    for content, flags, day in MESSAGES:
        assert client.append("INBOX", flags, day, content)[0] == "OK"
    client.logout()


async def subjects(server: Dovecot, criteria: Criteria, limit: int = 10) -> list[str]:
    return [found.message.subject for found in await search(account(server.plain), "INBOX", criteria, limit, 10)]


@pytest.mark.system
@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ({}, ['Your "bill"', "Grüße", "Lunch"]),
        ({"unseen": True}, ['Your "bill"', "Grüße"]),
        ({"flagged": True}, ['Your "bill"']),
        ({"sender": "BEN"}, ["Lunch"]),
        ({"subject": "grüße"}, ["Grüße"]),
        ({"subject": '"bill"'}, ['Your "bill"']),
        ({"text": "noon"}, ["Lunch"]),
        ({"to": "ann@x.example", "sender": "zoe"}, ["Grüße"]),
        ({"since": datetime.date(2026, 5, 1)}, ['Your "bill"', "Grüße"]),
        ({"before": datetime.date(2026, 5, 1)}, ["Lunch"]),
        ({"text": '" OR ALL "'}, []),
    ],
)
async def test_dovecot_finds(dovecot: Dovecot, criteria: dict[str, Any], expected: list[str]) -> None:
    assert await subjects(dovecot, Criteria(**criteria)) == expected


@pytest.mark.system
async def test_reading_marks_nothing_as_seen(dovecot: Dovecot) -> None:
    assert await subjects(dovecot, ANY, limit=2) == ['Your "bill"', "Grüße"]
    assert await subjects(dovecot, Criteria(unseen=True)) == ['Your "bill"', "Grüße"]


@pytest.mark.system
async def test_attachments_and_large_messages(dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch) -> None:
    (bill,) = await search(account(dovecot.plain), "INBOX", Criteria(flagged=True), 1, 10)
    assert [(one.filename, one.payload) for one in bill.message.attachments] == [("bill.pdf", b"%PDF")]
    monkeypatch.setattr(imap, "LARGEST_MESSAGE", 100)
    (cut,) = await search(account(dovecot.plain), "INBOX", Criteria(sender="ben"), 1, 10)
    assert (cut.complete, cut.message.subject, cut.message.text) == (False, "Lunch", "")


@pytest.mark.system
@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_certificates_are_checked(dovecot: Dovecot, security: str, monkeypatch: pytest.MonkeyPatch) -> None:
    port = dovecot.tls if security == "tls" else dovecot.plain
    secured = account(port, security=security, host="localhost")
    with pytest.raises(PermanentError, match="certificate") as caught:
        await search(secured, "INBOX", ANY, 1, 10)
    assert caught.value.code == "TLS"
    trusting = ssl.create_default_context(cafile=str(dovecot.certificate))
    monkeypatch.setattr(imap.ssl, "create_default_context", lambda: trusting)
    assert len(await search(secured, "INBOX", ANY, 1, 10)) == 1
    with pytest.raises(PermanentError, match="certificate"):
        await search(replace(secured, host="other.example"), "INBOX", ANY, 1, 10)


@pytest.mark.system
@pytest.mark.parametrize(
    ("fields", "mailbox", "code"),
    [
        ({"password": "wrong"}, "INBOX", "CREDENTIAL_REJECTED"),
        ({"password": "fälsch"}, "INBOX", "CREDENTIAL_REJECTED"),
        ({}, "Nowhere", "UNKNOWN_MAILBOX"),
    ],
)
async def test_what_dovecot_refuses(dovecot: Dovecot, fields: dict[str, Any], mailbox: str, code: str) -> None:
    with pytest.raises(PermanentError) as caught:
        await search(account(dovecot.plain, **fields), mailbox, ANY, 1, 10)
    assert caught.value.code == code
