"""What a pressed button of a chat service means, and what its presser is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from nodes.credentials.credential import Credential
from orchestrator import exact_json
from orchestrator.people import folded
from orchestrator.task_form import TaskField, TaskOption, find_option
from services.errors import NotFound, ServiceError
from services.gateway.site import Site
from services.identity.caller import Caller, Role, set_caller
from services.store import human_tasks
from services.store.adapters import StoredPeople
from services.store.human_tasks import Task
from services.store.people.asking import fields_of
from services.usecases.answering import Answering, Given, Person, closed

GONE = "This task isn't there any more."
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Sender:
    """A credential that proved a callback to be its service's, and the workspace that it belongs to."""

    workspace: str
    credential: Credential


@dataclass(frozen=True)
class Pressed:
    """A task, and the option whose button was pressed."""

    task: Task
    option: TaskOption
    position: int

    @property
    def fields(self) -> tuple[TaskField, ...]:
        """What is to be filled in."""
        return fields_of(self.task.row)

    @property
    def base_url(self) -> str:
        """Where the task's channel has its API, empty for the usual place."""
        delivery: dict[str, Any] = exact_json.loads(self.task.row.delivery or "{}")
        return str(delivery.get("base_url", ""))


class Refusal(Exception):
    """What the presser is told instead, in words."""


def speaks(sender: Sender, name: str, address: str) -> None:
    """Says who calls: somebody whom the service vouches for, such as `slack:U1`, in its credential's workspace."""
    set_caller(Caller(name, sender.workspace, Role.APPROVER, address, name.partition(":")[0]))


async def find(site: Site, value: str, sender: Sender, channel: str) -> Pressed:
    """The task of a button that this sender's message had; Refusal if there is none, or nothing to decide any more."""
    head, _, task_id = value.partition(":")
    try:
        async with site.backend.database.reading() as session:
            task = await human_tasks.get(session, task_id[:64].replace("\0", ""), sender.workspace)
    except NotFound:
        raise Refusal(GONE) from None
    if task.row.channel != channel or task.row.credential != sender.credential.id:
        raise Refusal(GONE)
    if task.status != "OPEN":
        raise Refusal(_sentence(closed(task).message))
    option = _option(task.options, head)
    if option is None:
        raise Refusal(GONE)
    return Pressed(task, option, task.options.index(option))


def check(pressed: Pressed, names: Sequence[str]) -> None:
    """Refusal unless somebody of these names is among those who may answer."""
    row = pressed.task.row
    own, assignees, excluded = ({folded(name) for name in some} for some in (names, row.assignees, row.excluded))
    if own & excluded or (assignees and not own & assignees):
        raise Refusal(f"Thank you, but this isn't for you to decide: {row.title[:200]}")


def person(pressed: Pressed, names: Sequence[str], via: str) -> Person:
    """Who presses, by the name that the task has for them."""
    assignees = {folded(name) for name in pressed.task.row.assignees}
    name = next((name for name in names if folded(name) in assignees), names[0])
    return Person(name, tuple(other for other in names if other != name), via)


async def answer(site: Site, pressed: Pressed, who: Person, filled: dict[str, Any], comment: str, address: str) -> str:
    """Answers the task; what the person is told. ServiceError if it can't be answered so."""
    row = pressed.task.row
    set_caller(Caller(who.name, row.workspace, Role.APPROVER, address, who.via.lower()))
    fields = exact_json.dumps(filled) if filled else ""
    given = Given(row.id, pressed.option.name, comment=comment, fields_json=fields)
    taken = (await Answering(site.backend).take(pressed.task, given, who)).taken
    if not taken.decision:
        return f"Thank you. {taken.agreed} of {taken.required} people have agreed."
    return f"Thank you. Your answer: {pressed.option.text}."


async def tried(site: Site, pressed: Pressed, who: Person, filled: dict[str, Any], comment: str, address: str) -> str:
    """As `answer`, but a refusal is what the person is told, too."""
    try:
        return await answer(site, pressed, who, filled, comment, address)
    except ServiceError as error:
        return _sentence(error.message)


async def personal_link(site: Site, pressed: Pressed, name: str) -> str:
    """A link for one person with its code, as a text for their eyes alone."""
    people = StoredPeople(site.backend.database, lambda: site.public_url)
    link = await people.link(pressed.task.row.id, name)
    if link is None:
        return "This task has a form, and it isn't known where people reach this installation."
    return f"Please fill in the form: {link.url}\nYour code, to type there: {link.code}"


def _option(options: tuple[TaskOption, ...], head: str) -> TaskOption | None:
    if head.isascii() and head.isdigit():
        position = int(head[:6])
        return options[position] if position < len(options) else None
    return find_option(options, head)


def _sentence(message: str) -> str:
    return f"{message[:1].upper()}{message[1:400]}."


__all__ = ["Pressed", "Refusal", "Sender", "answer", "find", "tried"]
