"""Stored documents for a prompt: all that are chosen, or those whose words fit a question."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from nodes import equipment
from nodes.base import NodeExecutionContext, PermanentError
from nodes.equipment import Document
from nodes.memory.operation import Key, Name, Prefix
from nodes.memory.request import Caller, Json, Page, TextSearch
from nodes.memory.serving import Serving, served
from nodes.parameters import STRUCTURAL
from nodes.texts.ranking import by_words, words_of
from nodes.values import as_text

# How many more documents are found by any of the words than are kept of those that have the rare ones.
_BREADTH, _MOST_FOUND = 10, 100
_MOST_WORDS = 30
_PAGE = 100


class ServeDocuments(Serving):
    """Serves over `ai_document` (all chosen documents) and `ai_retriever` (those that fit the prompt's words)."""

    operation: Annotated[Literal["serve"], STRUCTURAL] = Field(
        default="serve", description="Serve another node; needn't be written."
    )
    collection: Name = Field(default="default", description="Which documents these are.")
    id: Key | None = Field(default=None, description="For ai_document: only this document.")
    ids: list[Key] | None = Field(
        default=None, min_length=1, max_length=1000, description="For ai_document: only these documents."
    )
    prefix: Prefix = Field(default="", description="For ai_document: what the ids begin with.")
    limit: int = Field(default=100, ge=1, le=1000, description="For ai_document: the most documents.")


class StoredDocuments(equipment.DocumentSource, equipment.Retriever):
    """Gives documents whole; an object's text is its JSON, its title the field `title` or `name`."""

    async def documents(self, context: NodeExecutionContext[Any]) -> Sequence[Document]:
        """The documents in the order of their ids; PermanentError if one that is named isn't there."""
        given, store, caller = served(context, ServeDocuments), context.resources.memory.documents, Caller.of(context)
        wanted = given.ids or ([given.id] if given.id is not None else [])
        if wanted:
            named = [await store.get(caller, given.collection, id) for id in dict.fromkeys(wanted)]
            missing = next((one["id"] for one in named if not one["found"]), None)
            if missing is not None:
                raise PermanentError(
                    f'the collection "{given.collection}" has no document "{missing[:100]}"', code="MISSING_DOCUMENT"
                )
            return [_document(given.collection, one) for one in named]
        found: list[Document] = []
        after: str | None = ""
        while after is not None and len(found) < given.limit:
            page = Page(given.prefix, after, min(_PAGE, given.limit - len(found)))
            listed = await store.list(caller, given.collection, page)
            found += [_document(given.collection, one) for one in listed["documents"]]
            after = listed["next"]
        return found

    async def retrieve(self, context: NodeExecutionContext[Any], query: str, top_k: int) -> Sequence[Document]:
        """The documents that have any of the question's words, the rarest and most frequent ones first."""
        given = served(context, ServeDocuments)
        words = list(dict.fromkeys(words_of(query)))
        telling = [word for word in words if len(word) > 2 or not word.isascii()] or words
        if not telling:
            return []
        # In quotes, no word means anything to the search.
        any_of = " or ".join(f'"{word}"' for word in telling[:_MOST_WORDS])
        search = TextSearch(any_of, min(top_k * _BREADTH, _MOST_FOUND))
        found = await context.resources.memory.documents.search(Caller.of(context), given.collection, search)
        documents = [_document(given.collection, one) for one in found["matches"]]
        ranked = by_words(query, [one.text for one in documents])[:top_k]
        return [
            Document(documents[place].id, documents[place].text, documents[place].source, score)
            for place, score in ranked
        ]


def _document(collection: str, stored: Json) -> Document:
    content = stored["document"]
    fields = content if isinstance(content, dict) else {}
    title = next((fields[name] for name in ("title", "name") if isinstance(fields.get(name), str)), "")
    source = {"collection": collection, "document": stored["id"], **({"title": title[:1000]} if title else {})}
    return Document(stored["id"], as_text(content), source)
