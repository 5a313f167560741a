"""How a vendor's operations are run: one model an operation, one client of the vendor's API."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Generic, TypeVar, get_args

from pydantic import AfterValidator, ConfigDict, Field, RootModel, create_model

from nodes.base import Model, NodeExecutionContext, NodeExecutor, Parameters, Returned
from nodes.external_action.api import Api
from nodes.parameters import STRUCTURAL, Duration, misuse
from nodes.values import listed, shown
from orchestrator.model import NodeType

_LAST = ("return_all", "limit", "timeout", "base_url")
A = TypeVar("A", bound=Api)


class Operation(Parameters, Generic[A]):
    """Parameters of one operation, and what it asks the vendor's API."""

    operation: str = Field(description="What to do.")
    base_url: str = Field(
        default="",
        max_length=2048,
        description="Where the API is, if not at its usual place; the credential's hosts must allow it.",
    )
    timeout: Duration = Field(default=30.0, gt=0, le=3600, description="How long each request may take.")

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        super().__pydantic_init_subclass__(**options)
        # Forms and docs show what all operations have after what is the operation's own.
        for name in (name for name in _LAST if name in cls.__pydantic_fields__):
            cls.__pydantic_fields__[name] = cls.__pydantic_fields__.pop(name)

    @abstractmethod
    async def perform(self, api: A) -> Returned:
        """Asks the API, for one item."""

    def given(self, *names: str) -> dict[str, Any]:
        """The parameters of these names that were set, `null` included."""
        return {name: getattr(self, name) for name in names if name in self.model_fields_set}


class PagedOperation(Operation[A], Generic[A]):
    """An operation that lists something page by page."""

    return_all: bool = Field(default=False, description="Emit all there are, instead of `limit`.")
    limit: int = Field(default=50, ge=1, le=100_000, description="How many to emit at most.")

    @property
    def most(self) -> int | None:
        """How many to emit; None for all."""
        return None if self.return_all else self.limit


O = TypeVar("O", bound=Operation[Any])  # noqa: E741 - as the type parameter of an operation
Operations = Mapping[str, type[Operation[Any]]]
# Their names, as an executor's own `type` hides the built-in one.
ApiClass = type[Api]
ModelClass = type[Parameters]


class _Unchosen(Parameters):
    """Parameters whose operation is missing or unknown, to say so."""

    model_config = ConfigDict(extra="ignore")


def by_name(model: type[RootModel[Any]]) -> Operations:
    """The operations of a union, by the name that their field `operation` takes."""
    variants = get_args(model.model_fields["root"].annotation)
    return {get_args(variant.model_fields["operation"].annotation)[0]: variant for variant in variants}


def unchosen(operations: Operations) -> type[Parameters]:
    """A model that says which operations there are."""

    def refuse(name: str) -> str:
        raise misuse(f"is {shown(name)}; expected one of {listed(operations, len(operations))}")

    kind = Annotated[str, STRUCTURAL, AfterValidator(refuse)]
    return create_model("Unchosen", __base__=_Unchosen, operation=(kind, Field(description="What to do.")))


class VendorExecutor(NodeExecutor[O], Generic[O]):
    """Runs one operation of a vendor's API for each item."""

    type = NodeType.EXTERNAL_ACTION_NODE
    api: ClassVar[ApiClass]
    operations: ClassVar[Operations]
    unchosen: ClassVar[ModelClass]

    def model_for(self, parameters: Mapping[str, Any]) -> Model:
        """The model of the operation."""
        name = parameters.get("operation")
        return self.operations.get(name, self.unchosen) if isinstance(name, str) else self.unchosen

    async def execute(self, context: NodeExecutionContext[O]) -> Returned:
        """Performs the operation for one item."""
        operation = context.parameters
        credential = await context.credential()
        api = self.api(context, credential, base_url=operation.base_url, timeout=operation.timeout)
        return await operation.perform(api)
