"""What executors reach the world through: one object of each kind per worker, handed over by the wiring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nodes.credentials.credential import Credentials
    from nodes.expression.expressions import Expressions
    from nodes.files.store import FileStore
    from nodes.http.egress import Egress
    from nodes.sandbox.sandbox import Sandbox


@dataclass
class Resources:
    """The way to the network, the code sandbox, the expression engine, files and credentials."""

    http: Egress
    sandbox: Sandbox
    expressions: Expressions
    files: FileStore
    credentials: Credentials

    async def close(self) -> None:
        """Releases connections and processes."""
        await self.http.close()
        await self.sandbox.close()
        await self.expressions.close()
