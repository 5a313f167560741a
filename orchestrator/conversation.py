"""Where an agent stands: which turn comes next and which calls are unanswered, never what was said."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from orchestrator.items import EMPTY, Items

Route = Literal["node", "workflow", "agent"]


@dataclass(frozen=True)
class ToolRequest:
    """One call that a model asks for: the `place`th of its turn.

    `provider` is the node that serves it, by a `route`: its executor in an activity, a run of the workflow
    `workflow_id`, or a conversation with that agent. `given` is what the other workflow or agent is to work on.
    `approval` is the id under which a person must allow it first.
    """

    place: int
    provider: str
    tool: str
    route: Route = "node"
    workflow_id: str = ""
    given: Items = EMPTY
    approval: str = ""


@dataclass
class Conversation:
    """One agent at work on one prompt after the other.

    `agent` is the node that it began with, `speaker` the one that speaks now. `prompt` is what another agent asks, in
    place of the parameter; work on it began at `since`. `calls` are what this turn's model asked for and has no answer
    yet; `successor` speaks after it. `outputs` collects what came of earlier prompts. `parked` waits for the run to
    continue as new, `waits` counts the calls about which people are asked.
    """

    agent: str
    speaker: str
    run_index: int
    inputs: list[Items] = field(default_factory=list)
    reads: dict[str, dict[str, Items]] = field(default_factory=dict)
    trigger: Items = EMPTY
    prompt: Items | None = None
    item: int = 0
    turn: int = 0
    since: datetime | None = None
    calls: list[ToolRequest] = field(default_factory=list)
    successor: str = ""
    outputs: dict[str, Items] = field(default_factory=dict)
    parked: bool = False
    waits: int = 0
