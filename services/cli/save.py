"""`orchestrator workflows save`: stores a definition, and runs nothing."""

from pathlib import Path

from services.cli.failure import Exit, plain, print_json
from services.cli.reading import read_workflow
from services.cli.run import store
from services.cli.server import address, connected
from services.cli.wire import to_wire


async def save(file: Path, as_json: bool) -> Exit:
    """Store a definition."""
    definition = to_wire(read_workflow(file))
    async with connected(address()) as stub:
        stored = await store(stub, definition)
    if as_json:
        print_json({"workflow_id": stored.id, "version": stored.version})
    else:
        print(f"Saved workflow {plain(stored.id)}, version {stored.version}")
    return Exit.OK
