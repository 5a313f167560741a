"""Takes the messages of chats, and finds what their runs reply."""

import re
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from activities.triggers.ports import Binding
from nodes.base import Item
from nodes.files.files import Files
from orchestrator.record import Status
from services.errors import Unavailable, invalid
from services.identity.signing import Signer
from services.store.events import EventKind
from services.store.keyring import KeyRing
from services.store.triggers import chats
from services.store.triggers.tables import ChatTurnRow
from services.usecases.backend import Backend
from services.usecases.firing import Firing
from services.usecases.outcomes import Outcomes

MAX_MESSAGE = 32 * 1024
_MOST_TURNS = 200
_FAILED = "This message couldn't be answered. Please try again later."
_SESSION = re.compile(r"[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class Reply:
    """What a run replied; not `well` where it failed."""

    text: str
    well: bool = True


class Chatting:
    """The chats of workflows. A session's id is a random text and our signature: nobody guesses or makes one up."""

    def __init__(self, backend: Backend, keys: KeyRing | None) -> None:
        self._backend = backend
        self._firing = Firing(backend)
        self._outcomes = Outcomes(backend)
        self._signer = Signer(keys, "chat") if keys else None

    def new_session(self, binding: Binding) -> str:
        """The id of a chat that begins."""
        chat = secrets.token_urlsafe(16)
        return f"{chat}.{self._signing().sign(binding.workflow_id, chat)}"

    def known(self, binding: Binding, session_id: str) -> bool:
        """Whether it is the id of a chat with this workflow."""
        chat, _, signature = session_id.partition(".")
        return bool(_SESSION.fullmatch(session_id)) and self._signing().valid(signature, binding.workflow_id, chat)

    async def say(self, binding: Binding, session_id: str, message: object, message_id: str = "") -> str:
        """Starts the run that answers a message, once for each message id; its execution id."""
        if not isinstance(message, str) or not message.strip() or "\0" in message:
            raise invalid("BAD_MESSAGE", "the message must be a text that says something", "message")
        if len(message) > MAX_MESSAGE:
            raise invalid("BAD_MESSAGE", f"the message has more than {MAX_MESSAGE:,} characters", "message")
        chat = _chat(session_id)

        async def items(files: Files) -> Sequence[Item]:
            return [{"json": {"session_id": chat, "message": message}}]

        event_id = f"{chat}:{message_id}" if message_id else ""
        execution_id = await self._firing.start(binding, event_id, items)
        async with self._backend.database.transaction() as session:
            await chats.add(session, binding.workflow_id, chat, execution_id, message)
        return execution_id

    async def reply(self, execution_id: str, seconds: float) -> Reply | None:
        """What the run replies; None if it still works after so many seconds."""
        outcome = await self._outcomes.wait(execution_id, seconds)
        if outcome is None:
            return None
        well = outcome.status is Status.COMPLETED
        reply = Reply(outcome.text() if well else _FAILED, well)
        async with self._backend.database.transaction() as session:
            await chats.reply(session, execution_id, reply.text)
        return reply

    async def listen(self, execution_id: str) -> AsyncIterator[str]:
        """What models say while the run goes on, until it has ended."""
        kinds = {EventKind.NODE_PROGRESS, EventKind.EXECUTION_FINISHED}
        async for event, _ in self._outcomes.reader.watch(execution_id, 0, kinds, resumable=False):
            if event.kind is EventKind.NODE_PROGRESS:
                yield event.text

    async def turns(self, binding: Binding, session_id: str, seconds: float) -> Sequence[ChatTurnRow]:
        """What was said, with the replies there are; the last one is waited for so long."""
        async with self._backend.database.reading() as session:
            found = await chats.turns(session, binding.workflow_id, _chat(session_id), _MOST_TURNS)
        for turn in found:
            if turn.reply is None:
                reply = await self.reply(turn.execution_id, seconds if turn is found[-1] else 0.1)
                turn.reply = reply.text if reply else None
        return found

    def _signing(self) -> Signer:
        if self._signer is None:
            raise Unavailable("SECRET_KEY_MISSING", "the server has no SECRET_KEY, so it can't sign sessions")
        return self._signer


def _chat(session_id: str) -> str:
    return session_id.partition(".")[0]
