"""What a run is started with; it goes to Temporal as the workflow's input."""

from dataclasses import dataclass, field

from orchestrator.items import Items
from orchestrator.plan import Plan


@dataclass(frozen=True)
class Share:
    """What a run may have: `seconds` and `node_runs` at most (0: any number), and its place where workers are few.

    Runs of a lower `priority` (1 to 5) go first; among equal ones each workspace gets its turn, by its weight.
    """

    workspace: str
    priority: int = 3
    weight: float = 1.0
    seconds: float = 0
    node_runs: int = 0


@dataclass(frozen=True)
class RunStart:
    """One run of one version of a workflow.

    The run begins at node `begin` with `input`: its trigger; with `alone`, the one node to test, which then gets
    `input` on its first port. `plan` may be left out, then the run loads it itself. `reused` are outputs by
    node and port that stand for running the node (pinned data isn't listed here: the plan names pinned nodes, and
    `use_pinned` says whether they count); `inputs` replace what a node would get, by input port position.
    `depth` counts the sub-workflow calls above this run.
    """

    execution_id: str
    version_id: str
    workflow_id: str
    workflow_name: str
    version: int
    mode: str
    begin: str
    input: Items
    plan: Plan | None = None
    use_pinned: bool = False
    alone: bool = False
    reused: dict[str, dict[str, Items]] = field(default_factory=dict)
    inputs: dict[str, list[Items]] = field(default_factory=dict)
    depth: int = 0
    share: Share | None = None
