"""EMAIL and the way that mail is sent, through a real SMTP server."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP

from nodes.errors import NodeError, PermanentError, RetryableError
from nodes.http.egress import Egress
from nodes.mail.account import MAIL_ACCOUNT
from orchestrator.errors import Problem
from tests.nodes.mail.server import Mailbox, certificate, server_tls, serving
from tests.nodes.tool.parts import MemoryFiles, credential, open_egress, parts

# aiosmtpd's warning that a login without TLS isn't safe: here it is what is tested.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
Run = Callable[..., Awaitable[Any]]
KIND = "EXTERNAL_ACTION.EMAIL"
MAIL = {"to": "bob@y.example", "subject": "Hi", "text": "Hello"}


@pytest.fixture(scope="session")
async def egress() -> AsyncIterator[Egress]:
    http = open_egress()
    yield http
    await http.close()


@pytest.fixture
def send(execute: Run, egress: Egress) -> Run:
    async def call(
        given: dict[str, Any], account: dict[str, Any], *, files: dict[str, bytes] | None = None, **fields: Any
    ) -> Any:
        filled = {"smtp_host": "127.0.0.1", "smtp_security": "none", "from_address": "Ann <ann@x.example>", **account}
        resources = parts(egress, opened=credential(MAIL_ACCOUNT, **filled))
        assert isinstance(resources.files, MemoryFiles)
        kept = {
            name: await resources.files.create(name, "text/csv", content) for name, content in (files or {}).items()
        }
        kept["forged"] = {"name": "forged", "ref": "../x"}  # type: ignore[typeddict-item]
        fields = {"credentials": {"auth": "c1"}, "idempotency_key": "run/N/0/0", **fields}
        return await execute(KIND, given, [{"json": {}, "files": kept}], resources=resources, **fields)

    return call


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with serving(lambda mailbox: SMTP(mailbox, enable_SMTPUTF8=True)) as found:
        yield found


def addressed(mailbox: Mailbox) -> dict[str, Any]:
    return {"smtp_port": mailbox.port}


async def test_sends_everything(send: Run, mailbox: Mailbox) -> None:
    given = {
        "operation": "send",
        "from": "Shop & Co <shop@x.example>",
        "to": ["Bob Müller <bob@y.example>", "eve@y.example, Bob <bob@y.example>"],
        "cc": "carl@z.example",
        "bcc": ["dora@z.example"],
        "reply_to": "help@x.example",
        "subject": "Grüße — 你好",
        "text": "Hello\n.\nBob",
        "html": "<p>Hello</p>",
        "attachments": ["a.csv", "b.csv"],
        "in_reply_to": "<m1@y.example>",
    }
    files = {"a.csv": b"x,y\r\n", "b.csv": b"\xff\x00", "c.csv": b""}
    returned = await send(given, addressed(mailbox), files=files)
    message = mailbox.message()
    assert (mailbox.mails[0].mail_from, mailbox.mails[0].rcpt_tos) == (
        "shop@x.example",
        ["bob@y.example", "eve@y.example", "carl@z.example", "dora@z.example"],
    )
    assert {name: message[name] for name in ("From", "Cc", "Reply-To", "Subject", "In-Reply-To", "References")} == {
        "From": "Shop & Co <shop@x.example>",
        "Cc": "carl@z.example",
        "Reply-To": "help@x.example",
        "Subject": "Grüße — 你好",
        "In-Reply-To": "<m1@y.example>",
        "References": "<m1@y.example>",
    }
    assert "Bob Müller <bob@y.example>" in message["To"]
    assert "dora" not in message.as_string()
    assert message["Date"].datetime.isoformat() == "2026-11-22T12:00:00+00:00"
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    assert (text.get_content(), html.get_content()) == ("Hello\r\n.\r\nBob\r\n", "<p>Hello</p>\r\n")
    found = [(part.get_filename(), part.get_payload(decode=True)) for part in message.iter_attachments()]
    assert found == [("a.csv", b"x,y\r\n"), ("b.csv", b"\xff\x00")]
    accepted = mailbox.mails[0].rcpt_tos
    assert returned == {
        "message_id": message["Message-ID"],
        "accepted": accepted,
        "rejected": [],
        "response": "250 OK queued as 42",
    }


async def test_every_attempt_has_the_same_message_id(send: Run, mailbox: Mailbox) -> None:
    ids = [(await send(MAIL, addressed(mailbox), idempotency_key=key))["message_id"] for key in ("a", "a", "b", "", "")]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4
    assert all(found.startswith("<") and found.endswith("@x.example>") for found in ids)


@pytest.mark.parametrize(
    ("given", "body"),
    [
        ({"html": "<b>x</b>"}, ("text/html", "<b>x</b>\r\n")),
        ({"text": "x"}, ("text/plain", "x\r\n")),
        ({"text": "ä" * 2000}, ("text/plain", "ä" * 2000 + "\r\n")),
    ],
)
async def test_bodies(given: dict[str, Any], body: tuple[str, str], send: Run, mailbox: Mailbox) -> None:
    await send({"to": "bob@y.example", **given}, addressed(mailbox))
    assert (mailbox.message().get_content_type(), mailbox.message().get_content()) == body
    content = mailbox.mails[0].content
    assert isinstance(content, bytes)
    assert content.isascii()
    assert max(len(line) for line in content.splitlines()) <= 998


async def test_other_letters(send: Run, mailbox: Mailbox) -> None:
    returned = await send({**MAIL, "to": "bob@müller.example, jürgen@y.example"}, addressed(mailbox))
    assert returned["accepted"] == ["bob@xn--mller-kva.example", "jürgen@y.example"]
    assert "SMTPUTF8" in mailbox.mails[0].mail_options
    with serving(SMTP) as plain:
        with pytest.raises(PermanentError, match="letters other than ASCII"):
            await send({**MAIL, "to": "jürgen@y.example"}, addressed(plain))
        assert (await send({**MAIL, "to": "bob@müller.example"}, addressed(plain)))["accepted"]


@pytest.mark.parametrize(
    ("to", "partial", "code", "retryable", "says"),
    [
        ("bob@y.example, nobody@y.example", False, "RECIPIENT_REFUSED", False, "nobody@y.example (550 no such user)"),
        ("bob@y.example, later@y.example", False, "RECIPIENT_REFUSED", True, "later@y.example (451 try again)"),
        ("nobody@y.example, full@y.example", True, "RECIPIENT_REFUSED", False, "full@y.example (552 mailbox full)"),
    ],
)
async def test_refused_recipients(
    to: str, partial: bool, code: str, retryable: bool, says: str, send: Run, mailbox: Mailbox
) -> None:
    with pytest.raises(NodeError) as caught:
        await send({**MAIL, "to": to, "partial": partial}, addressed(mailbox))
    assert (caught.value.code, isinstance(caught.value, RetryableError)) == (code, retryable)
    assert says in caught.value.message
    assert mailbox.mails == []
    assert mailbox.commands == ["RSET"]


async def test_sends_to_the_others(send: Run, mailbox: Mailbox) -> None:
    logs: list[str] = []
    given = {**MAIL, "cc": "nobody@y.example", "partial": True}
    returned = await send(given, addressed(mailbox), logs=logs)
    refused = {"address": "nobody@y.example", "code": 550, "message": "no such user"}
    assert (returned["accepted"], returned["rejected"]) == (["bob@y.example"], [refused])
    assert logs == ["refused: nobody@y.example: 550 no such user"]
    assert mailbox.mails[0].rcpt_tos == ["bob@y.example"]


@pytest.mark.parametrize(
    ("answer", "retryable", "says"),
    [
        ("554 spam", False, "554 spam"),
        ("452 out of space", True, "452 out of space"),
        ("552 too large", False, "552 too large"),
    ],
)
async def test_refused_mails(answer: str, retryable: bool, says: str, send: Run, mailbox: Mailbox) -> None:
    mailbox.answer = answer
    with pytest.raises(NodeError, match=says) as caught:
        await send(MAIL, addressed(mailbox))
    assert (caught.value.code, isinstance(caught.value, RetryableError)) == ("MAIL_REFUSED", retryable)


async def test_refused_senders_and_sizes(send: Run) -> None:
    with serving(lambda mailbox: SMTP(mailbox, data_size_limit=2000)) as mailbox:
        with pytest.raises(PermanentError, match="553 not yours"):
            await send({**MAIL, "from": "forged@x.example"}, addressed(mailbox))
        with pytest.raises(PermanentError, match="552") as caught:
            await send({**MAIL, "text": "x" * 5000}, addressed(mailbox))
        assert caught.value.hint == "make the mail smaller"


def with_login(mailbox: Mailbox) -> SMTP:
    return SMTP(mailbox, authenticator=mailbox.login, auth_required=True, auth_require_tls=False)


@pytest.mark.parametrize(
    ("account", "code"),
    [
        ({"username": "ann", "password": "correct horse"}, None),
        ({"username": "ann", "password": "wrong-password"}, "CREDENTIAL_REJECTED"),
        ({}, "MAIL_REFUSED"),
    ],
)
async def test_logs_in(account: dict[str, Any], code: str | None, send: Run) -> None:
    with serving(with_login) as mailbox:
        if code is None:
            assert (await send(MAIL, {**addressed(mailbox), **account}))["accepted"] == ["bob@y.example"]
            assert mailbox.logins == ["ann"]
            return
        with pytest.raises(PermanentError) as caught:
            await send(MAIL, {**addressed(mailbox), **account})
    assert caught.value.code == code
    assert "wrong-password" not in f"{caught.value.message}{caught.value.hint}"


@pytest.mark.parametrize(
    ("account", "says"),
    [
        ({"username": "ann", "password": "correct horse"}, "takes it"),
        ({"username": "ann", "password": "wrong-password"}, "CREDENTIAL_REJECTED"),
        ({}, "no user name"),
        ({"smtp_host": ""}, "nobody was asked"),
        ({"smtp_port": 1}, "CONNECTION_FAILED"),
    ],
)
async def test_tries_an_account_out(account: dict[str, Any], says: str, egress: Egress) -> None:
    with serving(with_login) as mailbox:
        given = {"smtp_host": "127.0.0.1", "smtp_security": "none", "smtp_port": mailbox.port, **account}
        assert MAIL_ACCOUNT.check is not None
        try:
            said = await MAIL_ACCOUNT.check(credential(MAIL_ACCOUNT, **given), egress)
        except NodeError as error:
            said = error.code
    assert says in said
    assert mailbox.mails == []


async def test_a_server_without_logins(send: Run, mailbox: Mailbox) -> None:
    with pytest.raises(PermanentError, match="AUTH") as caught:
        await send(MAIL, {**addressed(mailbox), "username": "ann", "password": "correct horse"})
    assert caught.value.code == "MAIL_SERVER"


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("tls"), "localhost")


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_tls(security: str, pem: Path, send: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    context = server_tls(pem)

    def make(mailbox: Mailbox) -> SMTP:
        upgrade = context if security == "starttls" else None
        return SMTP(
            mailbox,
            tls_context=upgrade,
            require_starttls=upgrade is not None,
            authenticator=mailbox.login,
            auth_required=True,
            auth_require_tls=security == "starttls",
        )

    with serving(make, tls=context if security == "tls" else None) as mailbox:
        account = {
            **addressed(mailbox),
            "smtp_security": security,
            "username": "ann",
            "password": "correct horse",
        }
        with pytest.raises(PermanentError, match="certificate isn't valid: self-signed certificate") as caught:
            await send(MAIL, account)
        assert caught.value.code == "TLS"
        assert mailbox.logins == []
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        await send(MAIL, account)
        assert len(mailbox.mails) == 1


async def test_certificates_are_for_the_name(send: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = certificate(tmp_path, "mail.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(other))
    with (
        serving(lambda mailbox: SMTP(mailbox, tls_context=server_tls(other))) as mailbox,
        pytest.raises(PermanentError, match="certificate isn't valid: IP address mismatch"),
    ):
        await send(MAIL, {**addressed(mailbox), "smtp_security": "starttls"})


async def test_never_goes_on_without_tls(send: Run, mailbox: Mailbox) -> None:
    account = {**addressed(mailbox), "username": "ann", "password": "correct horse"}
    with pytest.raises(PermanentError, match="offers no STARTTLS") as caught:
        await send(MAIL, {**account, "smtp_security": "starttls"})
    assert caught.value.code == "TLS"
    with pytest.raises(PermanentError, match="TLS can't be spoken") as caught:
        await send(MAIL, {**account, "smtp_security": "tls"})
    assert caught.value.code == "TLS"
    assert (mailbox.logins, mailbox.mails) == ([], [])


async def test_servers_that_are_not_there(send: Run, mailbox: Mailbox) -> None:
    with pytest.raises(RetryableError) as caught:
        await send(MAIL, {"smtp_port": 1})
    assert caught.value.code == "CONNECTION_FAILED"
    with pytest.raises(PermanentError, match="names no server") as missing:
        await send(MAIL, {"smtp_host": ""})
    assert missing.value.code == "INVALID_CREDENTIAL"
    with pytest.raises(PermanentError) as denied:
        await send(MAIL, {"smtp_host": "10.0.0.1"})
    assert denied.value.code == "EGRESS_DENIED"


class Mute(SMTP):
    """Never says that it is ready."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        """Nothing was begun."""


async def test_servers_that_say_nothing(send: Run) -> None:
    with serving(Mute) as mailbox, pytest.raises(RetryableError, match=r"within 0\.1 s") as caught:
        await send({**MAIL, "timeout": "0.1s"}, addressed(mailbox))
    assert caught.value.code == "TIMEOUT"


class Rude(SMTP):
    """Hangs up when it is to get the mail."""

    async def smtp_DATA(self, arg: str) -> None:
        assert self.transport is not None
        self.transport.close()


async def test_servers_that_hang_up(send: Run) -> None:
    with serving(Rude) as mailbox, pytest.raises(RetryableError) as caught:
        await send(MAIL, addressed(mailbox))
    assert caught.value.code == "CONNECTION_FAILED"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"to": "bob@y.example\r\nBcc: eve@y.example"}, '"to" has a line break'),
        ({"to": "Bob <bob@y.example>\nX: y"}, '"to" has a line break'),
        ({"subject": "Hi\r\nBcc: eve@y.example"}, '"subject" has a line break'),
        ({"subject": "Hi\u2028there"}, '"subject" has a line break'),
        ({"from": "ann@x.example\nX: y"}, '"from" has a line break'),
        ({"reply_to": ["a@x.example\r"]}, '"reply_to" has a line break'),
        ({"in_reply_to": "<a@b>\r\nX: y"}, '"in_reply_to"'),
        ({"to": "bob"}, "expected addresses such as"),
        ({"to": "bob@"}, "no mail address"),
        ({"to": "a@x.example;b@x.example"}, "expected addresses such as"),
        ({"to": "a..b@x.example"}, "expected addresses such as"),
        ({"to": "team: a@x.example, b@x.example;"}, "expected addresses such as"),
        ({"to": "bob@-y.example"}, "which can't be one"),
        ({"to": 7}, "expected addresses as one text or a list"),
        ({"from": "a@x.example, b@x.example"}, "expected one"),
        ({"to": [], "cc": "", "bcc": []}, "a mail needs a recipient"),
        ({"to": [f"a{n}@x.example" for n in range(1001)]}, "at most 1000"),
        ({"colour": "red"}, '"colour" is unknown'),
        ({"attachments": ["none"]}, 'the file "none", which the item lacks; it has "a.csv", "forged"'),
        ({"attachments": ["forged"]}, 'the file "forged" that the parameter "attachments" names is'),
    ],
)
async def test_bad_parameters(given: dict[str, Any], says: str, send: Run) -> None:
    with pytest.raises(PermanentError) as caught:
        await send({**MAIL, **given}, {"smtp_port": 1}, files={"a.csv": b""})
    of_files = {"none": "MISSING_FILE", "forged": "INVALID_FILE_REFERENCE"}
    assert caught.value.code == of_files.get((given.get("attachments") or [""])[0], "INVALID_PARAMETER")
    assert says in caught.value.message


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"text": "x"}, ['"to" is missing']),
        ({"to": "a@x.example"}, ['"text"']),
        ({"to": "{{ $json.to }}", "subject": "{{ $json.s }}", "html": "{{ $json.h }}"}, []),
        ({"to": ["{{ $json.to }}", "bob"], "text": "x"}, ['"bob"']),
        ({"to": ["{{ $json.to }}"], "text": "x", "operation": "forward"}, ['"operation"']),
    ],
)
def test_validation(given: dict[str, Any], says: list[str], problems: Callable[..., list[Problem]]) -> None:
    found = problems(KIND, **given)
    assert [part in problem.message for part, problem in zip(says, found, strict=True)] == [True] * len(says)


async def test_needs_an_account_and_a_sender(send: Run) -> None:
    with pytest.raises(PermanentError) as caught:
        await send(MAIL, {}, credentials={})
    assert caught.value.code == "MISSING_CREDENTIAL"
    with pytest.raises(PermanentError, match='"from" is empty') as missing:
        await send(MAIL, {"from_address": "", "username": "ann"})
    assert missing.value.code == "MISSING_PARAMETER"
    with pytest.raises(PermanentError, match="an address of the mail is the text") as broken:
        await send(MAIL, {"from_address": "ann@"})
    assert broken.value.code == "INVALID_PARAMETER"
