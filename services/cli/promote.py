"""What `orchestrator promote` does."""

import asyncio

from temporalio.service import RPCError

from nodes.factory import get_node_executor_factory
from services.cli.failure import Exit, Failure, print_text
from services.cli.operating import temporal
from services.cli.process import current_settings
from services.wiring import queues_of
from temporal.releases import make_current, unserved


async def promote(seconds: float) -> Exit:
    """Give the workers of this build all work, once they serve every queue; a Failure names those that they don't."""
    settings = current_settings("promote")
    build_id, runs = settings.orchestrator_build_id, settings.orchestrator_task_queue
    if not build_id:
        print_text("ORCHESTRATOR_BUILD_ID isn't set: workers of all releases share their tasks.")
        return Exit.OK
    client = await temporal(settings)
    queues = queues_of(get_node_executor_factory().catalogue)
    try:
        async with asyncio.timeout(seconds):
            await make_current(client, runs, build_id, queues)
    except TimeoutError:
        names = ", ".join(await unserved(client, runs, build_id, queues))
        raise Failure(f"no worker of the build {build_id} has asked for work on: {names}", "NOT_SERVED") from None
    except RPCError as error:
        raise Failure(f"Temporal refused: {error.message}", "UNAVAILABLE") from None
    print_text(f"The build {build_id} is current.")
    return Exit.OK
