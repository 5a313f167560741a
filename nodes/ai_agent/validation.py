"""What is wrong with how nodes equip each other: agents without models, stores without an operation, bad `$fromAI`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from nodes.ai_agent import from_ai
from nodes.ai_agent.agent import Agent
from nodes.ai_agent.reranker import RerankerNode
from nodes.base import BaseNodeExecutor, NodeExecutor
from nodes.memory.embeddings import Embeddings
from nodes.memory.serving import Serving
from orchestrator.equipment import Equips, equipment
from orchestrator.errors import Problem, Severity
from orchestrator.model import ConnectionType, Node, Workflow


@dataclass(frozen=True)
class _Place:
    """A node among those that it serves and that serve it."""

    node: Node
    executor: BaseNodeExecutor
    serves: frozenset[ConnectionType]
    served_by: frozenset[ConnectionType]
    on_main: bool


def problems(workflow: Workflow, find: Callable[[Node], BaseNodeExecutor | None]) -> Iterator[Problem]:
    """Everything that is wrong; `find` gives a node's executor."""
    found = equipment(workflow)
    on_main = _on_main(workflow)
    for position, node in enumerate(workflow.nodes):
        executor = find(node)
        if executor is None or node.disabled:
            continue
        place = _place(position, node, executor, found, node.name in on_main)
        yield from _model_problems(place)
        yield from _operation_problems(place)
        yield from _from_ai_problems(place)


def _place(position: int, node: Node, executor: BaseNodeExecutor, found: tuple[Equips, ...], on_main: bool) -> _Place:
    serves = frozenset(one.type for one in found if one.provider == position)
    return _Place(node, executor, serves, frozenset(one.type for one in found if one.consumer == position), on_main)


def _on_main(workflow: Workflow) -> frozenset[str]:
    names: set[str] = set()
    for source, written in workflow.connections.connections.items():
        for key, array in written.connection_types.items():
            if key.upper() == ConnectionType.MAIN:
                names.update({source, *(connection.node for connection in array.connections)})
    return frozenset(names)


def _model_problems(place: _Place) -> Iterator[Problem]:
    node = place.node
    if ConnectionType.AI_LANGUAGE_MODEL in place.served_by or node.pinned is not None:
        return
    if isinstance(place.executor, Agent) and not node.parameters.get("model_name"):
        message = f'{node.name!r} has no model: connect a LANGUAGE_MODEL as ai_language_model, or set "model_name"'
        yield Problem("NO_MODEL", message, node.name, "parameters.model_name")
    if isinstance(place.executor, RerankerNode) and node.parameters.get("method", "model") == "model":
        message = (
            f'{node.name!r} has no model: connect a LANGUAGE_MODEL as ai_language_model, or choose the "method" lexical'
        )
        yield Problem("NO_MODEL", message, node.name, "parameters.method")


def _operation_problems(place: _Place) -> Iterator[Problem]:
    """Parameters that are enough to serve others aren't where items reach the node, or nobody is served."""
    node, executor = place.node, place.executor
    # As a tool it runs as it does for items.
    if place.serves - {ConnectionType.AI_TOOL} and not place.on_main:
        return
    name = ""
    if isinstance(executor, Embeddings) and "text" not in node.parameters:
        name = "text"
    elif isinstance(executor, NodeExecutor) and issubclass(executor.model_for(node.parameters), Serving):
        name = "operation"
    if name:
        message = f'the parameter "{name}" of {node.name!r} is missing; only a node that serves others needs none'
        yield Problem("MISSING_PARAMETER", message, node.name, f"parameters.{name}")


def _from_ai_problems(place: _Place) -> Iterator[Problem]:
    node = place.node
    try:
        arguments = from_ai.arguments_of(node, place.executor.literal)
    except from_ai.FromAiError as error:
        field = f"parameters.{error.parameter}"
        yield Problem("EXPRESSION_SYNTAX", f"{node.name!r}: {error}", node.name, field)
        return
    needed = [name for name, one in arguments.items() if not one.optional]
    if needed and ConnectionType.AI_TOOL not in place.serves:
        message = (
            f"{node.name!r} leaves {needed[0]!r} to a model by $fromAI, but is no agent's tool: "
            "connect it to one as ai_tool, or give a default"
        )
        yield Problem("NOT_A_TOOL", message, node.name, "parameters", Severity.WARNING)
