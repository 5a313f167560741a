"""What executors reach the world through: one object of each kind per worker, handed over by the wiring."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nodes.mcp.servers import McpServers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nodes.credentials.credential import Credential, Credentials
    from nodes.expression.expressions import Expressions
    from nodes.files.store import FileStore
    from nodes.http.egress import Egress
    from nodes.memory.store import Memory
    from nodes.sandbox.sandbox import Sandbox


def _no_memory() -> Memory:
    # Its family imports what this module is a part of.
    from nodes.memory.store import NoMemory

    return NoMemory()


@dataclass
class Resources:
    """The way to the network, the code sandbox, the expression engine, files, credentials, MCP servers and memory."""

    http: Egress
    sandbox: Sandbox
    expressions: Expressions
    files: FileStore
    credentials: Credentials
    mcp: McpServers = field(default_factory=McpServers)
    memory: Memory = field(default_factory=_no_memory)
    # The operator's own, by provider of models: for agents that name neither a credential nor an address.
    model_credentials: Mapping[str, Credential] = field(default_factory=dict)

    # The address at which a run that waits for a call is called, by its id; None where none can be signed.
    resume_url: Callable[[str], str] | None = None

    async def close(self) -> None:
        """Releases connections and processes."""
        await self.mcp.close()
        await self.http.close()
        await self.sandbox.close()
        await self.expressions.close()
