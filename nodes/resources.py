"""What executors reach the world through: one object of each kind per worker, handed over by the wiring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

    from nodes.expression.expressions import Expressions
    from nodes.sandbox.sandbox import Sandbox


@dataclass
class Resources:
    """The HTTP client, the code sandbox and the expression engine."""

    http: httpx.AsyncClient
    sandbox: Sandbox
    expressions: Expressions

    async def close(self) -> None:
        """Releases connections and processes."""
        await self.http.aclose()
        await self.sandbox.close()
        await self.expressions.close()
