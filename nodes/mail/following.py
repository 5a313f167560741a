"""Follows a mailbox: what arrived since it was last looked at, each message once."""

import hashlib
import imaplib
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from imap_tools import ImapToolsError
from imap_tools.errors import MailboxFetchError, MailboxFlagError
from imap_tools.utils import check_command_status

from nodes.errors import PermanentError
from nodes.mail.criteria import Criteria, check_text
from nodes.mail.imap import CHARSET, LARGEST_MESSAGE, Found, ImapAccount, MailBox, in_mailbox, read_messages
from nodes.mail.position import MOST_KNOWN, Described, Position

# What is taken at once lies in memory.
_MOST_MESSAGES = 50
_MOST_LOOKED_AT = 500
_DESCRIPTION = "(UID INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID DATE FROM)])"
# A message that is gone by now, or that the server describes in words of its own.
_UNKNOWN = Described("", 1 << 62)
_UID = re.compile(rb"\bUID (\d+)")
_SIZE = re.compile(rb"RFC822\.SIZE (\d+)")


@dataclass(frozen=True)
class Arrived:
    """A new message; `problem` says why it couldn't be fetched."""

    uid: int
    found: Found | None
    problem: str = ""


@dataclass(frozen=True)
class News:
    """What is new: the position after it, and whether there is more."""

    position: Position
    messages: Sequence[Arrived] = field(default=())
    more: bool = False


async def present_end(account: ImapAccount, mailbox: str, timeout: float) -> Position:
    """The position behind all that is in the mailbox."""
    check_text("mailbox", mailbox)

    def look(box: MailBox) -> Position:
        validity = _select(box, mailbox)
        uids = _numbers(box.uids("ALL"))
        position = Position(validity, uids[-1] if uids else 0)
        latest = uids[-MOST_KNOWN:]
        for uid, described in _describe(box, latest).items():
            position = position.past(uid, described)
        return position if not uids else position.past(uids[-1], None)

    return await in_mailbox(account, look, timeout)


async def news(account: ImapAccount, mailbox: str, criteria: Criteria, position: Position, timeout: float) -> News:
    """The oldest messages behind a position that fit, in their order; they stay seen or unseen."""
    check_text("mailbox", mailbox)
    command = criteria.command()

    def look(box: MailBox) -> News:
        validity = _select(box, mailbox)
        start = position
        if validity != position.validity:
            start = position.in_numbering(validity, max(_numbers(box.uids("ALL")), default=0))
        # A range that ends with * always has the last message in it.
        uids = [uid for uid in _numbers(box.uids(f"UID {start.uid + 1}:*")) if uid > start.uid]
        return _taken(box, start, uids[:_MOST_LOOKED_AT], command, more=len(uids) > _MOST_LOOKED_AT)

    return await in_mailbox(account, look, timeout)


async def mark_seen(account: ImapAccount, mailbox: str, validity: int, uids: Sequence[int], timeout: float) -> None:
    """Marks messages as seen, if they still have these UIDs."""

    def mark(box: MailBox) -> None:
        if _select(box, mailbox, readonly=False) != validity:
            return
        named = ",".join(map(str, uids))
        check_command_status(box.client.uid("STORE", named, "+FLAGS.SILENT", r"(\Seen)"), MailboxFlagError)

    if uids:
        await in_mailbox(account, mark, timeout)


def _taken(box: MailBox, position: Position, uids: Sequence[int], command: bytes, *, more: bool) -> News:
    if not uids:
        return News(position)
    described = _describe(box, uids)
    fitting = set(_numbers(box.uids(f"UID {uids[0]}:{uids[-1]} ".encode() + command, CHARSET)))
    messages: list[Arrived] = []
    size = 0
    for uid in uids:
        about = described.get(uid)
        if uid in fitting and position.is_new(uid, about or _UNKNOWN):
            size += min((about or _UNKNOWN).size, LARGEST_MESSAGE)
            if messages and (size > LARGEST_MESSAGE or len(messages) == _MOST_MESSAGES):
                return News(position, messages, more=True)
            messages += _fetched(box, uid)
        position = position.past(uid, about)
    return News(position, messages, more)


def _fetched(box: MailBox, uid: int) -> Iterable[Arrived]:
    try:
        return [Arrived(uid, found) for found in read_messages(box, [str(uid)])]
    except imaplib.IMAP4.abort:
        raise
    except (ImapToolsError, imaplib.IMAP4.error) as error:
        return [Arrived(uid, None, f"the server doesn't give the message: {str(error)[:200]}")]


def _select(box: MailBox, mailbox: str, *, readonly: bool = True) -> int:
    box.folder.set(mailbox, readonly=readonly)
    _, found = box.client.response("UIDVALIDITY")
    value = found[0] if found else None
    if not isinstance(value, bytes) or not value.isdigit():
        raise PermanentError(
            "the IMAP server gives messages no lasting numbers (UIDVALIDITY), so they can't be told apart",
            code="IMAP_ERROR",
        )
    return int(value)


def _describe(box: MailBox, uids: Sequence[int]) -> dict[int, Described]:
    if not uids:
        return {}
    answer = box.client.uid("FETCH", f"{uids[0]}:{uids[-1]}", _DESCRIPTION)
    check_command_status(answer, MailboxFetchError)
    parts, found = answer[1], {}
    for place, part in enumerate(parts):
        if not isinstance(part, tuple):
            continue
        rest = parts[place + 1] if place + 1 < len(parts) else b""
        meta = part[0] + (rest if isinstance(rest, bytes) else b"")
        uid, size = _UID.search(meta), _SIZE.search(meta)
        if uid is None or size is None:
            continue
        arrived = imaplib.Internaldate2tuple(meta)
        key = hashlib.sha256(size[1] + b"\n" + part[1].strip()).hexdigest()[:16]
        found[int(uid[1])] = Described(key, int(time.mktime(arrived)) if arrived else 0, int(size[1]))
    return dict(sorted(found.items()))


def _numbers(uids: Iterable[str]) -> list[int]:
    return sorted(int(uid) for uid in uids)
