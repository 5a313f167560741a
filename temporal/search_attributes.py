"""The search attributes that runs are found by, in the order in which they are registered."""

from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from orchestrator.start import RunStart

WORKFLOW = SearchAttributeKey.for_keyword("OrchestratorWorkflow")
WORKFLOW_ID = SearchAttributeKey.for_keyword("OrchestratorWorkflowId")
VERSION = SearchAttributeKey.for_keyword("OrchestratorVersion")
TRIGGER = SearchAttributeKey.for_keyword("OrchestratorTrigger")
MODE = SearchAttributeKey.for_keyword("OrchestratorMode")
# Only where Temporal's own ExecutionStatus doesn't say it: PAUSED, and how a run ended that didn't complete.
STATUS = SearchAttributeKey.for_keyword("OrchestratorStatus")

KEYS = (WORKFLOW, WORKFLOW_ID, VERSION, TRIGGER, MODE, STATUS)


def of(start: RunStart) -> TypedSearchAttributes:
    """The attributes a run begins with."""
    pairs = [
        SearchAttributePair(WORKFLOW, start.workflow_name),
        SearchAttributePair(WORKFLOW_ID, start.workflow_id),
        SearchAttributePair(VERSION, str(start.version)),
        SearchAttributePair(TRIGGER, start.begin),
        SearchAttributePair(MODE, start.mode),
    ]
    return TypedSearchAttributes(pairs)
