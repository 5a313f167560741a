"""A mail as MIME: its headers, text, HTML and attachments."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, make_msgid

from nodes.errors import PermanentError
from nodes.mail.address import InvalidAddress, parse_addresses

# Bodies that any server takes, whether or not it announces 8BITMIME.
_ASCII = SMTP.clone(cte_type="7bit")
_UNICODE = SMTPUTF8.clone(cte_type="7bit")
_MEDIA_TYPE = re.compile(r"([a-z0-9!#$&^_.+-]+)/([a-z0-9!#$&^_.+-]+)", re.IGNORECASE)
_CONTROL = re.compile("[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Attachment:
    """A file that a mail carries."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True)
class Draft:
    """What somebody wants to send: addresses are texts such as `Ann Lee <ann@example.org>`."""

    sender: str
    to: Sequence[str]
    cc: Sequence[str] = ()
    bcc: Sequence[str] = ()
    reply_to: Sequence[str] = ()
    subject: str = ""
    text: str | None = None
    html: str | None = None
    attachments: Sequence[Attachment] = ()
    in_reply_to: str = ""


@dataclass(frozen=True)
class Mail:
    """A message with its envelope: whom it is from and goes to, as the server is told."""

    message: EmailMessage
    sender: str
    recipients: tuple[str, ...]

    @property
    def needs_utf8(self) -> bool:
        """Whether an address needs a server with SMTPUTF8."""
        return not all(address.isascii() for address in (self.sender, *self.recipients))


def build(draft: Draft, *, key: str, date: datetime) -> Mail:
    """The mail; the same key gives the same Message-ID, by which servers and people see a repetition."""
    sender = _parsed([draft.sender])[0]
    headers = {"To": _parsed(draft.to), "Cc": _parsed(draft.cc), "Reply-To": _parsed(draft.reply_to)}
    hidden = _parsed(draft.bcc)
    everybody = [sender, *hidden, *(address for some in headers.values() for address in some)]
    ascii_only = all(address.username.isascii() for address in everybody)
    message = EmailMessage(policy=_ASCII if ascii_only else _UNICODE)
    message["From"] = sender
    for name, addresses in headers.items():
        if addresses:
            message[name] = addresses
    message["Subject"] = draft.subject
    message["Date"] = format_datetime(date)
    message["Message-ID"] = _message_id(key, sender.domain)
    if draft.in_reply_to:
        message["In-Reply-To"] = draft.in_reply_to
        message["References"] = draft.in_reply_to
    _fill(message, draft)
    recipients = dict.fromkeys(address.addr_spec for address in (*headers["To"], *headers["Cc"], *hidden))
    return Mail(message, sender.addr_spec, tuple(recipients))


def _parsed(texts: Sequence[str]) -> list[Address]:
    try:
        return [address for text in texts for address in parse_addresses(text)]
    except InvalidAddress as problem:
        raise PermanentError(f"an address of the mail {problem}", code="INVALID_PARAMETER") from None


def _message_id(key: str, domain: str) -> str:
    if not key:
        return make_msgid(domain=domain)
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{domain}>"


def _fill(message: EmailMessage, draft: Draft) -> None:
    if draft.text is not None or draft.html is None:
        message.set_content(draft.text or "")
        if draft.html is not None:
            message.add_alternative(draft.html, subtype="html")
    else:
        message.set_content(draft.html, subtype="html")
    for attachment in draft.attachments:
        known = _MEDIA_TYPE.fullmatch(attachment.content_type)
        maintype, subtype = known.groups() if known else ("application", "octet-stream")
        if maintype.lower() in ("message", "multipart"):
            maintype, subtype = "application", "octet-stream"
        name = _CONTROL.sub("_", attachment.name)
        message.add_attachment(attachment.content, maintype=maintype, subtype=subtype, filename=name)
