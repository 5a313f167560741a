"""Whether histories replay."""

from temporalio.client import Client, WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from temporal.client import DATA_CONVERTER
from temporal.workflow import OrchestratorWorkflow


class Histories:
    """Replays each history once."""

    def __init__(self) -> None:
        self.replayed: set[str] = set()
        self._replayer = Replayer(
            workflows=[OrchestratorWorkflow],
            data_converter=DATA_CONVERTER,
            workflow_runner=UnsandboxedWorkflowRunner(),
        )

    async def check(self, client: Client) -> list[str]:
        """What is wrong with those that came since the last time."""
        wrong = []
        async for execution in client.list_workflows("WorkflowType = 'Orchestrator'", page_size=1000):
            if execution.run_id not in self.replayed:
                handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
                wrong += await self.replay(await handle.fetch_history())
                self.replayed.add(execution.run_id)
        return wrong

    async def replay(self, history: WorkflowHistory) -> list[str]:
        """What is wrong with one."""
        result = await self._replayer.replay_workflow(history, raise_on_replay_failure=False)
        return [f"{history.workflow_id}: doesn't replay: {result.replay_failure}"] if result.replay_failure else []
