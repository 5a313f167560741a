"""Runs another workflow with the items as its input, and goes on with its result."""

from pydantic import Field

from nodes.base import NodeExecutionContext, NodeExecutor, Parameters
from orchestrator.commands import CallWorkflow
from orchestrator.model import NodeType
from orchestrator.plan import Effect


class SubworkflowParameters(Parameters):
    """Parameters of SUBWORKFLOW."""

    workflow_id: str = Field(
        min_length=1,
        max_length=128,
        description="The id of the workflow to run; it needs a SUBWORKFLOW trigger.",
    )
    wait: bool = Field(
        default=True,
        description="Wait for the result and emit it; otherwise start it, and pass the items on.",
    )
    each_item: bool = Field(default=False, description="Start a run for each item instead of one run for all.")


class Subworkflow(NodeExecutor[SubworkflowParameters]):
    """Calls another workflow."""

    type = NodeType.FLOW_NODE
    subtype = "SUBWORKFLOW"
    model = SubworkflowParameters
    effect = Effect.CONTROL
    per_item = False

    def execute(self, context: NodeExecutionContext[SubworkflowParameters]) -> CallWorkflow:
        """Says which workflow to call, and how."""
        parameters = context.parameters
        return CallWorkflow(parameters.workflow_id, parameters.wait, parameters.each_item)
