"""Sends a mail through a mail server (SMTP)."""

from typing import Annotated, Any, ClassVar, Literal, Self, cast

from pydantic import Field, StringConstraints, model_validator

from nodes.base import NodeExecutionContext, NodeExecutor, Parameters, PermanentError
from nodes.credentials.credential import CredentialSlot
from nodes.files.item_file import read_item_file
from nodes.mail.account import MAIL_ACCOUNT, MailAccount
from nodes.mail.address import Addresses, Line, OneAddress
from nodes.mail.message import Attachment, Draft, build
from nodes.mail.smtp import Delivery, send
from nodes.parameters import STRUCTURAL, Duration, absent, misuse
from orchestrator.model import NodeType

ATTACHMENTS_LIMIT = 25 * 1024 * 1024


class SendMail(Parameters):
    """Parameters of EMAIL."""

    operation: Annotated[Literal["send"], STRUCTURAL] = Field(default="send", description="Send a mail.")
    sender: OneAddress = Field(
        default_factory=list,
        alias="from",
        description="Whom it is from, such as `Shop <shop@example.org>`; by default as the mail account says.",
    )
    to: Addresses = Field(default_factory=list, description="Recipients: one text, separated by commas, or a list.")
    cc: Addresses = Field(default_factory=list, description="Recipients of a copy.")
    bcc: Addresses = Field(default_factory=list, description="Recipients whom the others don't see.")
    reply_to: Addresses = Field(default_factory=list, description="Whom answers go to.")
    subject: Line = Field(default="", max_length=2000, description="The subject, one line.")
    text: str | None = Field(default=None, description="The body as plain text.")
    html: str | None = Field(default=None, description="The body as HTML; with text, both are sent.")
    attachments: list[str] = Field(
        default_factory=list, max_length=100, description="Names of the item's files to attach, at most 25 MiB in all."
    )
    in_reply_to: Annotated[Line, StringConstraints(pattern=r"^(<[^<>\s]+>)?$")] = Field(
        default="", max_length=500, description="The Message-ID of the mail that this one answers, such as `<id@host>`."
    )
    partial: bool = Field(
        default=False,
        description="Send to the others if the server refuses some recipients; otherwise nothing is sent then.",
    )
    timeout: Duration = Field(default=60.0, gt=0, le=3600, description="How long sending may take.")

    @model_validator(mode="after")
    def _sendable(self) -> Self:
        if not self.model_fields_set & {"to", "cc", "bcc"}:
            raise absent("to", "name at least one recipient")
        if not self.model_fields_set & {"text", "html", "attachments"}:
            raise misuse('has neither "text" nor "html" nor "attachments"; a mail needs a body')
        return self


class Email(NodeExecutor[SendMail]):
    """Sends one mail, and emits its id, the recipients that the server took, and those that it refused."""

    type = NodeType.EXTERNAL_ACTION_NODE
    subtype = "EMAIL"
    model = SendMail
    credentials: ClassVar = {"auth": CredentialSlot((MAIL_ACCOUNT,))}

    async def execute(self, context: NodeExecutionContext[SendMail]) -> dict[str, Any]:
        """Sends the mail of one item."""
        given = context.parameters
        credential = await context.credential()
        account = cast(MailAccount, credential.fields if credential else None)
        if not (given.to or given.cc or given.bcc):
            raise PermanentError(
                'the parameters "to", "cc" and "bcc" are empty; a mail needs a recipient', code="INVALID_PARAMETER"
            )
        mail = build(await _draft(context, _sender(given, account)), key=context.idempotency_key, date=context.now)
        delivery = await send(context.resources.http, account, mail, timeout=given.timeout, partly=given.partial)
        return _emitted(context, delivery)


def _sender(given: SendMail, account: MailAccount) -> str:
    sender = (given.sender[0] if given.sender else "") or account.from_address or account.username
    if "@" not in sender:
        raise PermanentError(
            'the parameter "from" is empty, and the mail account has no address either',
            code="MISSING_PARAMETER",
            hint='set "from", or "from_address" of the mail account',
        )
    return sender


async def _draft(context: NodeExecutionContext[SendMail], sender: str) -> Draft:
    given = context.parameters
    attachments, left = [], ATTACHMENTS_LIMIT
    for name in given.attachments:
        file, content = await read_item_file(context, name, "attachments", limit=left)
        attachments.append(Attachment(file["name"], file["content_type"], content))
        left -= len(content)
    return Draft(
        sender=sender,
        to=given.to,
        cc=given.cc,
        bcc=given.bcc,
        reply_to=given.reply_to,
        subject=given.subject,
        text=given.text,
        html=given.html,
        attachments=attachments,
        in_reply_to=given.in_reply_to,
    )


def _emitted(context: NodeExecutionContext[SendMail], delivery: Delivery) -> dict[str, Any]:
    for refusal in delivery.rejected:
        context.log(f"refused: {refusal.address}: {refusal.code} {refusal.message}")
    return {
        "message_id": delivery.message_id,
        "accepted": delivery.accepted,
        "rejected": [
            {"address": refusal.address, "code": refusal.code, "message": refusal.message}
            for refusal in delivery.rejected
        ],
        "response": delivery.response,
    }
