"""What the operations of memory nodes share: their parameters' types, and how a node finds its operation."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, get_args

from pydantic import AfterValidator, ConfigDict, Field, RootModel, create_model

from nodes.base import Model, NodeExecutionContext, NodeExecutor, Parameters, PermanentError
from nodes.memory.request import Caller, Json
from nodes.memory.store import Memory
from nodes.parameters import STRUCTURAL, misuse
from nodes.values import listed, shown
from orchestrator import exact_json
from orchestrator.model import NodeType

MOST_KEY_BYTES = 512
MOST_NAME_BYTES = 128
MOST_VALUE_BYTES = 1024 * 1024
MOST_LISTED = 1000


def sendable(value: str) -> str:
    """The text, if PostgreSQL can keep it."""
    if "\x00" in value:
        raise misuse("has the character U+0000, which can't be stored")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise misuse("has half of a surrogate pair, which isn't valid Unicode text") from None
    return value


def _at_most(most: int) -> AfterValidator:
    def check(value: str) -> str:
        size = len(sendable(value).encode())
        if size > most:
            raise misuse(f"has {size:,} bytes in UTF-8; at most {most:,} are allowed")
        return value

    return AfterValidator(check)


Key = Annotated[str, Field(min_length=1), _at_most(MOST_KEY_BYTES)]
Name = Annotated[str, Field(min_length=1), _at_most(MOST_NAME_BYTES)]
Prefix = Annotated[str, _at_most(MOST_KEY_BYTES)]
LongText = Annotated[str, _at_most(MOST_VALUE_BYTES)]


def json_text(value: Any, parameter: str) -> str:
    """A value as it is stored; PermanentError if it is too large."""
    try:
        text = exact_json.dumps(value)
    except exact_json.NotJson as error:
        raise PermanentError(f'the parameter "{parameter}" isn\'t JSON: {error}', code="INVALID_PARAMETER") from None
    size = len(text.encode())
    if size > MOST_VALUE_BYTES:
        raise PermanentError(
            f'the parameter "{parameter}" has {size:,} bytes as JSON; at most {MOST_VALUE_BYTES:,} can be stored',
            code="VALUE_TOO_LARGE",
            hint="store it in parts, or as a file",
        )
    return text


class MemoryOperation(Parameters):
    """Parameters of one operation of a memory node."""

    @abstractmethod
    async def run(self, context: NodeExecutionContext[Any], memory: Memory, caller: Caller) -> Json:
        """Does it for one item."""


Operations = Mapping[str, type[MemoryOperation]]


def _chosen(operations: Sequence[str]) -> AfterValidator:
    def check(name: str) -> str:
        raise misuse(f"is {shown(name)}; expected one of {listed(operations, len(operations))}")

    return AfterValidator(check)


class MemoryNode(NodeExecutor[MemoryOperation]):
    """A node that stores and reads by operations; `model` is a RootModel of the union of them."""

    type = NodeType.MEMORY_NODE
    operations: ClassVar[Operations]
    unchosen: ClassVar[Model]

    def __init_subclass__(cls) -> None:
        """Finds the operations in the model."""
        super().__init_subclass__()
        assert issubclass(cls.model, RootModel)
        variants = get_args(cls.model.model_fields["root"].annotation)
        cls.operations = {get_args(variant.model_fields["operation"].annotation)[0]: variant for variant in variants}
        names = list(cls.operations)
        cls.unchosen = create_model(
            "Unchosen",
            __base__=_Unchosen,
            operation=(Annotated[str, STRUCTURAL, _chosen(names)], Field(description="What to do.")),
        )

    def model_for(self, parameters: Mapping[str, Any]) -> Model:
        """The model of the operation; without one, the node may serve others by what else is given."""
        name = parameters.get("operation")
        serving = self.operations.get("serve")
        if serving is not None and "operation" not in parameters and parameters.keys() <= serving.model_fields.keys():
            return serving
        return self.operations.get(name, self.unchosen) if isinstance(name, str) else self.unchosen

    async def execute(self, context: NodeExecutionContext[MemoryOperation]) -> Json:
        """Does the operation for one item."""
        return await context.parameters.run(context, context.resources.memory, Caller.of(context))


class _Unchosen(Parameters):
    """Parameters whose operation is missing or unknown, to say so."""

    model_config = ConfigDict(extra="ignore")
