"""Keeps documents, JSON or text, and finds them by their words."""

import uuid
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, RootModel, model_validator

from nodes.base import NodeExecutionContext
from nodes.memory.operation import (
    MOST_LISTED,
    Key,
    LongText,
    MemoryNode,
    MemoryOperation,
    Name,
    Prefix,
    json_text,
)
from nodes.memory.request import Caller, Json, Page, TextSearch
from nodes.memory.serving_documents import ServeDocuments, StoredDocuments
from nodes.memory.store import Memory
from nodes.parameters import STRUCTURAL, misuse
from nodes.values import as_text, kind, shown

MOST_IDS = 1000

Collection = Annotated[Name, Field(description="Which documents these are; collections never meet.")]


def _document(given: Any) -> Any:
    if kind(given) not in ("text", "list", "object"):
        raise misuse(f"is {shown(given)}; expected text, an object or a list")
    return given


class Put(MemoryOperation):
    """Stores a document, replacing the one of the same id: `id`, and whether it was `created`."""

    operation: Annotated[Literal["put"], STRUCTURAL] = Field(description="Store a document.")
    collection: Collection = "default"
    id: Key | None = Field(default=None, description="The document's id; a new one by default.")
    document: Annotated[Any, BeforeValidator(_document)] = Field(
        description="Text, an object or a list of at most 1 MiB; every text and number inside can be found."
    )
    language: Annotated[str | None, Field(pattern=r"^[a-z_]{1,63}$")] = Field(
        default=None,
        description="The language of a new collection, as PostgreSQL calls it: english, german, … "
        "`simple` (the default) suits any, and doesn't know that words have forms.",
    )

    async def run(self, context: NodeExecutionContext[Any], memory: Memory, caller: Caller) -> Json:
        """The document's id."""
        document = json_text(self.document, "document")
        body = "\n".join(_texts(self.document)).replace("\x00", " ")
        id = self.id or caller.key or uuid.uuid4().hex
        return await memory.documents.put(caller, self.collection, id, document, body, self.language)


class Get(MemoryOperation):
    """Reads a document: `found`, and `document` (null if there is none)."""

    operation: Annotated[Literal["get"], STRUCTURAL] = Field(description="Read a document.")
    collection: Collection = "default"
    id: Key = Field(description="The document's id.")

    async def run(self, context: NodeExecutionContext[Any], memory: Memory, caller: Caller) -> Json:
        """The document."""
        return await memory.documents.get(caller, self.collection, self.id)


class Search(MemoryOperation):
    """Finds documents by words: `matches [{id, document, rank, headline}]`, the best first."""

    operation: Annotated[Literal["search"], STRUCTURAL] = Field(description="Find documents.")
    collection: Collection = "default"
    query: LongText = Field(
        min_length=1,
        max_length=10_000,
        description='Words that must all be there; "a phrase"; `or` between words; `-` before one that mustn\'t.',
    )
    limit: int = Field(default=10, ge=1, le=100, description="The most documents; fewer if they are large.")
    offset: int = Field(default=0, ge=0, le=10_000, description="How many of the best to pass over.")
    include_documents: bool = Field(default=True, description="Whether the documents are wanted, or their ids alone.")

    async def run(self, context: NodeExecutionContext[Any], memory: Memory, caller: Caller) -> Json:
        """The documents that fit."""
        search = TextSearch(self.query, self.limit, self.offset, self.include_documents)
        return await memory.documents.search(caller, self.collection, search)


class List(MemoryOperation):
    """Lists documents in the order of their ids: `documents`, and `next` to go on after, null at the end."""

    operation: Annotated[Literal["list"], STRUCTURAL] = Field(description="List documents.")
    collection: Collection = "default"
    prefix: Prefix = Field(default="", description="What the ids begin with.")
    after: Prefix = Field(default="", description="The id to go on after: `next` of the previous page.")
    limit: int = Field(default=100, ge=1, le=MOST_LISTED, description="The most documents; fewer if they are large.")
    include_documents: bool = Field(default=True, description="Whether the documents are wanted, or their ids alone.")

    async def run(self, context: NodeExecutionContext[Any], memory: Memory, caller: Caller) -> Json:
        """A page of documents."""
        page = Page(self.prefix, self.after, self.limit, self.include_documents)
        return await memory.documents.list(caller, self.collection, page)


class Delete(MemoryOperation):
    """Removes documents, or a whole collection: `deleted` says how many."""

    operation: Annotated[Literal["delete"], STRUCTURAL] = Field(description="Remove documents.")
    collection: Collection = "default"
    id: Key | None = Field(default=None, description="The document to remove.")
    ids: list[Key] | None = Field(default=None, min_length=1, max_length=MOST_IDS, description="Several documents.")
    all: bool = Field(default=False, description="Remove the whole collection.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = [self.id is not None, self.ids is not None, bool(self.all)]
        if sum(given) != 1:
            raise misuse('needs one of "id", "ids" and "all": true, to say what to remove')
        return self

    async def run(self, context: NodeExecutionContext[Any], memory: Memory, caller: Caller) -> Json:
        """How many there were."""
        ids = self.ids or ([self.id] if self.id is not None else [])
        return await memory.documents.delete(caller, self.collection, ids)


class DocumentStorageParameters(RootModel[Put | Get | Search | List | Delete | ServeDocuments]):
    """Parameters of DOCUMENT_STORAGE: those of one operation."""


class DocumentStorage(MemoryNode, StoredDocuments):
    """Stores, reads and finds documents."""

    subtype = "DOCUMENT_STORAGE"
    model = DocumentStorageParameters


def _texts(value: Any) -> Iterator[str]:
    """Every text and number inside a value."""
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, dict):
            pending.extend(reversed(one.values()))
        elif isinstance(one, list):
            pending.extend(reversed(one))
        elif kind(one) in ("text", "number"):
            yield as_text(one)
