"""The MCP servers that a worker speaks with: the registered ones by their ids, others by URL."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from nodes.errors import PermanentError
from nodes.values import listed

if TYPE_CHECKING:
    from mcp.client.session import IncomingMessage
    from mcp_types import Tool

    from nodes.http.egress import Egress
    from nodes.mcp.place import Place
    from nodes.mcp.registry import RegisteredServer
    from nodes.mcp.session import Session
    from nodes.mcp.stdio import KeptProcess

LISTING_LIVES = 60.0
_MOST_LISTINGS = 500
START_TIMEOUT = 30.0
T = TypeVar("T")


class McpServers:
    """Keeps the registered servers' processes, and for a short time what tools a server lists."""

    def __init__(self, servers: Mapping[str, RegisteredServer] = MappingProxyType({})) -> None:
        self._servers = servers
        self._processes: dict[str, KeptProcess] = {}
        self._listings: dict[tuple[str, str, str], tuple[float, list[Tool]]] = {}

    def find(self, server_id: str) -> RegisteredServer:
        """A registered server; PermanentError says which there are."""
        server = self._servers.get(server_id)
        if server is None:
            raise PermanentError(
                f'the parameter "server" names "{server_id[:64]}", which isn\'t registered; '
                f"there are {listed(self._servers, 20) or 'none'}",
                code="UNKNOWN_SERVER",
                hint="the operator registers servers in the file that ORCHESTRATOR_MCP_SERVERS names",
            )
        return server

    async def tools(self, egress: Egress, place: Place, timeout: float) -> list[Tool]:
        """The server's tools, at most a minute old."""
        kept = self._listings.get(place.key)
        if kept and kept[0] > time.monotonic():
            return kept[1]
        tools = await self.use(egress, place, lambda session: session.tools(timeout))
        if len(self._listings) >= _MOST_LISTINGS:
            self._listings.clear()
        self._listings[place.key] = (time.monotonic() + LISTING_LIVES, tools)
        return tools

    def forget(self, place: Place) -> None:
        """Drops what is known of a server's tools."""
        self._listings.pop(place.key, None)

    async def use(self, egress: Egress, place: Place, work: Callable[[Session], Awaitable[T]]) -> T:
        """What `work` gives with a session of the server."""
        server = self.find(place.server) if place.server else None
        if server is not None and server.command:
            return await work(await self._process(place.server, server).session())
        from nodes.mcp.streamable import connected

        start_timeout = server.start_timeout if server else START_TIMEOUT
        return await connected(egress, place, start_timeout, work)

    def _process(self, server_id: str, server: RegisteredServer) -> KeptProcess:
        from nodes.mcp.stdio import KeptProcess

        async def changed(message: IncomingMessage) -> None:
            if getattr(message, "method", "") == "notifications/tools/list_changed":
                self.forget(Place(server=server_id))

        if server_id not in self._processes:
            self._processes[server_id] = KeptProcess(server_id, server, changed)
        return self._processes[server_id]

    async def close(self) -> None:
        """Stops the processes."""
        for process in self._processes.values():
            await process.close()
        self._processes.clear()
