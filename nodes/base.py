"""What an executor is: the contract between the engine and every step of the catalogue."""

import asyncio
import inspect
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, ClassVar, Generic, TypedDict, TypeVar

from pydantic import BaseModel, ConfigDict

from nodes.credentials.credential import Credential, CredentialSlot
from nodes.equipment import Equipment
from nodes.errors import NodeError, PermanentError
from nodes.files.files import Files
from nodes.parameters import Parameters, parse
from nodes.resources import Resources
from orchestrator.commands import Command
from orchestrator.model import Node, NodeType
from orchestrator.plan import Effect, Ports


class Item(TypedDict, total=False):
    """One item: its JSON object, and files by name."""

    json: dict[str, Any]
    files: dict[str, Any]


P = TypeVar("P", bound=BaseModel)
Model = type[BaseModel]


@dataclass
class Output:
    """What a node emits: items by output port; a port that is left out emits none."""

    ports: dict[str, Sequence[Item]]


@dataclass(frozen=True)
class NodeExecutionResult:
    """What an executor reports: the data it made, or an error, and lines for the node run's log."""

    success: bool
    output_data: Any = None
    error_message: str = ""
    logs: list[str] = field(default_factory=list)


# A dict is one item's JSON, a list of dicts many items; None emits nothing.
Returned = dict[str, Any] | list[dict[str, Any]] | Output | NodeExecutionResult | Command | None


@dataclass
class NodeExecutionContext(Generic[P]):
    """What an executor sees of one call: of one item for a per-item node, of all of them otherwise.

    `parameters` are resolved and validated; `inputs` are the items by input port position; `now` is when the
    node run was scheduled, the same for every attempt; `idempotency_key` names this call for services that
    take such a key, the same for every attempt.
    """

    node: Node
    parameters: P
    inputs: Sequence[Sequence[Item]]
    resources: Resources
    now: datetime
    slots: Mapping[str, CredentialSlot] = field(default_factory=dict)
    execution_id: str = ""
    workflow_id: str = ""
    run_index: int = 0
    item_index: int = 0
    attempt: int = 1
    idempotency_key: str = ""
    resolved: Mapping[str, Any] = field(default_factory=dict)
    logs: list[str] = field(default_factory=list)
    # What the run was started with: its first item.
    trigger: Mapping[str, Any] = field(default_factory=dict)
    # The nodes that serve this one over AI connections, by type.
    equipment: Equipment = field(default_factory=dict)
    # Whose credentials, files and memories these are.
    workspace: str = "default"
    # What must not be seen in logs, errors and outputs: the values of the credentials that were opened.
    secrets: set[str] = field(default_factory=set, repr=False)

    @property
    def files(self) -> Files:
        """The files of this run."""
        return self.resources.files.of(self.workspace, self.execution_id)

    async def credential(self, slot: str = "auth") -> Credential | None:
        """The credential that the node names in a slot; None if an optional one is empty."""
        wanted: CredentialSlot = self.slots[slot]
        credential_id = self.node.credentials.get(slot, "")
        if not credential_id:
            if not wanted.required:
                return None
            kinds = " or ".join(kind.title for kind in wanted.types)
            raise PermanentError(
                f'the node has no credential in its slot "{slot}"; it needs one of the type {kinds}',
                code="MISSING_CREDENTIAL",
                hint=f'create an integration, and put its id into the node\'s credentials as "{slot}"',
            )
        opened = await self.resources.credentials.open(self.workspace, credential_id, wanted.types)
        self.secrets.update(opened.secrets())
        return opened

    @property
    def items(self) -> Sequence[Item]:
        """The items of the first input port."""
        return self.inputs[0] if self.inputs else ()

    @property
    def item(self) -> Item:
        """The item this call is about."""
        return self.items[self.item_index] if self.item_index < len(self.items) else {"json": {}}

    @property
    def input_data(self) -> dict[str, Any]:
        """One dict of all input items: their shallow merge, later ones over earlier ones."""
        merged: dict[str, Any] = {}
        for port in self.inputs:
            for item in port:
                merged.update(item["json"])
        return merged

    def get_parameter(self, name: str, default: Any = None) -> Any:
        """One resolved parameter."""
        return self.resolved.get(name, default)

    def log(self, line: str) -> None:
        """Adds a line to the node run's log."""
        self.logs.append(line)


