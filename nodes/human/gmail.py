"""Asks by mail: each recipient gets a link of their own, and a code to type at the page that it opens."""

import base64
import hashlib
from typing import Any, ClassVar

from pydantic import Field

from nodes.base import NodeExecutionContext, PermanentError
from nodes.credentials.credential import Credential, CredentialSlot, CredentialType, OAuth2
from nodes.external_action.google.access import GoogleClient, bearer
from nodes.human.node import Delivery, HumanNode
from nodes.human.parameters import HumanParameters
from nodes.human.request import Links, PersonalLink, Request
from nodes.human.vendor_api import VendorApi
from nodes.mail.account import MAIL_ACCOUNT, MailAccount
from nodes.mail.address import Addresses, OneAddress, parse_addresses
from nodes.mail.message import Draft, Mail, build
from nodes.mail.smtp import send

DEFAULT_URL = "https://gmail.googleapis.com"
GMAIL_OAUTH2 = CredentialType(
    "gmail_oauth2",
    "Gmail (OAuth 2)",
    GoogleClient,
    hosts=("gmail.googleapis.com", "www.googleapis.com"),
    oauth2=OAuth2(
        authorize_url="https://accounts.google.com/o/oauth2/v2/auth",
        token_url="https://oauth2.googleapis.com/token",
        scopes=("https://www.googleapis.com/auth/gmail.send",),
        parameters=(("access_type", "offline"), ("prompt", "consent")),
    ),
)


class GmailParameters(HumanParameters):
    """Parameters of GMAIL."""

    to: Addresses = Field(
        default_factory=list,
        description="Whom to write to, who may answer then, too; by default those assignees that are mail addresses.",
    )
    sender: OneAddress = Field(
        default_factory=list, alias="from", description="Whom it is from; by default as the credential says."
    )
    base_url: str = Field(
        default="",
        max_length=2048,
        description="Where Gmail's API is, if not at its usual place; the credential's hosts must allow it.",
    )


class Gmail(HumanNode[GmailParameters]):
    """Asks by mail, through Gmail or any mail server."""

    subtype = "GMAIL"
    model = GmailParameters
    credentials: ClassVar = {"auth": CredentialSlot((GMAIL_OAUTH2, MAIL_ACCOUNT))}

    def assignees(self, parameters: GmailParameters) -> list[str]:
        """Those named, and whom the mail goes to."""
        return list(dict.fromkeys([*parameters.assignees, *_plain(parameters.to)]))

    async def deliver(self, context: NodeExecutionContext[GmailParameters], request: Request, links: Links) -> Delivery:
        """Writes to each recipient."""
        given = context.parameters
        sender = str(parse_addresses(given.sender[0])[0]) if given.sender else ""
        delivery: Delivery = {"base_url": given.base_url, "from": sender}
        return await self.tell(context, request, delivery, links)

    async def tell(
        self, context: NodeExecutionContext[Any], request: Request, delivery: Delivery, links: Links
    ) -> Delivery:
        """Writes to each of those who have it now, with a new link."""
        recipients = [name for name in request.assignees if "@" in name and ":" not in name]
        if not recipients:
            raise PermanentError(
                "nobody can be asked by mail: no assignee is a mail address",
                code="NOBODY_TO_ASK",
                hint='set "to", or name assignees by their mail addresses',
            )
        credential = await context.credential()
        assert credential is not None, "the slot is required"
        for recipient in recipients:
            link = await links(recipient)
            if link is None:
                raise PermanentError(
                    "the mail can't hold a link: it isn't known where people reach this installation",
                    code="NO_PUBLIC_URL",
                    hint="set ORCHESTRATOR_PUBLIC_URL",
                )
            await _send(context, credential, delivery, _draft(request, delivery, credential, recipient, link))
        return delivery

    async def close(
        self, context: NodeExecutionContext[Any], request: Request, delivery: Delivery, outcome: str
    ) -> None:
        """A mail can't be changed; its link leads to a page that says how it ended."""


async def _send(context: NodeExecutionContext[Any], credential: Credential, delivery: Delivery, draft: Draft) -> None:
    named = f"{context.idempotency_key}|{draft.subject}|{draft.to[0]}"
    mail = build(draft, key=hashlib.sha256(named.encode()).hexdigest(), date=context.now)
    if isinstance(credential.fields, MailAccount):
        await send(context.resources.http, credential.fields, mail)
        return
    api = VendorApi(
        "Gmail", context.resources.http, credential, delivery.get("base_url") or DEFAULT_URL, bearer(credential)
    )
    body = {"raw": _raw(mail)}
    await api.call("POST", "/gmail/v1/users/me/messages/send", body, what=f"the mail to {draft.to[0]}")


def _raw(mail: Mail) -> str:
    return base64.urlsafe_b64encode(mail.message.as_bytes()).decode().rstrip("=")


def _draft(request: Request, delivery: Delivery, credential: Credential, recipient: str, link: PersonalLink) -> Draft:
    lines = [
        request.message,
        "",
        *request.notes,
        f"Answer here: {link.url}",
        f"Your code, to type there: {link.code}",
        "",
        "The link is yours alone. Opening it decides nothing.",
    ]
    return Draft(
        sender=_sender(delivery, credential, recipient),
        to=[recipient],
        subject=" ".join(request.heading.split()),
        text="\n".join(lines) + "\n",
    )


def _sender(delivery: Delivery, credential: Credential, recipient: str) -> str:
    fields = credential.fields
    own = (fields.from_address or fields.username) if isinstance(fields, MailAccount) else ""
    sender = str(delivery.get("from") or own)
    if "@" in sender:
        return sender
    if isinstance(fields, MailAccount):
        raise PermanentError(
            'the parameter "from" is empty, and the mail account has no address either',
            code="MISSING_PARAMETER",
            hint='set "from", or "from_address" of the mail account',
        )
    # Gmail puts the account's own address in its place.
    return recipient


def _plain(addresses: list[str]) -> list[str]:
    return [found.addr_spec for text in addresses for found in parse_addresses(text)]
