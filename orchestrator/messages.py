"""What the workflow and its activities say to each other."""

from dataclasses import dataclass, field
from datetime import datetime

from orchestrator.conversation import ToolRequest
from orchestrator.errors import RunError
from orchestrator.items import Items
from orchestrator.people import Answer, OpenTask
from orchestrator.record import ExecutionRecord
from orchestrator.start import RunStart
from orchestrator.state import Outcome, RunState, Task

# What the workflow's code does at its edges changes by this number: a run keeps the one it began with.
# 2: a run that completes leaves its status to Temporal's own ExecutionStatus.
REVISION = 2


@dataclass(frozen=True)
class RunRequest:
    """The workflow's input: what to run, and where an earlier part of the same run stopped."""

    start: RunStart
    state: RunState | None = None
    deadline: datetime | None = None
    revision: int = 1


@dataclass(frozen=True)
class RunResult:
    """The workflow's result: the result items by node name."""

    outputs: dict[str, Items]


@dataclass(frozen=True)
class AdvanceRequest:
    """Run the ready tasks of `state`, and all that becomes ready by them, as long as they are pure.

    `now` is the instant that $now means. The state's journal is written down too, and `execution`, the run's own
    state, where the workflow knows that it changed. A `brief` call keeps the workflow waiting and stops early.
    """

    start: RunStart
    state: RunState
    now: datetime
    execution: ExecutionRecord | None = None
    brief: bool = True


@dataclass(frozen=True)
class Step:
    """One task that was done."""

    task: Task
    outcome: Outcome


@dataclass(frozen=True)
class AdvanceResult:
    """What was done, in order.

    `recorded` are the keys of what is written down of the interpreter's own journal; `ended` says that the end
    of the run is, `more` that there was more to do than one call does. `over` says that an end of the run was on
    record before: that of an earlier attempt at its last task.
    """

    steps: list[Step] = field(default_factory=list)
    recorded: list[str] = field(default_factory=list)
    ended: bool = False
    more: bool = False
    over: bool = False


@dataclass(frozen=True)
class NodeTask:
    """Run one effectful node.

    `journaled` says that the workflow sees to it that the node run is recorded: with what the result says of it.
    """

    execution_id: str
    version_id: str
    mode: str
    node: str
    run_index: int
    inputs: list[Items]
    reads: dict[str, dict[str, Items]]
    trigger: Items
    now: datetime
    journaled: bool = False


@dataclass(frozen=True)
class Ran:
    """How a node run went, for its record."""

    started_at: datetime
    finished_at: datetime
    attempt: int = 1


@dataclass(frozen=True)
class NodeResult:
    """The node's items by output port; without `ran` the node run is recorded already."""

    outputs: dict[str, Items]
    ran: Ran | None = None


@dataclass(frozen=True)
class SpillRequest:
    """Move data that lies inline to the payload store."""

    execution_id: str
    items: list[Items]


@dataclass(frozen=True)
class ChildRequest:
    """Record a run of another workflow that this run is about to start."""

    execution_id: str
    parent_execution_id: str
    workflow_id: str
    mode: str
    trigger_subtype: str
    at: datetime


@dataclass(frozen=True)
class ChildPlan:
    """The run that was recorded, or why there can be none."""

    start: RunStart | None = None
    error: RunError | None = None


@dataclass(frozen=True)
class AgentTask:
    """Where an agent's work stands, for an activity that does one step of it.

    `agent` and `run_index` name the node run, `speaker` is the agent whose turn it is. `prompt` is what another
    agent asks. `step` is the number of the node run that the step is recorded as.
    """

    execution_id: str
    version_id: str
    mode: str
    agent: str
    run_index: int
    speaker: str
    item: int
    turn: int
    step: int
    inputs: list[Items]
    reads: dict[str, dict[str, Items]]
    trigger: Items
    now: datetime
    prompt: Items | None = None


@dataclass(frozen=True)
class TurnResult:
    """What came of a model's turn: calls to be answered, another speaker, or the end.

    At the end `outputs` are what the agent emits; `chain` is the agent that works on them next.
    """

    calls: list[ToolRequest] = field(default_factory=list)
    speaker: str = ""
    outputs: dict[str, Items] | None = None
    chain: str = ""
    error: RunError | None = None


@dataclass(frozen=True)
class ToolTask:
    """Answer one call: by running its provider, or with what a person or another workflow or agent said."""

    work: AgentTask
    request: ToolRequest
    answer: Items | None = None
    refusal: str = ""
    decision: Answer | None = None


@dataclass(frozen=True)
class ToolResult:
    """A call was answered; `error` ends the agent's work."""

    error: RunError | None = None


@dataclass(frozen=True)
class AskTask:
    """Ask people about each item of one node run."""

    execution_id: str
    version_id: str
    mode: str
    node: str
    run_index: int
    inputs: list[Items]
    reads: dict[str, dict[str, Items]]
    trigger: Items
    now: datetime


@dataclass(frozen=True)
class AskResult:
    """The tasks that were given to people, and what goes on in place of items that none could be made of."""

    tasks: list[OpenTask] = field(default_factory=list)
    outputs: dict[int, dict[str, Items]] = field(default_factory=dict)
    error: RunError | None = None


@dataclass(frozen=True)
class Notice:
    """Something that those who are to answer a task must hear: `kind` is what the task's event will be.

    `assignees` are whom it is for now, `deadline` until when; `number` tells it from others of its kind.
    """

    task_id: str
    kind: str
    number: int
    assignees: tuple[str, ...] = ()
    deadline: datetime | None = None
    by: str = ""
    reason: str = ""


@dataclass(frozen=True)
class NotifyTask:
    """Give notices to people."""

    execution_id: str
    version_id: str
    mode: str
    node: str
    run_index: int
    notices: list[Notice]


@dataclass(frozen=True)
class Settlement:
    """How a task ended: by an answer, by nobody's, or (`expired` and an answer) by the default one.

    `port` is where the item goes; empty: the node fails for it. `votes` are the answers of each of the people, where
    several must agree.
    """

    task_id: str
    item: int
    port: str = ""
    answer: Answer | None = None
    expired: bool = False
    votes: tuple[Answer, ...] = ()


@dataclass(frozen=True)
class SettleTask:
    """Write down how tasks ended, show it where they were asked, and emit their items."""

    execution_id: str
    version_id: str
    mode: str
    node: str
    run_index: int
    inputs: list[Items]
    settlements: list[Settlement]
    now: datetime


@dataclass(frozen=True)
class SettleResult:
    """The outputs of each item by port, or why the node fails."""

    outputs: dict[int, dict[str, Items]] = field(default_factory=dict)
    error: RunError | None = None


@dataclass(frozen=True)
class CloseTask:
    """Close every task of a run that has ended."""

    execution_id: str
    version_id: str
    mode: str


# Names of the activities that aren't nodes.
ASK_PEOPLE = "ask_people"
NOTIFY_PEOPLE = "notify_people"
SETTLE_TASKS = "settle_tasks"
CLOSE_TASKS = "close_tasks"
AGENT_TURN = "agent_turn"
CALL_TOOL = "call_tool"
ADVANCE = "advance"
LOAD_PLAN = "load_plan"
PREPARE_CHILD = "prepare_child"
SPILL = "spill"
