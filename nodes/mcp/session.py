"""One conversation with an MCP server: lists its tools and calls them."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, TypeVar

import mcp_types as types
from mcp.client.client import Client
from mcp.shared.exceptions import MCPError
from pydantic import TypeAdapter, ValidationError

from nodes.errors import NodeError, PermanentError, RetryableError
from nodes.json_schema import InvalidSchema, Schema

CLIENT = types.Implementation(name="orchestrator", version="1")
_MOST_PAGES = 100
_MOST_TOOLS = 1000
_LARGEST_LISTING = 8 * 1024 * 1024
_EXCERPT = 500
_Result = types.CallToolResult | types.InputRequiredResult
T = TypeVar("T")
_result: TypeAdapter[_Result] = TypeAdapter(_Result)


class Session:
    """A connected server; `failed` may turn an MCP error into a better one, knowing how it is connected."""

    def __init__(self, client: Client, what: str, failed: Callable[[MCPError], NodeError | None]) -> None:
        self._client = client
        self._what = what
        self._failed = failed

    async def tools(self, timeout: float) -> list[types.Tool]:
        """Every tool, of all pages."""

        async def listing() -> list[types.Tool]:
            found: list[types.Tool] = []
            cursor, pages = None, 0
            while True:
                page = await self._client.session.list_tools(params=types.PaginatedRequestParams(cursor=cursor))
                found += page.tools
                cursor, pages = page.next_cursor, pages + 1
                if not cursor:
                    return found
                if pages == _MOST_PAGES or len(found) > _MOST_TOOLS:
                    raise PermanentError(
                        f"{self._what} lists more than {_MOST_TOOLS} tools, or pages without end", code="MCP_ERROR"
                    )

        tools = await self._patiently("list its tools", timeout, listing)
        if sum(len(tool.model_dump_json()) for tool in tools) > _LARGEST_LISTING:
            raise PermanentError(f"{self._what} describes its tools with too much text", code="RESPONSE_TOO_LARGE")
        return tools

    async def call(self, tool: types.Tool, arguments: dict[str, Any], timeout: float) -> types.CallToolResult:
        """What a tool answers, checked against its output schema; an error that the tool reports is raised."""
        params = types.CallToolRequestParams(name=tool.name, arguments=_floats(arguments))
        request = types.CallToolRequest(params=params)

        async def calling() -> _Result:
            # Not the client's own call_tool: it checks results with patterns that have no time limit.
            session = self._client.session
            try:
                return await session.send_request(request, _result)
            except MCPError as error:
                if error.code != types.HEADER_MISMATCH:
                    raise
                # The headers that mirror arguments are known once this connection has listed the tools.
                await session.list_tools()
                return await session.send_request(request, _result)

        answer = await self._patiently(f'run the tool "{tool.name[:100]}"', timeout, calling)
        if isinstance(answer, types.InputRequiredResult):
            raise PermanentError(
                f'{self._what} asks for more input to run the tool "{tool.name[:100]}"; nobody is there to give it',
                code="TOOL_ERROR",
                hint="pass everything that it needs as arguments",
            )
        if answer.is_error:
            raise PermanentError(f'the tool "{tool.name[:100]}" reported an error: {_text(answer)}', code="TOOL_ERROR")
        self._check(tool, answer)
        return answer

    async def _patiently(self, task: str, timeout: float, work: Callable[[], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(timeout):
                return await work()
        except TimeoutError:
            raise RetryableError(
                f"{self._what} didn't {task} within {timeout:g} s", code="TIMEOUT", hint='raise "timeout" or retry'
            ) from None
        except MCPError as error:
            known = self._failed(error)
            raise known or PermanentError(
                f"{self._what} couldn't {task}: {error.message[:_EXCERPT]} (code {error.code})", code="MCP_ERROR"
            ) from None
        except ValidationError as error:
            raise PermanentError(
                f"{self._what} answered with something that the protocol doesn't have: "
                f"{error.error_count()} problems, the first at "
                f"{'.'.join(str(step) for step in error.errors(include_input=False)[0]['loc'])[:200]}",
                code="INVALID_RESPONSE",
            ) from None

    def _check(self, tool: types.Tool, answer: types.CallToolResult) -> None:
        if tool.output_schema is None:
            return
        try:
            problems = Schema(tool.output_schema).problems(answer.structured_content)
        except InvalidSchema as error:
            problems = [f"its output schema can't be used: {error}"]
        if problems:
            raise PermanentError(
                f'the tool "{tool.name[:100]}" gave a result that doesn\'t fit its output schema: '
                f"{'; '.join(problems[:3])}",
                code="INVALID_RESPONSE",
            )


def _text(answer: types.CallToolResult) -> str:
    texts = [block.text for block in answer.content if isinstance(block, types.TextContent)]
    return " ".join(texts).strip()[: 4 * _EXCERPT] or "it says nothing more"


def _floats(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {key: _floats(child) for key, child in value.items()}
    return [_floats(child) for child in value] if isinstance(value, list) else value
