"""What a model is asked and what it answers, whichever wire format it came in."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """A tool that is called; without an id it gets one."""

    name: str
    arguments: str = "{}"
    id: str = ""


@dataclass(frozen=True)
class Turn:
    """One message; tools' answers have the role `tool` in either format."""

    role: Literal["system", "user", "assistant", "tool"]
    text: str = ""
    calls: tuple[Call, ...] = ()
    call_id: str = ""
    pictures: int = 0


@dataclass(frozen=True)
class Ask:
    """A request; `attempt` counts those before it that asked exactly the same."""

    provider: Literal["openai", "anthropic"]
    model: str
    turns: tuple[Turn, ...]
    tools: tuple[str, ...] = ()
    schema: Json | None = None
    tool_choice: str = "auto"
    stream: bool = False
    body: Json = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    attempt: int = 0

    @property
    def conversation(self) -> str:
        """What the conversation is known by: the first thing that the user says."""
        return next((turn.text for turn in self.turns if turn.role == "user"), "")

    @property
    def prompt(self) -> str:
        """The last thing that the user says."""
        return next((turn.text for turn in reversed(self.turns) if turn.role == "user"), "")

    @property
    def result(self) -> str:
        """The last answer of a tool."""
        return next((turn.text for turn in reversed(self.turns) if turn.role == "tool"), "")

    @property
    def turn(self) -> int:
        """How often the model has spoken in this conversation."""
        return sum(turn.role == "assistant" for turn in self.turns)

    @property
    def step(self) -> int:
        """How often the model has spoken since the user last did."""
        spoken = 0
        for turn in reversed(self.turns):
            if turn.role == "user":
                break
            spoken += turn.role == "assistant"
        return spoken

    @property
    def digest(self) -> str:
        """What two requests share that ask the same."""
        return hashlib.sha256(json.dumps([self.model, repr(self.turns)]).encode()).hexdigest()[:16]

    @property
    def input_tokens(self) -> int:
        """One for each word."""
        return sum(len(turn.text.split()) for turn in self.turns) or 1


@dataclass(frozen=True)
class Reply:
    """How to answer: by text, by calls, by an error; `pace` is the time between pieces, in seconds like `delay`.

    After `breaks_after` pieces the connection is cut, or `error` told in the stream if there is one.
    """

    text: str = ""
    calls: Sequence[Call] = ()
    stop: Literal["", "length", "refusal"] = ""
    thinking: str = ""
    status: int = 200
    error: str = ""
    kind: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    delay: float = 0.0
    pace: float = 0.0
    breaks_after: int | None = None
    cached_tokens: int = 0
    counts: bool = True

    @property
    def output_tokens(self) -> int:
        """One for each word, and for each piece of the calls' arguments."""
        written = (self.text, self.thinking, *(f"{call.name} {call.arguments}" for call in self.calls))
        return sum(len(text.split()) for text in written) or 1


class Refused(Exception):
    """A request that no provider would take."""


def require(fits: object, message: str) -> None:
    """Refuses a request unless it fits."""
    if not fits:
        raise Refused(message)


def check_calls(turns: Sequence[Turn]) -> None:
    """Each call is answered right after it, and nothing else is."""
    open_calls: set[str] = set()
    for position, turn in enumerate(turns):
        if turn.role == "tool":
            require(turn.call_id in open_calls, f"messages.{position}: no call before it has the id {turn.call_id!r}")
            open_calls.discard(turn.call_id)
            continue
        require(not open_calls, f"messages.{position}: the calls {sorted(open_calls)} have no answer")
        open_calls = {call.id for call in turn.calls}
    require(not open_calls, f"the calls {sorted(open_calls)} have no answer")
