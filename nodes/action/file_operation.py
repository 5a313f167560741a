"""Reads, writes, lists, moves and packs files in the workspace's own folder."""

from collections.abc import Mapping
from typing import Annotated, Any, Union, get_args

from pydantic import AfterValidator, ConfigDict, Field, RootModel

from nodes.action.filing.moving import Copy, Delete, Move
from nodes.action.filing.operation import Desk, FileTask
from nodes.action.filing.packing import Unzip, Zip
from nodes.action.filing.reading import Info, List, Read
from nodes.action.filing.writing import Append, Write
from nodes.base import Model, NodeExecutionContext, NodeExecutor, Output
from nodes.files.run_files import in_thread
from nodes.parameters import STRUCTURAL, Parameters, misuse
from nodes.values import listed, shown
from orchestrator.model import NodeType

AnyTask = Union[Read, Write, Append, List, Copy, Move, Delete, Info, Zip, Unzip]  # noqa: UP007 - get_args reads it
OPERATIONS: dict[str, type[FileTask]] = {
    get_args(model.model_fields["operation"].annotation)[0]: model for model in get_args(AnyTask)
}


class FileOperationParameters(RootModel[AnyTask]):
    """Parameters of FILE_OPERATION: those of one operation."""


def _unknown(name: str) -> str:
    raise misuse(f"is {shown(name)}; expected one of {listed(OPERATIONS, len(OPERATIONS))}")


class Unchosen(Parameters):
    """Parameters whose operation is missing or unknown, to say so."""

    model_config = ConfigDict(extra="ignore")

    operation: Annotated[str, STRUCTURAL, AfterValidator(_unknown)] = Field(description="What to do.")


class FileOperation(NodeExecutor[FileTask]):
    """Works with files by their paths; what items carry can be written, and what is read can be carried."""

    type = NodeType.ACTION_NODE
    subtype = "FILE_OPERATION"
    model = FileOperationParameters

    def model_for(self, parameters: Mapping[str, Any]) -> Model:
        """The model of the operation."""
        name = parameters.get("operation")
        return (OPERATIONS.get(name) if isinstance(name, str) else None) or Unchosen

    async def execute(self, context: NodeExecutionContext[FileTask]) -> Output:
        """Carries the operation out for one item."""
        store = context.resources.files
        folder, run = store.folder(context.workspace), store.of(context.workspace, context.execution_id)
        items = await in_thread(
            lambda stopped: context.parameters.carry_out(Desk(context.item, folder, run, context.now, stopped))
        )
        return Output({"main": items})
