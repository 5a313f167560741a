"""Offers mail as a tool: sends messages, and searches a mailbox."""

import datetime
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from nodes.base import Item, NodeExecutionContext, PermanentError
from nodes.credentials.credential import CredentialSlot
from nodes.external_action.email import Email, SendMail
from nodes.mail.account import MAIL_ACCOUNT, MailAccount
from nodes.mail.criteria import Criteria
from nodes.mail.imap import Found, ImapAccount, search
from nodes.parameters import Duration, misuse, parse
from nodes.tool.schema import model_schema
from nodes.tool.tool import Tool, ToolDescription, ToolParameters

_LONGEST_TEXT = 100_000
Operation = Literal["send", "search"]
_DESCRIPTIONS: Mapping[Operation, str] = {
    "send": "Sends a mail.",
    "search": "Searches the mailbox. All criteria that are given must hold; the newest messages come first.",
}


class SearchMail(BaseModel):
    """What to search a mailbox for."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    sender: str = Field(default="", alias="from", max_length=500, description="Text in the sender's name or address.")
    to: str = Field(default="", max_length=500, description="Text in the recipients' names or addresses.")
    subject: str = Field(default="", max_length=500, description="Text in the subject.")
    text: str = Field(default="", max_length=500, description="Text anywhere in the message.")
    since: datetime.date | None = Field(default=None, description="The first day that it may have arrived on.")
    before: datetime.date | None = Field(default=None, description="The day before which it must have arrived.")
    unseen: bool = Field(default=False, description="Only messages that nobody has read.")
    flagged: bool = Field(default=False, description="Only messages that are flagged.")
    mailbox: str = Field(default="INBOX", min_length=1, max_length=200, description="The folder to search.")
    limit: int = Field(default=10, ge=1, le=50, description="How many messages at most.")


def _each_once(operations: list[Operation]) -> list[Operation]:
    if not operations:
        raise misuse("is empty; leave it out for all operations")
    return list(dict.fromkeys(operations))


class EmailToolParameters(ToolParameters):
    """Parameters of EMAIL."""

    operations: Annotated[list[Operation], AfterValidator(_each_once)] = Field(
        default_factory=lambda: list(_DESCRIPTIONS), description="Which operations are offered; all by default."
    )
    attachments: bool = Field(default=False, description="Emit the attachments of messages that were found as files.")
    timeout: Duration = Field(default=60.0, gt=0, le=3600, description="How long one operation may take.")


class EmailTool(Tool[EmailToolParameters]):
    """Offers a mail account."""

    subtype = "EMAIL"
    model = EmailToolParameters
    credentials: ClassVar = {"auth": CredentialSlot((MAIL_ACCOUNT,))}

    async def list_tools(self, context: NodeExecutionContext[EmailToolParameters]) -> list[ToolDescription]:
        """The operations that are offered."""
        schemas = {"send": model_schema(SendMail, hidden=("operation", "timeout")), "search": model_schema(SearchMail)}
        return [ToolDescription(name, _DESCRIPTIONS[name], schemas[name]) for name in context.parameters.operations]

    async def invoke(
        self, context: NodeExecutionContext[EmailToolParameters], tool: ToolDescription, arguments: dict[str, Any]
    ) -> list[Item]:
        """Sends one mail, or finds some: each is one item."""
        timeout = context.parameters.timeout
        if tool.name == "send":
            sending: NodeExecutionContext[Any] = replace(context)
            sending.parameters = parse(SendMail, {"timeout": timeout, **arguments})
            return [{"json": await Email().execute(sending)}]
        found = await _search(context, parse(SearchMail, arguments), timeout)
        context.log(f"found {len(found)} messages")
        return [await _item(context, one) for one in found]


async def _search(context: NodeExecutionContext[EmailToolParameters], given: SearchMail, timeout: float) -> list[Found]:
    credential = await context.credential()
    account = cast(MailAccount, credential.fields if credential else None)
    if not account.imap_host:
        raise PermanentError(
            "the mail account names no server to read from",
            code="INVALID_CREDENTIAL",
            hint='fill in "imap_host" of the integration',
        )
    criteria = Criteria(
        sender=given.sender,
        to=given.to,
        subject=given.subject,
        text=given.text,
        since=given.since,
        before=given.before,
        unseen=given.unseen,
        flagged=given.flagged,
    )
    reached = ImapAccount(
        account.imap_host,
        account.imap_port,
        account.username,
        account.password.get_secret_value(),
        await context.resources.http.check(account.imap_host, account.imap_port),
        account.imap_security,
    )
    return await search(reached, given.mailbox, criteria, given.limit, timeout)


async def _item(context: NodeExecutionContext[EmailToolParameters], found: Found) -> Item:
    mail = found.message
    attached = mail.attachments if found.complete else []
    data = {
        "uid": mail.uid,
        "message_id": str(mail.obj.get("message-id", "")).strip(),
        "from": mail.from_,
        "to": list(mail.to),
        "cc": list(mail.cc),
        "subject": mail.subject,
        "date": mail.date.isoformat(),
        "seen": "\\Seen" in mail.flags,
        "text": mail.text[:_LONGEST_TEXT],
        "html": mail.html[:_LONGEST_TEXT],
        "size": mail.size_rfc822,
        "complete": found.complete and max(len(mail.text), len(mail.html)) <= _LONGEST_TEXT,
        "attachments": [{"name": one.filename, "content_type": one.content_type, "size": one.size} for one in attached],
    }
    if not context.parameters.attachments or not attached:
        return {"json": data}
    files = {
        f"attachment_{number}": await context.files.create(one.filename or "attachment", one.content_type, one.payload)
        for number, one in enumerate(attached, 1)
    }
    return {"json": data, "files": files}
