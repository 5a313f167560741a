"""Keeps vectors, or texts by their vectors, and finds the nearest."""

import uuid
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, RootModel, model_validator

from nodes.base import NodeExecutionContext, Parameters, PermanentError
from nodes.credentials.credential import CredentialSlot
from nodes.memory import filtering
from nodes.memory.embedding import MOST_DIMENSIONS, Embedding
from nodes.memory.embedding_choice import embed_by
from nodes.memory.loading import Load
from nodes.memory.operation import MOST_VALUE_BYTES, Key, LongText, MemoryNode, MemoryOperation, Name
from nodes.memory.request import Caller, Json, Metric, VectorRecord
from nodes.memory.request import Search as StoreSearch
from nodes.memory.serving_vectors import ServeVectors, VectorMemory
from nodes.memory.store import Memory
from nodes.models.credentials import OPENAI_API_KEY
from nodes.parameters import STRUCTURAL, absent, misuse

MOST_RECORDS = 500
MOST_FOUND = 1000
MOST_IDS = 1000
_LARGEST = 3.4e38


def _vector(vector: list[float]) -> list[float]:
    for index, number in enumerate(vector):
        if not -_LARGEST < number < _LARGEST:
            raise misuse(f"has {number} at position {index}, which no vector can hold")
    return vector


def _metadata(given: dict[str, Any]) -> dict[str, Any]:
    size = len(filtering.metadata_text(given).encode())
    if size > MOST_VALUE_BYTES // 16:
        raise misuse(f"has {size:,} bytes as JSON; at most {MOST_VALUE_BYTES // 16:,} are allowed")
    return given


def _readable(given: Any) -> Any:
    filtering.read(given)
    return given


Collection = Annotated[Name, Field(description="Which vectors these are; collections never meet.")]
Vector = Annotated[
    list[Annotated[float, Field(strict=True)]], Field(min_length=1, max_length=MOST_DIMENSIONS), AfterValidator(_vector)
]
Metadata = Annotated[dict[str, Any], AfterValidator(_metadata)]
FilterObject = Annotated[dict[str, Any], BeforeValidator(_readable)]
_FILTER = (
    'Which metadata counts: values that it must contain, `{lang: "en"}`, or operators, `{year: {"$gte": 2020}}`: '
    "$eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists. A dotted name goes into objects."
)


class Record(Parameters):
    """A vector, or a text that is made one."""

    id: Key | None = Field(default=None, description="Its id; a new one by default.")
    text: LongText | None = Field(default=None, min_length=1, description="The text, kept with the vector.")
    vector: Vector | None = Field(default=None, description="The vector; made of `text` if it isn't given.")
    metadata: Metadata = Field(default_factory=dict, description="What is known of it, to filter by.")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.text is None and self.vector is None:
            raise absent("text", "give a text or a vector")
        return self


class Upsert(MemoryOperation):
    """Stores a vector, or several, replacing those of the same ids: `ids`, `dimensions`, `metric`."""

    operation: Annotated[Literal["upsert"], STRUCTURAL] = Field(description="Store vectors.")
    collection: Collection = "default"
    id: Key | None = Field(default=None, description="The vector's id; a new one by default.")
    text: LongText | None = Field(default=None, min_length=1, description="The text, kept with the vector.")
    vector: Vector | None = Field(default=None, description="The vector; made of `text` if it isn't given.")
    metadata: Metadata = Field(default_factory=dict, description="What is known of it, to filter by.")
    records: list[Record] | None = Field(
        default=None, min_length=1, max_length=MOST_RECORDS, description="Several, instead of one."
    )
    metric: Metric | None = Field(
        default=None, description="How a new collection is compared; cosine by default. It stays as it is."
    )
    embedding: Embedding | None = Field(
        default=None,
        description="What makes vectors of texts, unless EMBEDDINGS are connected; OpenAI's default model by default.",
    )

    @model_validator(mode="after")
    def _one_or_several(self) -> Self:
        one = self.text is not None or self.vector is not None or self.id is not None
        if self.records is None and self.text is None and self.vector is None:
            raise absent("text", 'give a text or a vector, or several as "records"')
        if self.records is not None and (one or self.metadata):
            raise misuse('has both a record of its own and "records"; one of them says what to store')
        return self

    async def run(self, context: NodeExecutionContext[Any], memory: Memory, caller: Caller) -> Json:
        """The ids."""
        single = Record.model_construct(id=self.id, text=self.text, vector=self.vector, metadata=self.metadata)
        given = self.records or [single]
        texts = [one.text for one in given if one.vector is None and one.text is not None]
        model, made = "", iter(list[list[float]]())
        if texts:
            embedded = await embed_by(context, self.embedding, texts, "document")
            model, made = embedded.model, iter(embedded.vectors)
        stored = [
            VectorRecord(
                one.id or _new_id(caller, index),
                one.vector if one.vector is not None else next(made),
                one.text,
                filtering.metadata_text(one.metadata),
            )
            for index, one in enumerate(given)
        ]
        _require_distinct(stored)
        return await memory.vectors.upsert(caller, self.collection, stored, self.metric, model)


