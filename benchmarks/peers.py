"""What we are measured beside: an empty Temporal workflow, and hand-written ones with an activity a node.

Run as a program it is their worker: `python -m benchmarks.peers ADDRESS`.
"""

import asyncio
import sys
from datetime import timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

TASK_QUEUE = "peers"
_TIMEOUT = timedelta(seconds=60)


@activity.defn
async def step(item: dict[str, Any]) -> dict[str, Any]:
    """What one node does: one field more."""
    return {**item, "n": item["n"] + 1}


@workflow.defn
class Floor:
    """Nothing at all."""

    @workflow.run
    async def run(self, item: dict[str, Any]) -> dict[str, Any]:
        """Gives its input back."""
        return item


@workflow.defn
class Chain:
    """So many activities, one after the other."""

    @workflow.run
    async def run(self, item: dict[str, Any], count: int) -> dict[str, Any]:
        """What the last one gives."""
        for _ in range(count):
            item = await workflow.execute_activity(step, item, start_to_close_timeout=_TIMEOUT)
        return item


@workflow.defn
class Fan:
    """One activity, so many side by side, one that joins them."""

    @workflow.run
    async def run(self, item: dict[str, Any], count: int) -> dict[str, Any]:
        """What the last one gives."""
        first = await workflow.execute_activity(step, item, start_to_close_timeout=_TIMEOUT)
        side = [workflow.execute_activity(step, first, start_to_close_timeout=_TIMEOUT) for _ in range(count)]
        return await workflow.execute_activity(step, (await asyncio.gather(*side))[-1], start_to_close_timeout=_TIMEOUT)


async def work(address: str) -> None:
    """Polls until the process is stopped."""
    client = await Client.connect(address)
    worker = Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[Floor, Chain, Fan],
        activities=[step],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    print("polling", flush=True)
    await worker.run()


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1]))
