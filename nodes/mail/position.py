"""How far a mailbox was read, also when its server numbers the messages anew."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

# So many messages are known again after their UIDs have changed.
MOST_KNOWN = 500


@dataclass(frozen=True)
class Described:
    """What tells a message from others whatever its UID is: a key of its content, and when it arrived."""

    key: str
    arrived: int
    size: int = 0


@dataclass(frozen=True)
class Position:
    """The last message that was looked at.

    `known` are the keys of the latest of these, and `newest` is when the newest arrived. Once the server has changed
    its UIDs, the messages up to `renumbered` are only new if they arrived at `floor` or later, and weren't known.
    """

    validity: int
    uid: int
    newest: int = 0
    known: tuple[str, ...] = field(default=())
    renumbered: int = 0
    floor: int = 0
    before: tuple[str, ...] = field(default=())

    @classmethod
    def read(cls, state: Mapping[str, Any]) -> "Position":
        """The position that a state holds."""
        lists = {name: tuple(state.get(name, ())) for name in ("known", "before")}
        return cls(**{**state, **lists})

    def state(self) -> dict[str, Any]:
        """The position as JSON."""
        found = {"validity": self.validity, "uid": self.uid, "newest": self.newest, "known": list(self.known)}
        if self.renumbered:
            found |= {"renumbered": self.renumbered, "floor": self.floor, "before": list(self.before)}
        return found

    def in_numbering(self, validity: int, last: int) -> "Position":
        """The position among UIDs that may be others than before; `last` is the largest there is."""
        if validity == self.validity:
            return self
        # While a renumbered mailbox is still being read, what counts is what was known before that.
        return Position(validity, 0, self.newest, self.known, last, self.newest, self.known)

    def is_new(self, uid: int, described: Described) -> bool:
        """Whether the message behind the position was never looked at."""
        if uid > self.renumbered:
            return True
        return described.arrived >= self.floor and described.key not in self.before

    def past(self, uid: int, described: Described | None) -> "Position":
        """The position after one more message."""
        moved = replace(self, uid=uid)
        if uid >= self.renumbered:
            moved = replace(moved, renumbered=0, floor=0, before=())
        if described is None:
            return moved
        known = (*(key for key in self.known if key != described.key), described.key)[-MOST_KNOWN:]
        return replace(moved, known=known, newest=max(self.newest, described.arrived))
