"""What a running workflow is told about its nodes: the graph, with everything resolved when the version is made."""

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

PLAN_VERSION = 1
# The region outside every loop.
ROOT = -1
# The target of the edges on which a run's result leaves.
RESULT = -1
ERROR_PORT = "error"


class Effect(StrEnum):
    """How a node runs: PURE fused in a local activity, EFFECTFUL in an activity each, CONTROL by the workflow."""

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
    """A MAIN arrow: out of `source`'s output port (by position) into `target`'s input port.

    `origin` is the region in which it is emitted and `home` the one in which it is received: they differ where
    it leaves a loop's body. An edge back into its own loop has that loop as its home. Target RESULT collects
    what the run results in.
    """

    source: int
    output: int
    target: int
    input: int
    origin: int = ROOT
    home: int = ROOT


@dataclass(frozen=True)
class Retry:
    """How often a failed attempt is repeated; seconds."""

    max_attempts: int = 1
    initial_interval: float = 1.0
    backoff: float = 2.0
    max_interval: float = 300.0

    def delay(self, failures: int) -> float:
        """The seconds to wait after so many failed attempts."""
        return float(min(self.initial_interval * self.backoff ** max(failures - 1, 0), self.max_interval))


@dataclass(frozen=True)
class NodePlan:
    """One node as the interpreter needs it; nodes, edges and regions are named by position.

    `region` is the innermost LOOP whose body the node stands in, ROOT for none. `reads` are the nodes that its
    expressions refer to; `kept` says that some node reads this one. A loop has the nodes of its `body`, the edges
    on which items come back (`returns`) and those that leave its body for good (`exits`).
    """

    name: str
    type: str
    subtype: str
    effect: Effect
    inputs: int
    outputs: tuple[str, ...]
    reachable: bool = True
    region: int = ROOT
    edges_in: tuple[int, ...] = ()
    edges_out: tuple[int, ...] = ()
    reads: tuple[int, ...] = ()
    kept: bool = False
    retry: Retry = field(default_factory=Retry)
    timeout: float = 0
    on_error: str = "stop"
    always_output: bool = False
    execute_once: bool = False
    each: bool = False
    disabled: bool = False
    pinned: bool = False
    queue: str = ""
    loops: bool = False
    body: tuple[int, ...] = ()
    returns: tuple[int, ...] = ()
    exits: tuple[int, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A graph ready to be interpreted. Only nodes that MAIN arrows can reach from a trigger take part."""

    nodes: tuple[NodePlan, ...]
    edges: tuple[Edge, ...]
    timeout: float = 0
    error_workflow_id: str = ""
    version: int = PLAN_VERSION

    @cached_property
    def positions(self) -> dict[str, int]:
        """The position of each node by its name."""
        return {node.name: position for position, node in enumerate(self.nodes)}

    @cached_property
    def root(self) -> tuple[int, ...]:
        """The nodes outside every loop that take part."""
        return tuple(i for i, node in enumerate(self.nodes) if node.reachable and node.region == ROOT)
