"""Keeps JSON values by key, for the next run or for other workflows, and counts."""

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, RootModel, WithJsonSchema, model_validator

from nodes.base import NodeExecutionContext
from nodes.memory.operation import MOST_LISTED, Key, MemoryNode, MemoryOperation, Name, Prefix, json_text
from nodes.memory.request import Caller, Condition, Json, Page
from nodes.memory.serving_values import ServeValues, ValuesMemory
from nodes.memory.store import Memory
from nodes.parameters import STRUCTURAL, Duration, misuse
from nodes.values import kind, shown

Namespace = Annotated[Name, Field(description="Which values these are; keys of different namespaces never meet.")]
Ttl = Annotated[Duration | None, Field(gt=0)]


def _number(given: Any) -> Any:
    if kind(given) != "number":
        raise misuse(f"is {shown(given)}; expected a number")
    return given


class Get(MemoryOperation):
    """Reads a value: `found`, `value` (null if there is none), `version`, `expires_at`."""

    operation: Annotated[Literal["get"], STRUCTURAL] = Field(description="Read a value.")
    namespace: Namespace = "default"
    key: Key = Field(description="The value's key.")
    default: Any = Field(default=None, description="The `value` to emit if there is none.")

    async def run(self, context: NodeExecutionContext[Any], memory: Memory, caller: Caller) -> Json:
        """The value, or the default."""
        found = await memory.values.get(caller, self.namespace, self.key)
        return found if found["found"] else {**found, "value": self.default}


class Set(MemoryOperation):
    """Stores a value: `stored` says whether the condition held, `version` which one is there now."""

    operation: Annotated[Literal["set"], STRUCTURAL] = Field(description="Store a value.")
    namespace: Namespace = "default"
    key: Key = Field(description="The value's key.")
    value: Any = Field(description="Any JSON value of at most 1 MiB.")
    ttl: Ttl = Field(default=None, description="How long it is kept; without, until it is deleted or set anew.")
    if_absent: bool = Field(default=False, description="Store it only if there is no value yet.")
    if_version: Annotated[str | None, Field(max_length=64)] = Field(
        default=None, description="Store it only if the value is still of this version, as `get` told it."
    )

    @model_validator(mode="after")
    def _one_condition(self) -> Self:
        if self.if_absent and self.if_version is not None:
            raise misuse('has both "if_absent" and "if_version", which contradict each other')
        return self

    async def run(self, context: NodeExecutionContext[Any], memory: Memory, caller: Caller) -> Json:
        """Stores it if the condition holds."""
        condition = Condition(self.if_absent, self.if_version)
        value = json_text(self.value, "value")
        return await memory.values.set(caller, self.namespace, self.key, value, self.ttl, condition)


class Increment(MemoryOperation):
    """Adds to a number, atomically; however often the node is retried, it counts once. Emits the new `value`."""

    operation: Annotated[Literal["increment"], STRUCTURAL] = Field(description="Add to a number.")
    namespace: Namespace = "default"
    key: Key = Field(description="The number's key; if there is none, it begins at 0.")
    by: Annotated[int | float | Decimal, BeforeValidator(_number), WithJsonSchema({"type": "number"})] = Field(
        default=1, description="What to add; a negative number subtracts."
    )
    ttl: Ttl = Field(default=None, description="How long the number is kept, from when it begins.")

    async def run(self, context: NodeExecutionContext[Any], memory: Memory, caller: Caller) -> Json:
        """The sum."""
        return await memory.values.increment(caller, self.namespace, self.key, self.by, self.ttl)


class Delete(MemoryOperation):
    """Removes a value: `deleted` says whether there was one."""

    operation: Annotated[Literal["delete"], STRUCTURAL] = Field(description="Remove a value.")
    namespace: Namespace = "default"
    key: Key = Field(description="The value's key.")

    async def run(self, context: NodeExecutionContext[Any], memory: Memory, caller: Caller) -> Json:
        """Whether there was a value."""
        return await memory.values.delete(caller, self.namespace, self.key)


class List(MemoryOperation):
    """Lists values in the order of their keys: `entries`, and `next` to go on after, null at the end."""

    operation: Annotated[Literal["list"], STRUCTURAL] = Field(description="List values.")
    namespace: Namespace = "default"
    prefix: Prefix = Field(default="", description="What the keys begin with.")
    after: Prefix = Field(default="", description="The key to go on after: `next` of the previous page.")
    limit: int = Field(default=100, ge=1, le=MOST_LISTED, description="The most entries; fewer if they are large.")
    include_values: bool = Field(default=True, description="Whether the values are wanted, or the keys alone.")

    async def run(self, context: NodeExecutionContext[Any], memory: Memory, caller: Caller) -> Json:
        """A page of entries."""
        page = Page(self.prefix, self.after, self.limit, self.include_values)
        return await memory.values.list(caller, self.namespace, page)


class SimpleStorageParameters(RootModel[Get | Set | Increment | Delete | List | ServeValues]):
    """Parameters of SIMPLE_STORAGE: those of one operation."""


class SimpleStorage(MemoryNode, ValuesMemory):
    """Reads and changes one value for each item."""

    subtype = "SIMPLE_STORAGE"
    model = SimpleStorageParameters
