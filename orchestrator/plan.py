"""What a running workflow is told about its nodes: the graph, with everything resolved when the version is made."""

from dataclasses import dataclass, field
from enum import StrEnum

PLAN_VERSION = 1
ROOT = -1
ERROR_PORT = "error"


class Effect(StrEnum):
    """How a node runs: PURE ones fused in a local activity, EFFECTFUL ones in an activity each, CONTROL by the workflow."""

    PURE = "pure"
    EFFECTFUL = "effectful"
    CONTROL = "control"


@dataclass(frozen=True)
class Ports:
    """What a node type says of itself, given its parameters: its ports and how it runs.

    `inputs` is the number of input ports (0: a trigger; MERGE has several), `outputs` the names of the output
    ports without the error port, `queue` the task queue of its activity (empty: the default one). `provider`
    nodes stand on AI connections only. `loops` marks LOOP.
    """

    effect: Effect
    inputs: int = 1
    outputs: tuple[str, ...] = ("main",)
    queue: str = ""
    provider: bool = False
    loops: bool = False


@dataclass(frozen=True)
class Edge:
    """A MAIN arrow: out of `source`'s output port (by position) into `target`'s input port."""

    source: int
    output: int
    target: int
    input: int


@dataclass(frozen=True)
class Retry:
    """How often a failed attempt is repeated; seconds."""

    max_attempts: int = 1
    initial_interval: float = 1.0
    backoff: float = 2.0
    max_interval: float = 300.0


@dataclass(frozen=True)
class NodePlan:
    """One node as the interpreter needs it; nodes and edges are named by position.

    `region` is the innermost LOOP whose body the node stands in, ROOT for none. `reads` are the nodes its
    expressions refer to. `kept` says that somebody may read its outputs later.
    """

    name: str
    type: str
    subtype: str
    effect: Effect
    inputs: int
    outputs: tuple[str, ...]
    region: int = ROOT
    edges_in: tuple[int, ...] = ()
    edges_out: tuple[int, ...] = ()
    reads: tuple[int, ...] = ()
    kept: bool = False
    retry: Retry = field(default_factory=Retry)
    timeout: float = 0
    on_error: str = "stop"
    always_output: bool = False
    each: bool = False
    disabled: bool = False
    pinned: bool = False
    loops: bool = False
    queue: str = ""


@dataclass(frozen=True)
class Plan:
    """A graph ready to be interpreted. Only nodes that MAIN arrows can reach from a trigger take part."""

    nodes: tuple[NodePlan, ...]
    edges: tuple[Edge, ...]
    timeout: float = 0
    error_workflow_id: str = ""
    version: int = PLAN_VERSION

    def index(self, name: str) -> int:
        """The position of the node called `name`; -1 if there is none."""
        return next((i for i, node in enumerate(self.nodes) if node.name == name), -1)