class Search(MemoryOperation):
    """Finds the nearest vectors: `matches [{id, score, distance, text, metadata}]`, the nearest first."""

    operation: Annotated[Literal["search"], STRUCTURAL] = Field(description="Find the nearest vectors.")
    collection: Collection = "default"
    text: LongText | None = Field(default=None, min_length=1, description="What to find, as a text.")
    vector: Vector | None = Field(default=None, description="What to find, as a vector.")
    top_k: int = Field(default=5, ge=1, le=MOST_FOUND, description="The most vectors.")
    filter: FilterObject = Field(default_factory=dict, description=_FILTER)
    min_score: float | None = Field(default=None, description="The least score: 1 is the same direction by cosine.")
    metric: Metric | None = Field(
        default=None, description="Another metric than the collection's own; every vector is looked at then."
    )
    include_vectors: bool = Field(default=False, description="Emit the vectors themselves, too.")
    embedding: Embedding | None = Field(
        default=None,
        description="What makes a vector of the text, unless EMBEDDINGS are connected; OpenAI's by default.",
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.text is None and self.vector is None:
            raise absent("text", "give a text or a vector to search by")
        if self.text is not None and self.vector is not None:
            raise misuse('has both "text" and "vector"; one of them says what to find')
        return self

    async def run(self, context: NodeExecutionContext[Any], memory: Memory, caller: Caller) -> Json:
        """The nearest vectors."""
        vector, model = self.vector, ""
        if vector is None:
            embedded = await embed_by(context, self.embedding, [self.text or ""], "query")
            vector, model = embedded.vectors[0], embedded.model
        search = StoreSearch(
            vector, self.top_k, self.metric, filtering.read(self.filter), self.min_score, self.include_vectors
        )
        return await memory.vectors.search(caller, self.collection, search, model)


class Delete(MemoryOperation):
    """Removes vectors by id or by filter, or a whole collection: `deleted` says how many."""

    operation: Annotated[Literal["delete"], STRUCTURAL] = Field(description="Remove vectors.")
    collection: Collection = "default"
    id: Key | None = Field(default=None, description="The vector to remove.")
    ids: list[Key] | None = Field(default=None, min_length=1, max_length=MOST_IDS, description="Several vectors.")
    filter: Annotated[FilterObject | None, Field(min_length=1)] = Field(default=None, description=_FILTER)
    all: bool = Field(default=False, description="Remove the whole collection.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = [self.id is not None, self.ids is not None, self.filter is not None, bool(self.all)]
        if sum(given) != 1:
            raise misuse('needs one of "id", "ids", "filter" and "all": true, to say what to remove')
        return self

    async def run(self, context: NodeExecutionContext[Any], memory: Memory, caller: Caller) -> Json:
        """How many there were."""
        ids = self.ids or ([self.id] if self.id is not None else [])
        chosen = None if self.filter is None else filtering.read(self.filter)
        return await memory.vectors.delete(caller, self.collection, ids, chosen)


class VectorStoreParameters(RootModel[Upsert | Search | Delete | Load | ServeVectors]):
    """Parameters of VECTOR_STORE: those of one operation."""


class VectorStore(MemoryNode, VectorMemory):
    """Stores vectors, and finds the nearest."""

    subtype = "VECTOR_STORE"
    model = VectorStoreParameters
    credentials: ClassVar = {"auth": CredentialSlot((OPENAI_API_KEY,), required=False)}


def _new_id(caller: Caller, index: int) -> str:
    return f"{caller.key or uuid.uuid4().hex}-{index}"


def _require_distinct(records: list[VectorRecord]) -> None:
    seen: set[str] = set()
    for record in records:
        if record.id in seen:
            raise PermanentError(
                f'the parameter "records" has the id "{record.id[:100]}" twice', code="INVALID_PARAMETER"
            )
        seen.add(record.id)
