"""Replays every recorded history in this process: `python -m tests.histories.replay`; exit 1 names those that fail."""

import asyncio
import os
import sys
from pathlib import Path

from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from temporal.client import DATA_CONVERTER
from temporal.trigger import TriggerWorkflow
from temporal.workflow import OrchestratorWorkflow

FOLDER = Path(__file__).parent


async def replay() -> dict[str, str]:
    """What went wrong, by history."""
    replayer = Replayer(
        workflows=[OrchestratorWorkflow, TriggerWorkflow],
        data_converter=DATA_CONVERTER,
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    failures = {}
    for file in sorted(FOLDER.rglob("*.json")):
        name = str(file.relative_to(FOLDER).with_suffix(""))
        history = WorkflowHistory.from_json(file.stem, file.read_text())
        result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
        if result.replay_failure:
            failures[name] = str(result.replay_failure)
    return failures


if __name__ == "__main__":
    found = asyncio.run(replay())
    for name, failure in found.items():
        print(f"{name}: {failure}", file=sys.stderr)
    sys.stderr.flush()
    # Not sys.exit: threads of the SDK that are still at work can abort an interpreter that takes itself apart.
    os._exit(1 if found else 0)