class BaseNodeExecutor(ABC):
    """A step that third parties bring: override `get_supported_subtypes` and `execute`.

    It runs once for all its items, as an activity; set `per_item` or `effect` to change that. Its parameters
    are free-form; `validate` says what is wrong with a node, one sentence a problem.
    """

    effect: ClassVar[Effect] = Effect.EFFECTFUL
    per_item: ClassVar[bool] = False
    # Parameters whose {{ }} isn't resolved before the call (code, conditions that are evaluated later).
    raw: ClassVar[frozenset[str]] = frozenset()
    # Of those, the ones in which {{ }} means nothing at all (code).
    literal: ClassVar[frozenset[str]] = frozenset()
    queue: ClassVar[str] = ""
    # The credentials that it takes, by the name of their slot.
    credentials: ClassVar[Mapping[str, CredentialSlot]] = MappingProxyType({})

    @abstractmethod
    def get_supported_subtypes(self) -> list[str]:
        """The subtypes that this executor runs."""

    @abstractmethod
    def execute(self, context: NodeExecutionContext[Any]) -> Returned | Awaitable[Returned]:
        """Does the work; sync or async."""

    def validate(self, node: Node) -> list[str]:
        """What is wrong with the node's parameters (unresolved: a string may still hold {{ }})."""
        return []

    def ports(self, parameters: Mapping[str, Any]) -> Ports:
        """The node's ports, given its unresolved parameters."""
        return Ports(self.effect, queue=self.queue)

    def runs_per_item(self, parameters: Mapping[str, Any]) -> bool:
        """Whether `execute` is called for each item or once for all, given the unresolved parameters."""
        return self.per_item

    def prepare_execution(self, context: NodeExecutionContext[Any]) -> Awaitable[None] | None:
        """Called before `execute`."""
        return None

    def cleanup_execution(self, context: NodeExecutionContext[Any]) -> Awaitable[None] | None:
        """Called after `execute`, also when it failed."""
        return None

    def parse(self, parameters: Mapping[str, Any]) -> BaseModel:
        """The resolved parameters as a model; PermanentError if they don't fit."""
        return FreeParameters.model_validate(dict(parameters))

    async def run(self, context: NodeExecutionContext[Any]) -> Returned:
        """`execute` between its preparation and clean-up, whichever of them are async."""
        await _settle(self.prepare_execution, context)
        try:
            return await self._executed(context)
        except NodeError as error:
            if error.item is None and self.runs_per_item(context.node.parameters):
                error.item = context.item_index
            raise
        finally:
            await _settle(self.cleanup_execution, context)

    async def _executed(self, context: NodeExecutionContext[Any]) -> Returned:
        if self.effect is Effect.EFFECTFUL and not inspect.iscoroutinefunction(self.execute):
            # It may block, and a worker's other nodes must go on meanwhile.
            returned = await asyncio.to_thread(self.execute, context)
        else:
            returned = self.execute(context)
        return await returned if inspect.isawaitable(returned) else returned

    def _create_success_result(self, output_data: Any = None, logs: list[str] | None = None) -> NodeExecutionResult:
        return NodeExecutionResult(success=True, output_data=output_data, logs=logs or [])

    def _create_error_result(self, error_message: str, logs: list[str] | None = None) -> NodeExecutionResult:
        return NodeExecutionResult(success=False, error_message=error_message, logs=logs or [])


class FreeParameters(BaseModel):
    """Parameters of an executor that declares none."""

    model_config = ConfigDict(extra="allow")


class NodeExecutor(BaseNodeExecutor, Generic[P]):
    """A step of our own catalogue: one type and subtype, and a model of its parameters."""

    type: ClassVar[NodeType]
    subtype: ClassVar[str]
    model: ClassVar[Model]
    per_item: ClassVar[bool] = True

    def get_supported_subtypes(self) -> list[str]:
        """Its one subtype."""
        return [self.subtype]

    def model_for(self, parameters: Mapping[str, Any]) -> Model:
        """The model that these parameters must fit, resolved or not."""
        return self.model

    def parse(self, parameters: Mapping[str, Any]) -> BaseModel:
        """The resolved parameters as this subtype's model; PermanentError names each that doesn't fit."""
        return parse(self.model_for(parameters), parameters)


async def _settle(
    hook: Callable[[NodeExecutionContext[Any]], Awaitable[None] | None], context: NodeExecutionContext[Any]
) -> None:
    pending = hook(context)
    if pending is not None:
        await pending


__all__ = [
    "BaseNodeExecutor",
    "Item",
    "NodeExecutionContext",
    "NodeExecutionResult",
    "NodeExecutor",
    "Output",
    "Parameters",
    "PermanentError",
    "Returned",
]
