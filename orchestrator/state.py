"""Where a run stands: everything the interpreter knows, serialisable, so that it can be queried and carried over."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from orchestrator.commands import Ask, AwaitCall, CallWorkflow, Converse, Iterate, Sleep
from orchestrator.conversation import Conversation
from orchestrator.errors import RunError
from orchestrator.items import EMPTY, Items
from orchestrator.people import Asking, Desk
from orchestrator.plan import ROOT
from orchestrator.record import NodeRecord

ROOT_SCOPE = ""
JOINED = -1


@dataclass(frozen=True, slots=True)
class Task:
    """One thing that may be done now.

    `run` runs a node, `open` resolves what a LOOP is to do, `test` evaluates its condition, `merge` rewrites
    many small parts of what it collected as one. `branch` tells the runs of a `fan_in: each` node apart;
    `pile` says which collection to merge (an edge; JOINED for what came back), and which of its parts.
    """

    kind: Literal["run", "open", "test", "merge"]
    scope: str
    node: int
    branch: int = JOINED
    pile: int = JOINED
    start: int = 0
    parts: int = 0

    @property
    def key(self) -> str:
        """Names this task within its run."""
        return f"{self.kind}|{self.scope}|{self.node}|{self.branch}|{self.pile}"


@dataclass(frozen=True)
class Done:
    """A node ran: its items by output port."""

    outputs: dict[str, Items]


@dataclass(frozen=True)
class Failed:
    """A node failed for good."""

    error: RunError


@dataclass(frozen=True)
class Suspended:
    """A control node asks the workflow to wait, to call another workflow, to have an agent work, or to ask people."""

    command: Sleep | AwaitCall | CallWorkflow | Converse | Ask


@dataclass(frozen=True)
class Opened:
    """A loop's parameters are known."""

    spec: Iterate


@dataclass(frozen=True)
class Tested:
    """A loop's condition was evaluated."""

    holds: bool


@dataclass(frozen=True)
class Merged:
    """Many parts of a collection, rewritten as one."""

    items: Items


Outcome = Done | Failed | Suspended | Opened | Tested | Merged


@dataclass
class Scope:
    """One pass over a region: the whole run, or one iteration of a loop's body.

    `unsettled` counts the region's nodes that haven't run, failed or been skipped. An edge in `delivered` has
    items that its target hasn't consumed yet. `unresolved` counts, for a node, the incoming edges that may still
    deliver (absent: all of them). `exits` are items on their way out of the enclosing loops.
    """

    key: str
    region: int = ROOT
    parent: str = ROOT_SCOPE
    iteration: int = 0
    run_index: int = 0
    parallel: bool = False
    unsettled: int = 0
    unresolved: dict[int, int] = field(default_factory=dict)
    delivered: dict[int, Items] = field(default_factory=dict)
    settled: dict[int, Literal["ran", "skipped"]] = field(default_factory=dict)
    kept: dict[int, dict[str, Items]] = field(default_factory=dict)
    exits: dict[int, Items] = field(default_factory=dict)
    branches: dict[int, dict[int, dict[str, Items]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Returned:
    """What an iteration ended with: items by edge (JOINED: what came back), and the outputs others may read."""

    items: dict[int, Items]
    kept: dict[int, dict[str, Items]]


@dataclass
class LoopRun:
    """One LOOP while it goes round: what it iterates over, and what came back so far.

    `piles` collect in iteration order: JOINED what came back, otherwise what left on that edge. Iterations that
    end early wait in `returned` until those before them have ended. When it is `over`, only merges are waited for.
    """

    node: int
    scope: str
    spec: Iterate
    carry: Items
    started: int = 0
    ended: int = 0
    open: list[str] = field(default_factory=list)
    since: datetime | None = None
    returned: dict[int, Returned] = field(default_factory=dict)
    piles: dict[int, Items] = field(default_factory=dict)
    merging: list[int] = field(default_factory=list)
    over: bool = False


@dataclass(frozen=True)
class Waiting:
    """A node that the workflow waits for, and since when."""

    task: Task
    command: Sleep | AwaitCall | CallWorkflow | Converse | Ask
    since: datetime


@dataclass
class RunState:
    """A run between two decisions.

    `ready` may start, `running` has started (by task key), `waiting` waits for time, a child or a person.
    `journal` holds what is still to be written to the record, `unconfirmed` what may have been written already: it is
    looked after when there is something to be written next. `iterations` counts each loop's iterations over
    all its runs, which numbers them. `conversations` are agents at work: by task key, and below it by the call that
    another agent made. `served` counts what nodes did for others, which numbers those node runs, `node_runs` all other
    node runs that are over. `desk` has what people are asked, `asking` the node runs that ask it, by task key. `calls`
    are those that came for nodes that wait for one, by task key.
    """

    scopes: dict[str, Scope] = field(default_factory=dict)
    loops: dict[str, LoopRun] = field(default_factory=dict)
    ready: list[Task] = field(default_factory=list)
    running: dict[str, Task] = field(default_factory=dict)
    waiting: dict[str, Waiting] = field(default_factory=dict)
    results: dict[int, Items] = field(default_factory=dict)
    journal: list[NodeRecord] = field(default_factory=list)
    unconfirmed: list[NodeRecord] = field(default_factory=list)
    iterations: dict[int, int] = field(default_factory=dict)
    conversations: dict[str, Conversation] = field(default_factory=dict)
    served: int = 0
    node_runs: int = 0
    desk: Desk = field(default_factory=Desk)
    asking: dict[str, Asking] = field(default_factory=dict)
    calls: dict[str, Items] = field(default_factory=dict)
    error: RunError | None = None
    paused: bool = False


__all__ = [
    "EMPTY",
    "JOINED",
    "ROOT_SCOPE",
    "Done",
    "Failed",
    "LoopRun",
    "Merged",
    "Opened",
    "Outcome",
    "Returned",
    "RunState",
    "Scope",
    "Suspended",
    "Task",
    "Tested",
    "Waiting",
]
