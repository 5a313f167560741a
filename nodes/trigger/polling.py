"""What triggers share that look for news again and again."""

from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from pydantic import BaseModel

from nodes.base import Item, NodeExecutionContext, P
from nodes.files.files import Files
from nodes.trigger.manual import Trigger

State = Mapping[str, Any]


@dataclass(frozen=True)
class Event:
    """Something new that starts one run; `id` is the same whenever it is found again."""

    id: str
    item: Callable[[Files], Awaitable[Item]]


@dataclass(frozen=True)
class Mark:
    """How far a poll has come: what was found before has its runs; `due` is when something is known to happen."""

    state: State
    due: datetime | None = None


class PollingTrigger(Trigger[P]):
    """A trigger that polls.

    Its contexts have the node's parameters, credentials and the time, but no items. What it knows is a JSON object,
    its state; it belongs to the `source` of the parameters: another source begins anew.
    """

    polls: ClassVar[bool] = True

    @abstractmethod
    def source(self, parameters: Any) -> str:
        """What is polled, as far as the state depends on it."""

    @abstractmethod
    def interval(self, parameters: Any) -> float:
        """Seconds from one poll to the next."""

    @abstractmethod
    async def begin(self, context: NodeExecutionContext[P]) -> State:
        """The state at the present end: nothing that is there already is an event."""

    @abstractmethod
    def poll(self, context: NodeExecutionContext[P], state: State) -> AsyncIterator[Event | Mark]:
        """What is new; it goes on after an event once that has its run, after a mark once that is stored.

        After a crash it begins again at the last mark, so it may give an event twice.
        """

    def read(self, parameters: Mapping[str, Any]) -> BaseModel:
        """The parameters that a binding keeps, as the model."""
        return self.parse(parameters)
