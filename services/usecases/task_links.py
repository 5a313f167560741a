"""How outsiders answer a task by the link that was sent to them."""

from dataclasses import dataclass

from orchestrator.people import folded
from services.errors import precondition
from services.identity.caller import Caller, Role, set_caller
from services.store import human_tasks
from services.store.human_tasks import Task
from services.store.people import links
from services.store.people.tables import TaskLinkRow
from services.usecases.answering import Answered, Answering, Given, Person
from services.usecases.backend import Backend


@dataclass(frozen=True)
class Opened:
    """A link that is good, and its task."""

    link: TaskLinkRow
    task: Task


class TaskLinks:
    """Opens links, and takes what people answer by them."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def open(self, token: str) -> Opened | None:
        """The task of a token; None if there is none, or its person may not answer any more."""
        async with self._backend.database.reading() as session:
            link = await links.find(session, token)
            if link is None:
                return None
            task = await human_tasks.get(session, link.task_id)
        assignees = {folded(name) for name in task.row.assignees}
        if assignees and folded(link.recipient) not in assignees:
            return None
        return Opened(link, task)

    async def confirm(self, opened: Opened, token: str, code: str) -> None:
        """PreconditionFailed unless it is the link's code, which may be tried a few times."""
        async with self._backend.database.transaction() as session:
            left = await links.attempt(session, token)
        if not left:
            message = "there were too many wrong codes; wait for the reminder, or ask for another link"
            raise precondition("TOO_MANY_ATTEMPTS", message)
        if not links.fits(opened.link, token, code):
            raise precondition("WRONG_CODE", "that isn't the code of the message that the link was in")

    async def answer(self, opened: Opened, token: str, given: Given, address: str) -> Answered:
        """Answers the task for the link's person."""
        row = opened.task.row
        person = Person(opened.link.recipient, (), row.channel, token)
        set_caller(Caller(person.name, row.workspace, Role.APPROVER, address, "link"))
        return await Answering(self._backend).take(opened.task, given, person)
