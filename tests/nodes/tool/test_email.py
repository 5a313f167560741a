"""The mail tool: what it offers, what it refuses, and sending through a real SMTP server."""

import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from nodes.errors import NodeError, PermanentError, RetryableError
from nodes.http.egress import Egress
from nodes.mail.account import MAIL_ACCOUNT
from nodes.resources import Resources
from nodes.tool.email import EmailTool
from orchestrator.errors import Problem
from tests.nodes.tool.parts import call_of, credential, emitted, parts

TOOL = EmailTool()


@dataclass
class Inbox:
    """Keeps what is sent; nobody@ is unknown."""

    mails: list[Envelope] = field(default_factory=list)
    port: int = 0

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("nobody@"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.mails.append(envelope)
        return "250 taken"


@pytest.fixture
async def inbox() -> AsyncIterator[Inbox]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    inbox = Inbox(port=port)
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    yield inbox
    controller.stop()


def account(egress: Egress, **fields: Any) -> Resources:
    given = {"from_address": "me@x.example", "smtp_host": "127.0.0.1", "smtp_security": "none", **fields}
    return parts(egress, opened=credential(MAIL_ACCOUNT, **given))


async def test_sending(egress: Egress, inbox: Inbox) -> None:
    arguments = {"to": ["ann@x.example"], "bcc": "ben@x.example", "subject": "Hi", "text": "Hello Ann"}
    (item,) = await emitted(TOOL, account(egress, smtp_port=inbox.port), {"tool": "send", "arguments": arguments})
    assert item["json"]["accepted"] == ["ann@x.example", "ben@x.example"]
    (mail,) = inbox.mails
    assert mail.mail_from == "me@x.example"
    assert isinstance(mail.content, bytes)
    assert b"Hello Ann" in mail.content
    assert b"ben@" not in mail.content


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ({"to": ["nobody@x.example"], "text": "x"}, "RECIPIENT_REFUSED", "nobody@x.example"),
        ({"to": ["ann@x.example"], "subject": "a\nBcc: c@x.example", "text": "x"}, "INVALID_PARAMETER", '"subject"'),
        ({"subject": "x", "text": "x"}, "INVALID_PARAMETER", '"to" is missing'),
        ({"to": ["ann@x.example"], "text": "x", "priority": 1}, "INVALID_ARGUMENTS", '"arguments.priority" is unknown'),
    ],
)
async def test_mails_that_cant_be_sent(
    egress: Egress, inbox: Inbox, arguments: dict[str, Any], code: str, said: str
) -> None:
    with pytest.raises(PermanentError) as caught:
        await emitted(TOOL, account(egress, smtp_port=inbox.port), {"tool": "send", "arguments": arguments})
    assert (caught.value.code, said in caught.value.message) == (code, True), caught.value.message
    assert inbox.mails == []


async def test_an_agent_sees_the_operations(egress: Egress) -> None:
    send, search = await TOOL.list_tools(call_of(TOOL, account(egress), {}))
    assert (send.name, search.name) == ("send", "search")
    assert {"to", "cc", "bcc", "subject", "text", "html", "attachments", "reply_to"} <= set(send.schema["properties"])
    assert not {"operation", "timeout"} & set(send.schema["properties"])
    assert {"from", "subject", "since", "unseen", "text", "limit"} <= set(search.schema["properties"])
    (only,) = await TOOL.list_tools(call_of(TOOL, account(egress), {"operations": ["search"]}))
    assert only.name == "search"


@pytest.mark.parametrize(
    ("fields", "arguments", "error", "code", "said"),
    [
        ({}, {}, PermanentError, "INVALID_CREDENTIAL", "no server to read from"),
        ({"imap_host": "127.0.0.1"}, {"limit": 0}, PermanentError, "INVALID_ARGUMENTS", '"arguments.limit"'),
        ({"imap_host": "127.0.0.1"}, {"query": "ALL"}, PermanentError, "INVALID_ARGUMENTS", '"arguments.query"'),
        ({"imap_host": "127.0.0.1"}, {"since": "soon"}, PermanentError, "INVALID_PARAMETER", '"since"'),
        ({"imap_host": "127.0.0.1"}, {"from": "a\r\nx"}, PermanentError, "INVALID_PARAMETER", '"from" has a line'),
        ({"imap_host": "127.0.0.1"}, {"mailbox": "a\nx"}, PermanentError, "INVALID_PARAMETER", '"mailbox" has a line'),
        ({"imap_host": "127.0.0.1", "imap_port": 1}, {}, RetryableError, "CONNECTION_FAILED", "127.0.0.1:1"),
        ({"imap_host": "10.0.0.1"}, {}, PermanentError, "EGRESS_DENIED", "10.0.0.1"),
    ],
)
async def test_searches_that_cant_be_made(
    egress: Egress, fields: dict[str, Any], arguments: dict[str, Any], error: type[NodeError], code: str, said: str
) -> None:
    with pytest.raises(error) as caught:
        await emitted(TOOL, account(egress, **fields), {"tool": "search", "arguments": arguments})
    assert (caught.value.code, said in caught.value.message) == (code, True), caught.value.message


async def test_it_needs_a_credential(egress: Egress) -> None:
    with pytest.raises(PermanentError) as caught:
        await emitted(TOOL, parts(egress), {"tool": "search"})
    assert caught.value.code == "MISSING_CREDENTIAL"


@pytest.mark.parametrize(
    ("parameters", "said"),
    [({"operations": ["read"]}, "expected 'send' or 'search'"), ({"operations": []}, "is empty")],
)
def test_parameters_are_checked_when_saved(
    problems: Callable[..., list[Problem]], parameters: dict[str, Any], said: str
) -> None:
    (problem,) = problems("TOOL.EMAIL", **parameters)
    assert said in problem.message
