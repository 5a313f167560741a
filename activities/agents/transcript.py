"""What was said in one conversation: written once, read as messages for a model."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter

from activities.ports import Transcripts
from nodes.ai_agent.tools import Offer
from nodes.equipment import Document
from nodes.models.chat import Message
from orchestrator.messages import AgentTask
from orchestrator.record import Usage

# Entries of one turn stand in this range; a call's answer stands at ANSWERS and its place.
_TURN = 1000
_OPENED, _SAID, _CORRECTED, _ANSWERS = 0, 1, 2, 10
MOST_CALLS = 100


@dataclass(frozen=True)
class Opened:
    """An agent begins to speak: what it is told, and which tools it is offered."""

    speaker: str
    system: str
    messages: tuple[Message, ...]
    schema: dict[str, Any] | None = None
    sources: tuple[Document, ...] = ()
    offers: tuple[Offer, ...] = ()
    kind: Literal["opened"] = "opened"


@dataclass(frozen=True)
class Said:
    """What a model said in its turn; `node` is the one that stands for the model."""

    message: Message
    usage: Usage
    stop: str
    node: str
    kind: Literal["said"] = "said"


@dataclass(frozen=True)
class Corrected:
    """Why an answer was refused."""

    text: str
    kind: Literal["corrected"] = "corrected"


@dataclass(frozen=True)
class Answered:
    """What a call came to."""

    call_id: str
    text: str
    failed: bool = False
    kind: Literal["answered"] = "answered"


Entry = Opened | Said | Corrected | Answered
E = TypeVar("E", Opened, Said, Corrected, Answered)
_ENTRY: TypeAdapter[Entry] = TypeAdapter(
    Annotated[Entry, Field(discriminator="kind")], config=ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
)


class Transcript:
    """One conversation, as far as it has come."""

    def __init__(self, store: Transcripts, task: AgentTask) -> None:
        self._store = store
        self._task = task
        self._entries: dict[int, Entry] = {}

    async def read(self) -> None:
        """Reads what was said."""
        task = self._task
        found = await self._store.read(task.execution_id, task.agent, task.run_index, task.item)
        self._entries = {position: _ENTRY.validate_json(body) for position, body in found}

    async def write(self, entry: E, place: int = 0) -> E:
        """Adds an entry to this turn; the one that stands, if an earlier attempt had got so far."""
        task = self._task
        position = task.turn * _TURN + _offset(entry, place)
        body = _ENTRY.dump_json(entry).decode()
        stands = await self._store.write(task.execution_id, task.agent, task.run_index, task.item, position, body)
        kept = _ENTRY.validate_json(stands)
        assert isinstance(kept, type(entry)), f"{type(kept).__name__} stands at {position}"
        self._entries[position] = kept
        return kept

    @property
    def opened(self) -> Opened | None:
        """How the agent that speaks now began, if it has."""
        found = [entry for entry in self._in_order() if isinstance(entry, Opened)]
        return found[-1] if found and found[-1].speaker == self._task.speaker else None

    @property
    def said(self) -> Said | None:
        """What the model said in this turn, if it has."""
        entry = self._entries.get(self._task.turn * _TURN + _SAID)
        return entry if isinstance(entry, Said) else None

    def answered(self, place: int) -> Answered | None:
        """The answer to one of this turn's calls, if there is one."""
        entry = self._entries.get(self._task.turn * _TURN + _ANSWERS + place)
        return entry if isinstance(entry, Answered) else None

    @property
    def corrections(self) -> int:
        """How often an answer was refused before this turn."""
        before = self._task.turn * _TURN
        return sum(isinstance(entry, Corrected) for position, entry in self._entries.items() if position < before)

    @property
    def usage(self) -> list[Usage]:
        """What each turn used."""
        return [entry.usage for entry in self._in_order() if isinstance(entry, Said)]

    def messages(self) -> Iterator[Message]:
        """What the model is to answer: the speaker's instructions, and all that was said."""
        opened = self.opened
        assert opened, "the speaker has begun"
        yield Message("system", opened.system)
        begun = False
        for entry in self._in_order():
            match entry:
                case Opened() if not begun:
                    yield from entry.messages
                    begun = True
                case Said():
                    yield entry.message
                case Corrected():
                    yield Message("user", entry.text)
                case Answered():
                    yield Message("tool", entry.text, call_id=entry.call_id)

    def _in_order(self) -> Iterator[Entry]:
        return (self._entries[position] for position in sorted(self._entries))


def offered(opened: Opened) -> Mapping[str, Offer]:
    """The tools that the speaker was offered, by name."""
    return {offer.spec.name: offer for offer in opened.offers}


def _offset(entry: Entry, place: int) -> int:
    match entry:
        case Opened():
            return _OPENED
        case Said():
            return _SAID
        case Corrected():
            return _CORRECTED
        case Answered():
            return _ANSWERS + place
