"""An MCP server made with the SDK: what the tests talk to, by standard input and output or by HTTP."""

import asyncio
import os
import sys
from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.utilities.types import Audio, Image
from mcp_types import BlobResourceContents, EmbeddedResource, ResourceLink, TextContent, TextResourceContents
from pydantic import BaseModel

PIXEL = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000001")
cancelled: list[str] = []


class Sum(BaseModel):
    """What `add` gives."""

    sum: int


def make() -> MCPServer[Any]:
    """The server."""
    server: MCPServer[Any] = MCPServer("peer", log_level="CRITICAL")

    @server.tool(description="Adds two numbers.")
    def add(a: int, b: int) -> Sum:
        return Sum(sum=a + b)

    @server.tool(structured_output=False)
    def media() -> list[Any]:
        text = TextResourceContents(uri="note://notes/shopping.txt", mime_type="text/plain", text="milk")
        blob = BlobResourceContents(uri="file:///a/../b.bin?x=1", blob="AAEC")
        return [
            TextContent(text="two files and a link"),
            Image(data=PIXEL, format="png"),
            Audio(data=b"RIFF", format="wav"),
            EmbeddedResource(resource=text),
            EmbeddedResource(resource=blob),
            ResourceLink(uri="https://docs.example/page", name="page"),
        ]

    @server.tool()
    def fail(why: str) -> str:
        raise ToolError(f"it failed: {why}")

    @server.tool()
    async def slow(seconds: float) -> str:
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            cancelled.append("slow")
            raise
        return "done"

    @server.tool()
    def seen_cancelled() -> int:
        return len(cancelled)

    @server.tool()
    def big(size: int) -> str:
        return "x" * size

    @server.tool()
    def environment() -> dict[str, str]:
        return dict(os.environ) | {"cwd": os.getcwd()}

    @server.tool()
    def die() -> str:
        os._exit(3)

    @server.tool()
    async def headers(context: Context) -> dict[str, str]:
        request = context.request_context.request
        return dict(request.headers) if request else {}

    return server


if __name__ == "__main__":
    print("the peer starts", file=sys.stderr)
    make().run("stdio")
