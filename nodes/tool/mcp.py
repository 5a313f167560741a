"""Calls tools of an MCP server: one that the operator registered, or one on the network."""

import re
from typing import TYPE_CHECKING, Any, ClassVar, Self

import httpx
from pydantic import Field, SecretStr, model_validator

from nodes.base import Item, NodeExecutionContext, PermanentError
from nodes.credentials.credential import Credential, CredentialSlot
from nodes.http.authentication import TYPES, Authorization, authorization
from nodes.http.hop import require_host
from nodes.http.request import target
from nodes.mcp.place import Place
from nodes.mcp.result import Answer
from nodes.parameters import Duration, absent, misuse
from nodes.tool.tool import Tool, ToolDescription, ToolParameters
from nodes.values import listed

if TYPE_CHECKING:
    import mcp_types as types

_LISTING_TIMEOUT = 30.0
_SECRET_NAME = re.compile("key|token|secret|passw|credential|auth", re.IGNORECASE)
_SHORTEST_SECRET = 6


class McpParameters(ToolParameters):
    """Parameters of MCP."""

    server: str = Field(default="", max_length=64, description="The id of a server that the operator registered.")
    url: str = Field(
        default="", max_length=8192, description="Or the URL of a server that speaks streamable HTTP on the network."
    )
    include_tools: list[str] = Field(
        default_factory=list, max_length=500, description="Which of the server's tools are offered; empty means all."
    )
    timeout: Duration = Field(default=60.0, gt=0, le=3600, description="How long one call of a tool may take.")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.server and self.url:
            raise misuse('has both "server" and "url"; leave one out')
        if not self.server and not self.url:
            raise absent("server", 'or give a "url"')
        return self


class Mcp(Tool[McpParameters]):
    """Offers an MCP server's tools."""

    subtype = "MCP"
    model = McpParameters
    credentials: ClassVar = {"auth": CredentialSlot(TYPES, required=False)}

    async def list_tools(self, context: NodeExecutionContext[McpParameters]) -> list[ToolDescription]:
        """The server's tools, those that are included."""
        return [
            ToolDescription(tool.name, tool.description or tool.title or "", tool.input_schema)
            for tool in await _listing(context)
        ]

    async def invoke(
        self, context: NodeExecutionContext[McpParameters], tool: ToolDescription, arguments: dict[str, Any]
    ) -> list[Item]:
        """Calls a tool; its answer is one item."""
        timeout = context.parameters.timeout
        called = next(one for one in await _listing(context) if one.name == tool.name)
        resources = context.resources
        place = await _place(context)
        result = await resources.mcp.use(
            resources.http, place, lambda session: session.call(called, arguments, timeout)
        )
        context.log(f"called the tool {tool.name[:100]}")
        return [await Answer(context, tool.name).item(result)]


async def _listing(context: NodeExecutionContext[McpParameters]) -> "list[types.Tool]":
    resources, wanted = context.resources, context.parameters.include_tools
    timeout = min(context.parameters.timeout, _LISTING_TIMEOUT)
    tools = await resources.mcp.tools(resources.http, await _place(context), timeout)
    names = {tool.name for tool in tools}
    missing = [name for name in wanted if name not in names]
    if missing:
        raise PermanentError(
            f'the parameter "include_tools" names {listed(missing)}, which the server lacks; '
            f"it has {listed([tool.name for tool in tools], 50) or 'none'}",
            code="UNKNOWN_TOOL",
        )
    return [tool for tool in tools if not wanted or tool.name in wanted]


async def _place(context: NodeExecutionContext[McpParameters]) -> Place:
    given, credential = context.parameters, await context.credential()
    if given.url:
        return _remote(context, str(target(given.url, [])), {}, credential)
    server = context.resources.mcp.find(given.server)
    if server.url:
        context.secrets.update(_secrets(server.headers, all_of_them=True))
        return _remote(context, str(server.url), server.plain_headers(), credential, given.server)
    if credential is not None:
        raise PermanentError(
            f'the MCP server "{given.server}" is a process, which takes no credential',
            code="INVALID_CREDENTIAL",
            hint='empty the slot "auth"; the operator gives the process what it needs',
        )
    context.secrets.update(_secrets(server.env))
    return Place(server=given.server)


def _remote(
    context: NodeExecutionContext[Any],
    url: str,
    headers: dict[str, str],
    credential: Credential | None,
    server: str = "",
) -> Place:
    proof, owner = Authorization(), context.workspace
    if credential is not None:
        require_host(credential, httpx.URL(url).host)
        proof, owner = authorization(credential), f"{owner}/{credential.id}"
    proven = str(target(url, list(proof.query.items())))
    name = credential.name if credential else ""
    return Place(server, proven, {**headers, **proof.headers}, owner, name)


def _secrets(values: dict[str, SecretStr], *, all_of_them: bool = False) -> set[str]:
    """Of what the operator gave a server, that which must not be seen."""
    return {
        secret
        for name, value in values.items()
        if (all_of_them or _SECRET_NAME.search(name)) and len(secret := value.get_secret_value()) >= _SHORTEST_SECRET
    }
