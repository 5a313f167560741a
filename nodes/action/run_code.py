"""Runs a piece of Python or JavaScript of yours, in a sandbox."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

from pydantic import Field

from nodes.base import Item, NodeExecutionContext, NodeExecutor, Output, Parameters, PermanentError, Returned
from nodes.parameters import STRUCTURAL, Duration
from nodes.sandbox.errors import CodeError
from nodes.values import kind, shown
from orchestrator.model import NodeType

LONGEST = 300.0


class RunCodeParameters(Parameters):
    """Parameters of RUN_CODE."""

    language: Annotated[Literal["python", "javascript"], STRUCTURAL] = Field(description="The language of the code.")
    code: str = Field(
        min_length=1,
        max_length=1024 * 1024,
        description="The body of a function. It sees items, a list of objects, in mode all_items and returns such a "
        "list; in mode each_item it sees item and index, and returns an object, or null to drop the item.",
    )
    mode: Annotated[Literal["all_items", "each_item"], STRUCTURAL] = Field(
        default="all_items", description="Run once with all items, or once for each."
    )
    timeout: Duration = Field(default=10.0, gt=0, le=LONGEST, description="How long a run of the code may take.")
    memory_mb: int = Field(default=128, ge=16, le=1024, description="How much memory the code may use, in MiB.")


class RunCode(NodeExecutor[RunCodeParameters]):
    """Lets users compute what no other node does; what the code prints is in the node run's log."""

    type = NodeType.ACTION_NODE
    subtype = "RUN_CODE"
    model = RunCodeParameters
    raw = frozenset({"code"})
    literal = frozenset({"code"})
    queue = "code"

    def runs_per_item(self, parameters: Mapping[str, Any]) -> bool:
        """As the mode says."""
        return parameters.get("mode") == "each_item"

    async def execute(self, context: NodeExecutionContext[RunCodeParameters]) -> Returned:
        """Runs the code and checks what it returned."""
        given = context.parameters
        each = given.mode == "each_item"
        variables: dict[str, Any] = {"items": [item["json"] for item in context.items]}
        if each:
            variables = {"item": context.item["json"], "index": context.item_index}
        try:
            result = await context.resources.sandbox.run(
                given.language, given.code, variables, timeout=given.timeout, memory_mb=given.memory_mb
            )
        except CodeError as error:
            _log(context, error.log)
            raise
        _log(context, result.log)
        return _changed(context.item, _one(result.value)) if each else _many(result.value)


def _log(context: NodeExecutionContext[Any], printed: str) -> None:
    for line in printed.splitlines():
        context.log(line)


def _changed(item: Item, data: dict[str, Any] | None) -> Output:
    """The item with other data and its own files, which the code doesn't see; nothing if it was dropped."""
    return Output({"main": [] if data is None else [cast(Item, {**item, "json": data})]})


def _one(value: Any) -> dict[str, Any] | None:
    if isinstance(value, list):
        raise _unfit(value, "in mode each_item the code must return one object, or null to drop the item")
    return value if value is None or isinstance(value, dict) else {"data": value}


def _many(value: Any) -> Returned:
    if not isinstance(value, list):
        return _one(value)
    for position, entry in enumerate(value):
        if not isinstance(entry, dict):
            raise _unfit(entry, f"the code must return a list of objects; entry {position} isn't one")
    return value


def _unfit(value: Any, expected: str) -> PermanentError:
    example = '{"value": …}' if kind(value) != "list" else "an object"
    return PermanentError(
        f"the code returned {shown(value)}: {expected}", code="INVALID_RESULT", hint=f"return {example} instead"
    )
