"""Starts a run for each mail that arrives in a mailbox."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, ClassVar, cast

from pydantic import Field

from nodes.base import NodeExecutionContext, Parameters, PermanentError
from nodes.credentials.credential import CredentialSlot
from nodes.mail.account import MAIL_ACCOUNT, MailAccount
from nodes.mail.criteria import Criteria
from nodes.mail.following import mark_seen, news, present_end
from nodes.mail.imap import ImapAccount
from nodes.mail.position import Position
from nodes.mail.reading import Reading
from nodes.parameters import STRUCTURAL, Duration
from nodes.trigger.polling import Event, Mark, PollingTrigger, State

_TIMEOUT = 120.0
Text = Annotated[str, STRUCTURAL]


class MailSearch(Parameters):
    """Which messages count; all that is given must hold."""

    sender: Text = Field(default="", alias="from", max_length=500, description="Text in the sender's name or address.")
    to: Text = Field(default="", max_length=500, description="Text in the recipients' names or addresses.")
    subject: Text = Field(default="", max_length=500, description="Text in the subject.")
    text: Text = Field(default="", max_length=500, description="Text anywhere in the message.")
    unseen: Annotated[bool, STRUCTURAL] = Field(default=False, description="Only what nobody has read yet.")
    flagged: Annotated[bool, STRUCTURAL] = Field(default=False, description="Only what is flagged.")


class EmailParameters(Parameters):
    """Parameters of EMAIL."""

    host: Text = Field(
        default="",
        max_length=255,
        description="The IMAP server, if not the mail account's: one of the hosts that the credential names.",
    )
    port: Annotated[int | None, STRUCTURAL] = Field(
        default=None, ge=1, le=65535, description="Its port, if not the mail account's."
    )
    mailbox: Text = Field(default="INBOX", min_length=1, max_length=200, description="The folder to watch.")
    search: Annotated[MailSearch | None, STRUCTURAL] = Field(
        default=None, description="Which of the messages that arrive start runs; all by default."
    )
    poll_interval: Annotated[Duration, STRUCTURAL] = Field(
        default=60.0, ge=1, le=86_400, description="How often to look for mail."
    )
    mark_seen: Annotated[bool, STRUCTURAL] = Field(
        default=False, description="Mark a message as read once its run has started."
    )


class Email(PollingTrigger[EmailParameters]):
    """Emits the message, with its attachments as files."""

    subtype = "EMAIL"
    model = EmailParameters
    credentials: ClassVar = {"auth": CredentialSlot((MAIL_ACCOUNT,))}

    def source(self, parameters: EmailParameters) -> str:
        """The mailbox."""
        return f"{parameters.host}:{parameters.port or ''}/{parameters.mailbox}"

    def interval(self, parameters: EmailParameters) -> float:
        """As the parameter says."""
        return parameters.poll_interval

    async def begin(self, context: NodeExecutionContext[EmailParameters]) -> State:
        """The position behind the last message."""
        account = await _account(context)
        return (await present_end(account, context.parameters.mailbox, _TIMEOUT)).state()

    async def poll(self, context: NodeExecutionContext[EmailParameters], state: State) -> AsyncIterator[Event | Mark]:
        """The messages that arrived, in their order."""
        given, position, more = context.parameters, Position.read(state), True
        criteria = _criteria(given.search or MailSearch())
        while more:
            account = await _account(context)
            found = await news(account, given.mailbox, criteria, position, _TIMEOUT)
            position, more = found.position, found.more
            for message in found.messages:
                yield Event(f"{position.validity}:{message.uid}", Reading(message).item)
            if given.mark_seen:
                uids = [message.uid for message in found.messages]
                await mark_seen(account, given.mailbox, position.validity, uids, _TIMEOUT)
            yield Mark(position.state())


async def _account(context: NodeExecutionContext[EmailParameters]) -> ImapAccount:
    given = context.parameters
    credential = await context.credential()
    account = cast(MailAccount, credential.fields if credential else None)
    host, port = given.host or account.imap_host, given.port or account.imap_port
    if not host:
        raise PermanentError(
            "the mail account names no server to read from",
            code="INVALID_CREDENTIAL",
            hint='fill in "imap_host" of the integration',
        )
    if host.lower() != account.imap_host.lower() and not (credential and credential.allows(host)):
        raise PermanentError(
            f"the mail account may not be sent to {host}",
            code="CREDENTIAL_HOST",
            hint="leave host out, or name that host in the integration",
        )
    return ImapAccount(
        host,
        port,
        account.username,
        account.password.get_secret_value(),
        await context.resources.http.check(host, port),
        account.imap_security,
    )


def _criteria(search: MailSearch) -> Criteria:
    values: dict[str, Any] = {name: getattr(search, name) for name in MailSearch.model_fields}
    return Criteria(**values)
