"""What to search a mailbox for, as fields; no text of a user's is read as an IMAP command."""

import datetime
import re
from dataclasses import dataclass

from imap_tools import AND

from nodes.errors import PermanentError

_LONGEST = 500
_UNSENDABLE = re.compile("[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Criteria:
    """All that is given must hold; texts are found anywhere in their field, whatever their case."""

    sender: str = ""
    to: str = ""
    subject: str = ""
    text: str = ""
    since: datetime.date | None = None
    before: datetime.date | None = None
    unseen: bool = False
    flagged: bool = False

    def command(self) -> bytes:
        """The criteria as IMAP has them; PermanentError names a text that can't be searched for."""
        texts = {"from": self.sender, "to": self.to, "subject": self.subject, "text": self.text}
        for name, value in texts.items():
            check_text(name, value)
        given = AND(
            all=True,
            from_=self.sender or None,
            to=self.to or None,
            subject=self.subject or None,
            text=self.text or None,
            date_gte=self.since,
            date_lt=self.before,
            seen=False if self.unseen else None,
            flagged=True if self.flagged else None,
        )
        return str(given).encode("utf-8")


def check_text(name: str, value: str) -> None:
    """PermanentError if a text could end an IMAP command, or is too long for one."""
    if _UNSENDABLE.search(value):
        raise PermanentError(f'"{name}" has a line break or another control character', code="INVALID_PARAMETER")
    if len(value) > _LONGEST:
        raise PermanentError(f'"{name}" has more than {_LONGEST} characters', code="INVALID_PARAMETER")
