"""What an agent may call: the nodes that are connected to it, as tools that a model can choose among."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from nodes.ai_agent import from_ai
from nodes.ai_agent.names import distinct, tool_name
from nodes.base import Item, NodeExecutionContext, NodeExecutionResult, Output, PermanentError
from nodes.equipment import Provider, Retriever, serving
from nodes.models.chat import ToolSpec
from nodes.tool.tool import Tool
from orchestrator.model import ConnectionType, NodeType

Route = Literal["node", "workflow", "agent"]
# The names of what nodes other than TOOL_NODE do, at the provider.
RUN, SEARCH, ASK, HAND_OVER = "run", "search", "ask", "hand_over"
MOST_FOUND = 50
_ANY_OBJECT: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": True}


@dataclass(frozen=True)
class Offer:
    """A tool as the model sees it, and what stands behind it: `tool` is its name at the node `provider`.

    `route` says what serves a call: the node's executor, a run of the workflow `workflow_id`, or that agent;
    `hands_over` that the agent goes on itself instead of answering.
    """

    spec: ToolSpec
    provider: str
    tool: str
    route: Route = "node"
    workflow_id: str = ""
    hands_over: bool = False


async def offers(context: NodeExecutionContext[Any]) -> list[Offer]:
    """Every tool of the nodes that are connected to an agent, each under a name of its own."""
    taken: set[str] = set()
    found = []
    async for offer in _all(context):
        name = distinct(offer.spec.name, taken)
        found.append(replace(offer, spec=replace(offer.spec, name=name)))
    return found


async def call(provider: Provider, tool: str, arguments: dict[str, Any]) -> Sequence[Item] | str:
    """What a node gives for a model's arguments, which fit the offer's schema and have filled its `$fromAI`."""
    executor, context = provider.executor, provider.context
    if isinstance(executor, Tool) and not _is_filled(provider):
        return await executor.call_tool(context, tool, arguments)
    if tool == SEARCH and isinstance(executor, Retriever):
        found = await executor.retrieve(context, str(arguments["query"]), int(arguments.get("top_k") or 5))
        return [{"json": {"id": one.id, "text": one.text, "score": one.score, **_source(one)}} for one in found]
    files = context.item.get("files")
    given: Item = {"json": arguments, "files": files} if files else {"json": arguments}
    returned = await executor.run(replace(context, inputs=[[given]], item_index=0))
    return _items(provider, returned)


async def _all(context: NodeExecutionContext[Any]) -> AsyncIterator[Offer]:
    for provider in serving(context.equipment, ConnectionType.AI_TOOL):
        async for offer in _of_tool(provider):
            yield offer
    for provider in serving(context.equipment, ConnectionType.AI_VECTOR_STORE):
        yield _search(provider)
    for provider in serving(context.equipment, ConnectionType.AI_AGENT):
        yield _ask(provider)
        yield _hand_over(provider)


async def _of_tool(provider: Provider) -> AsyncIterator[Offer]:
    executor, node = provider.executor, provider.context.node
    if node.type is NodeType.FLOW_NODE:
        yield _workflow(provider)
    elif isinstance(executor, Tool) and not _is_filled(provider):
        for tool in await executor.list_tools(provider.context):
            spec = ToolSpec(tool_name(tool.name), tool.description, dict(tool.schema))
            yield Offer(spec, node.name, tool.name)
    else:
        yield _run(provider)


def _is_filled(provider: Provider) -> bool:
    """Whether a model's arguments fill the node's parameters, by `$fromAI`."""
    return from_ai.asks(provider.context.node, provider.executor.literal)


def _run(provider: Provider) -> Offer:
    executor, node = provider.executor, provider.context.node
    try:
        arguments = from_ai.arguments_of(node, executor.literal)
    except from_ai.FromAiError as error:
        raise PermanentError(f'the tool "{node.name}": {error}', code="INVALID_PARAMETER") from None
    # Code can't say `$fromAI`; it takes the arguments as its item.
    schema = _ANY_OBJECT if executor.literal and not arguments else from_ai.schema_of(arguments)
    return Offer(ToolSpec(tool_name(node.name), _described(provider), schema), node.name, RUN)


def _workflow(provider: Provider) -> Offer:
    node = provider.context.node
    workflow_id = provider.context.resolved.get("workflow_id")
    if node.subtype != "SUBWORKFLOW" or not isinstance(workflow_id, str) or "{{" in workflow_id:
        raise PermanentError(
            f'the node "{node.name}" can\'t be a tool: only a SUBWORKFLOW whose "workflow_id" no model chooses can',
            code="INVALID_CONNECTION",
        )
    spec = ToolSpec(tool_name(node.name), _described(provider), _ANY_OBJECT)
    return Offer(spec, node.name, RUN, "workflow", workflow_id)


def _search(provider: Provider) -> Offer:
    schema = _object(
        query={"type": "string", "minLength": 1, "description": "What to find, in words."},
        top_k={"type": "integer", "minimum": 1, "maximum": MOST_FOUND, "description": "How many; 5 by default."},
    )
    about = provider.context.node.notes or f"Searches {provider.name} for texts that are near in meaning."
    return Offer(ToolSpec(tool_name(provider.name, "search_"), about, schema), provider.name, SEARCH)


def _ask(provider: Provider) -> Offer:
    schema = _object(message={"type": "string", "minLength": 1, "description": "All that it needs to know."})
    notes = provider.context.node.notes
    about = f"Asks the agent {provider.name} and waits for its answer." + (f" {notes}" if notes else "")
    return Offer(ToolSpec(tool_name(provider.name, "ask_"), about, schema), provider.name, ASK, "agent")


def _hand_over(provider: Provider) -> Offer:
    schema = _object(reason={"type": "string", "description": "Why it is the better one to go on."})
    notes = provider.context.node.notes
    about = f"Lets the agent {provider.name} go on with this conversation in your place." + (
        f" {notes}" if notes else ""
    )
    spec = ToolSpec(tool_name(provider.name, "hand_over_to_"), about, schema)
    return Offer(spec, provider.name, HAND_OVER, "agent", hands_over=True)


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    """The schema of an object whose first property must be given."""
    first = [next(iter(properties))]
    return {"type": "object", "properties": properties, "required": first, "additionalProperties": False}


def _described(provider: Provider) -> str:
    node = provider.context.node
    operation = node.parameters.get("operation")
    does = f"{node.subtype}{f': {operation}' if isinstance(operation, str) and '{{' not in operation else ''}"
    return node.notes or f"{node.name} ({does})"


def _source(document: Any) -> dict[str, Any]:
    return {"source": dict(document.source)} if document.source else {}


def _items(provider: Provider, returned: Any) -> list[Item]:
    """What an executor returned, as items."""
    if isinstance(returned, NodeExecutionResult):
        if not returned.success:
            raise PermanentError(returned.error_message or "the executor reported an error")
        returned = returned.output_data
    if isinstance(returned, Output):
        return [item for items in returned.ports.values() for item in items]
    if returned is None:
        return []
    if isinstance(returned, dict):
        return [{"json": returned}]
    if isinstance(returned, list) and all(isinstance(one, dict) for one in returned):
        return [{"json": one} for one in returned]
    raise PermanentError(
        f'the node "{provider.name}" can\'t be a tool: what it does is up to the workflow', code="INVALID_CONNECTION"
    )
