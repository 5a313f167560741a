"""What a channel shows to people: what is asked, of whom, until when, and why now."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from orchestrator.task_form import TaskField, TaskOption


@dataclass(frozen=True)
class PersonalLink:
    """An address at which one person answers one task, and the code to type there."""

    url: str
    code: str


# Makes a link for a person; None where there is no address that people could open.
Links = Callable[[str], Awaitable[PersonalLink | None]]


@dataclass(frozen=True)
class Request:
    """A task as people see it. `kind` is what happened: asked, reminded, escalated or reassigned."""

    task_id: str
    title: str
    message: str
    options: tuple[TaskOption, ...]
    fields: tuple[TaskField, ...] = ()
    assignees: tuple[str, ...] = ()
    deadline: datetime | None = None
    kind: str = "asked"
    by: str = ""
    reason: str = ""

    @property
    def heading(self) -> str:
        """The title, with why it comes now."""
        words = {"reminded": "Reminder: ", "escalated": "Passed on to you: ", "reassigned": "Given to you: "}
        return words.get(self.kind, "") + self.title

    @property
    def notes(self) -> list[str]:
        """What else there is to say, a line each."""
        lines = []
        if self.kind == "reassigned" and (self.by or self.reason):
            by = f"by {self.by}" if self.by else ""
            lines.append(f"Given to you {by}{': ' if self.reason else ''}{self.reason}".strip())
        if self.deadline is not None:
            lines.append(f"Please answer until {self.deadline:%Y-%m-%d %H:%M} UTC.")
        return lines

    def of(self, prefix: str) -> list[str]:
        """The ids of those assignees that belong to a channel, such as `slack`."""
        start = f"{prefix}:"
        return [name[len(start) :].strip() for name in self.assignees if name.lower().startswith(start)]


def button(position: int, task_id: str) -> str:
    """What a pressed button sends us: the option's position and the task, short enough for every channel."""
    return f"{position}:{task_id}"


def clipped(text: str, most: int) -> str:
    """A text that a channel takes."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
