"""What a tool is: functions with a name and a schema, called by an agent or once for each item."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

from pydantic import Field

from nodes.base import Item, NodeExecutionContext, NodeExecutor, Output, Parameters, PermanentError
from nodes.json_schema import InvalidSchema, Schema
from nodes.values import listed
from orchestrator import exact_json
from orchestrator.model import NodeType

RESULT_LIMIT = 16 * 1024 * 1024


@dataclass(frozen=True)
class ToolDescription:
    """One function of a tool, as an agent sees it: `schema` is the JSON Schema of its arguments."""

    name: str
    description: str
    schema: Mapping[str, Any]


class ToolParameters(Parameters):
    """What every tool takes when it runs once for each item."""

    tool: str = Field(
        default="",
        max_length=200,
        description="Which function to call, when the node runs for items; not needed if there is only one.",
    )
    arguments: dict[str, Any] = Field(
        default_factory=dict, description="The function's arguments, when the node runs for items."
    )


P = TypeVar("P", bound=ToolParameters)


class Tool(NodeExecutor[P], Generic[P]):
    """Offers functions; on a main connection it calls one of them for each item."""

    type = NodeType.TOOL_NODE

    @abstractmethod
    async def list_tools(self, context: NodeExecutionContext[P]) -> list[ToolDescription]:
        """The functions there are."""

    @abstractmethod
    async def invoke(
        self, context: NodeExecutionContext[P], tool: ToolDescription, arguments: dict[str, Any]
    ) -> list[Item]:
        """Calls a function with arguments that fit its schema."""

    async def call_tool(
        self, context: NodeExecutionContext[P], name: str, arguments: Mapping[str, Any]
    ) -> Sequence[Item]:
        """What a function gives, as items; PermanentError names an argument that doesn't fit."""
        tool = _chosen(await self.list_tools(context), name)
        given = dict(arguments)
        check_arguments(tool, given)
        items = await self.invoke(context, tool, given)
        _limit(items, tool.name)
        return items

    async def execute(self, context: NodeExecutionContext[P]) -> Output:
        """Calls the function for one item."""
        items = await self.call_tool(context, context.parameters.tool, context.parameters.arguments)
        return Output({"main": items})


def check_arguments(tool: ToolDescription, arguments: Mapping[str, Any]) -> None:
    """PermanentError names every argument that doesn't fit a function's schema."""
    try:
        problems = _compiled(exact_json.dumps(dict(tool.schema))).problems(dict(arguments), "arguments")
    except (InvalidSchema, exact_json.NotJson) as error:
        raise PermanentError(
            f'the tool "{tool.name[:100]}" has a schema that can\'t be used: {error}',
            code="INVALID_SCHEMA",
            hint="correct the schema, or report it to whoever runs the tool",
        ) from None
    if problems:
        raise PermanentError(
            f'the arguments of the tool "{tool.name[:100]}" don\'t fit its schema: {"; ".join(problems)}',
            code="INVALID_ARGUMENTS",
            hint='correct the parameter "arguments"',
        )


@lru_cache(maxsize=256)
def _compiled(schema: str) -> Schema:
    return Schema(exact_json.loads(schema))


def _chosen(tools: Sequence[ToolDescription], name: str) -> ToolDescription:
    names = [tool.name for tool in tools]
    if not name and len(tools) == 1:
        return tools[0]
    if not name:
        raise PermanentError(
            f'the parameter "tool" is missing; there are {listed(names, 50) or "none"}',
            code="MISSING_PARAMETER",
            hint='name one in "tool"',
        )
    found = next((tool for tool in tools if tool.name == name), None)
    if found is None:
        raise PermanentError(
            f'the parameter "tool" names "{name[:100]}", which there isn\'t; there are {listed(names, 50) or "none"}',
            code="UNKNOWN_TOOL",
        )
    return found


def _limit(items: Sequence[Item], name: str) -> None:
    try:
        size = sum(len(exact_json.dumps(item.get("json", {}))) for item in items)
    except exact_json.NotJson as error:
        raise PermanentError(
            f'the tool "{name[:100]}" gave something that is no JSON: {error}', code="INVALID_RESPONSE"
        ) from None
    if size > RESULT_LIMIT:
        raise PermanentError(
            f'the tool "{name[:100]}" gave {size >> 20} MiB; at most {RESULT_LIMIT >> 20} MiB are taken',
            code="RESPONSE_TOO_LARGE",
            hint="ask for less at a time",
        )
