"""What an item says of a message, as far as the message can be read."""

from collections.abc import Callable, Sequence
from typing import Any

from imap_tools import MailMessage
from imap_tools.message import MailAttachment

from nodes.base import Item
from nodes.errors import PermanentError
from nodes.files.files import Files
from nodes.mail.following import Arrived

LONGEST_TEXT = 1_000_000
_MOST_HEADERS = 500
_MOST_ATTACHMENTS = 100


class Reading:
    """Reads one message; `problems` are what couldn't be read of it."""

    def __init__(self, arrived: Arrived) -> None:
        self.problems = [arrived.problem] if arrived.problem else []
        self._uid = arrived.uid
        self._found = arrived.found

    async def item(self, files: Files) -> Item:
        """The message, its attachments as files."""
        data: dict[str, Any] = {"uid": self._uid}
        attached: dict[str, Any] = {}
        if self._found is not None:
            mail = self._found.message
            if not self._found.complete:
                self.problems.append("the message is too large; its content was left out")
            data |= self._heading(mail)
            attachments = self._part("attachments", lambda: list(mail.attachments), []) if self._found.complete else []
            data["attachments"], attached = await self._stored(files, attachments)
        if self.problems:
            data["problem"] = "; ".join(self.problems)
        item: Item = {"json": _sendable(data)}
        if attached:
            item["files"] = _sendable(attached)
        return item

    def _heading(self, mail: MailMessage) -> dict[str, Any]:
        return {
            "message_id": self._part("message_id", lambda: str(mail.obj.get("message-id", "")).strip(), ""),
            "from": self._part("from", lambda: mail.from_, ""),
            "to": self._part("to", lambda: list(mail.to), []),
            "cc": self._part("cc", lambda: list(mail.cc), []),
            "reply_to": self._part("reply_to", lambda: list(mail.reply_to), []),
            "subject": self._part("subject", lambda: mail.subject, ""),
            "date": self._part("date", lambda: mail.date.isoformat() if mail.date_str else "", ""),
            "text": self._text("text", lambda: mail.text),
            "html": self._text("html", lambda: mail.html),
            "headers": self._part("headers", lambda: _headers(mail), {}),
            "size": self._part("size", lambda: mail.size_rfc822, 0),
        }

    def _text(self, name: str, read: Callable[[], str]) -> str:
        text = str(self._part(name, read, ""))
        if len(text) > LONGEST_TEXT:
            self.problems.append(f"{name} was cut to {LONGEST_TEXT:,} of its {len(text):,} characters")
        return text[:LONGEST_TEXT]

    def _part(self, name: str, read: Callable[[], Any], otherwise: Any) -> Any:
        try:
            return read()
        except Exception as error:  # noqa: BLE001 - a stranger wrote it: the parsers raise whatever they stumble over
            self.problems.append(f"{name} can't be read: {type(error).__name__}: {str(error)[:100]}")
            return otherwise

    async def _stored(
        self, files: Files, attachments: Sequence[MailAttachment]
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        if len(attachments) > _MOST_ATTACHMENTS:
            self.problems.append(f"of its {len(attachments)} attachments the first {_MOST_ATTACHMENTS} were taken")
        described, stored = [], {}
        for number, one in enumerate(attachments[:_MOST_ATTACHMENTS], 1):
            what = f"attachment {number}"
            name = self._part(what, lambda one=one: one.filename, "") or "attachment"  # type: ignore[misc]
            kind = self._part(what, lambda one=one: one.content_type, "")  # type: ignore[misc]
            content = self._part(what, lambda one=one: one.payload, b"")  # type: ignore[misc]
            described.append({"name": name, "content_type": kind, "size": len(content)})
            try:
                stored[f"attachment_{number}"] = await files.create(name, kind, content)
            except PermanentError as error:
                self.problems.append(f"{what} isn't kept: {error.message}")
        return described, stored


def _headers(mail: MailMessage) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in list(mail.obj.items())[:_MOST_HEADERS]:
        key, text = name.lower(), " ".join(str(value).split())
        found[key] = f"{found[key]}\n{text}" if key in found else text
    return found


def _sendable(value: Any) -> Any:
    """The same without halves of characters, which no JSON can hold."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_sendable(key): _sendable(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [_sendable(child) for child in value]
    return value
