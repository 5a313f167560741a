"""Memory nodes that serve agents: what they recall, what they remember, what they find."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from nodes import equipment
from nodes.base import NodeExecutionContext
from nodes.equipment import Document, DocumentSource, Provider, Retriever
from nodes.errors import PermanentError
from nodes.models.chat import Message
from nodes.resources import Resources
from orchestrator.model import ConnectionType
from tests.nodes.ai_agent.stage import Peer, Served, context_of, executor_of, provider_of
from tests.nodes.memory.conftest import Remember

Place = Callable[..., Provider]
LOCAL = {"embedding": {"provider": "local"}}


@pytest.fixture
def place(resources: Resources, workspace: str) -> Place:
    """A node that serves, such as `place("BUFFER", max_messages=5)`."""

    def make(subtype: str, *, name: str = "Store", served: Served = (), **parameters: Any) -> Provider:
        return provider_of(
            f"MEMORY.{subtype}",
            parameters,
            name,
            resources=resources,
            workspace=workspace,
            served=served,
        )

    return make


async def remember_all(provider: Provider, session: str, *exchanges: tuple[str, str], again: int = 1) -> None:
    memory = cast(equipment.Memory, provider.executor)
    for number, (asked, answered) in enumerate(exchanges):
        said = [Message("user", asked), Message("assistant", answered)]
        for _ in range(again):
            await memory.remember(provider.context, session, said, f"{session}-{number}")


async def recalled(provider: Provider, session: str, prompt: str = "") -> list[tuple[str, str]]:
    memory = cast(equipment.Memory, provider.executor)
    return [(one.role, one.text) for one in await memory.recall(provider.context, session, prompt)]


CONVERSATIONS = ["BUFFER", "SIMPLE_STORAGE"]


@pytest.mark.parametrize("subtype", CONVERSATIONS)
async def test_a_conversation_is_recalled_in_its_order(place: Place, subtype: str) -> None:
    store = place(subtype)
    assert await recalled(store, "s1") == []
    await remember_all(store, "s1", ("I am Ann", "Hello Ann"), ("Who am I?", "Ann"), again=2)
    await remember_all(store, "s2", ("Other", "Yes"))
    said = [("user", "I am Ann"), ("assistant", "Hello Ann"), ("user", "Who am I?"), ("assistant", "Ann")]
    assert await recalled(store, "s1") == said
    assert await recalled(place(subtype, max_messages=2), "s1") == said[2:]


@pytest.mark.parametrize("subtype", CONVERSATIONS)
async def test_exchanges_at_once_are_all_kept(place: Place, subtype: str) -> None:
    store = place(subtype)
    memory = cast(equipment.Memory, store.executor)
    said = [[Message("user", f"q{n}"), Message("assistant", f"a{n}")] for n in range(5)]
    await asyncio.gather(*(memory.remember(store.context, "s", one, f"k{n}") for n, one in enumerate(said)))
    found = await recalled(store, "s")
    assert sorted(text for role, text in found if role == "user") == [f"q{n}" for n in range(5)]
    assert all(found[place + 1] == ("assistant", f"a{found[place][1][1:]}") for place in range(0, 10, 2))


async def test_two_memories_of_one_agent_both_remember(place: Place) -> None:
    for name in ("One", "Two"):
        store = place("BUFFER", name=name, session_key=name)
        await remember_all(store, "s", ("q", "a"))
    for name in ("One", "Two"):
        assert len(await recalled(place("BUFFER", session_key=name), "s")) == 2


async def test_a_buffer_that_workflows_fill(place: Place, remember: Remember) -> None:
    roles = [("human", "Hi"), ("ai", "Hello"), ("tool", "42"), ("system", "Be nice"), ("user", {"a": 1})]
    messages = [{"role": role, "content": content} for role, content in roles]
    await remember("BUFFER", operation="append", session_key="s", messages=messages)
    said = [("user", "Hi"), ("assistant", "Hello"), ("user", '{"a":1}')]
    assert await recalled(place("BUFFER"), "s") == said
    assert await recalled(place("BUFFER", operation="read", session_key="s", max_messages=1), "other") == said[2:]


async def test_a_value_that_is_no_conversation_is_begun_anew(place: Place, remember: Remember) -> None:
    await remember("SIMPLE_STORAGE", operation="set", key="s", value=[1, 2])
    store = place("SIMPLE_STORAGE", max_messages=2)
    assert await recalled(store, "s") == []
    await remember_all(store, "s", ("q1", "a1"), ("q2", "a2"))
    told = await remember("SIMPLE_STORAGE", operation="get", key="s")
    assert [one["content"] for one in told["value"]["messages"]] == ["q2", "a2"]


TRIPLES = [("Ada", "works_at", "Acme"), ("Bo", "knows", "Ada"), ("Acme", "is_in", "Bern"), ("王芳", "喜欢", "茶")]


@pytest.mark.parametrize(
    ("prompt", "known"),
    [
        ("Where does ADA work?", [0, 1]),
        ("Adam and Boris", []),
        ("Is it Acme's?", [2, 0]),
        ("我想问王芳的事", [3]),
        ("", []),
    ],
)
async def test_what_is_known_of_the_entities_in_a_prompt(
    place: Place, remember: Remember, prompt: str, known: list[int]
) -> None:
    triples = [dict(zip(("subject", "predicate", "object"), one, strict=True)) for one in TRIPLES]
    await remember("KNOWLEDGE_GRAPH", operation="add", triples=triples)
    graph = place("KNOWLEDGE_GRAPH")
    found = await recalled(graph, "s", prompt)
    if not known:
        assert found == []
    else:
        ((role, text),) = found
        lines = {f'["{s}","{p}","{o}"]' for s, p, o in (TRIPLES[place] for place in known)}
        assert (role, set(text.splitlines()[1:])) == ("user", lines)
    retriever = cast(Retriever, graph.executor)
    documents = await retriever.retrieve(graph.context, prompt, 10)
    assert {one.text for one in documents} == {" ".join(TRIPLES[place]) for place in known}
    assert all(one.source["provenance"]["execution_id"] == "run-1" for one in documents)
    assert len(await recalled(place("KNOWLEDGE_GRAPH", limit=1), "s", prompt)) == bool(known)


async def test_a_graph_too_large_to_be_looked_through(place: Place, remember: Remember) -> None:
    many = [{"subject": f"a{n:04}", "predicate": "p", "object": "x"} for n in range(1000)]
    await remember("KNOWLEDGE_GRAPH", operation="add", triples=many)
    await remember("KNOWLEDGE_GRAPH", operation="add", subject="Zoe B. Zett", predicate="is", object="far")
    ((_, text),) = await recalled(place("KNOWLEDGE_GRAPH"), "s", "tell me about Zoe B. Zett and others, " * 3)
    assert text.splitlines()[1:] == ['["Zoe B. Zett","is","far"]']


async def test_a_graph_remembers_nothing_by_itself(place: Place, remember: Remember) -> None:
    await remember_all(place("KNOWLEDGE_GRAPH"), "s", ("Ada likes tea", "Noted"))
    assert (await remember("KNOWLEDGE_GRAPH", operation="query"))["triples"] == []


async def test_the_nearest_exchanges_are_recalled(place: Place) -> None:
    store = place("VECTOR_STORE", top_k=1, **LOCAL)
    exchanges = [("What does my cat eat?", "Fish."), ("How do I file my taxes?", "Online.")]
    await remember_all(store, "s1", *exchanges, again=2)
    await remember_all(store, "s2", ("Which taxes are due?", "None."))
    ((role, text),) = await recalled(store, "s1", "When is the tax return due?")
    assert (role, text.splitlines()[1:]) == ("user", ['"User: How do I file my taxes?\\nAssistant: Online."'])
    assert await recalled(store, "s3", "taxes") == []
    everywhere = place("VECTOR_STORE", all_sessions=True, **LOCAL)
    ((_, text),) = await recalled(everywhere, "s3", "taxes")
    assert len(text.splitlines()) == 4


async def test_vectors_by_the_embeddings_that_are_connected(place: Place, remember: Remember) -> None:
    peer = Peer()
    store = place("VECTOR_STORE", served=[(ConnectionType.AI_EMBEDDING, peer.provider)], **LOCAL)
    await remember_all(store, "s", ("abc", "def"))
    assert len(await recalled(store, "s", "abc")) == 1
    assert peer.asked == [("document", 1), ("query", 1)]
    own = place("EMBEDDINGS", name="Vectors", provider="local")
    assert isinstance(own.executor, equipment.Embedder)
    (vector,) = await own.executor.embed(own.context, ["a"], "query")
    assert len(vector) == 384


async def test_texts_by_what_they_mean(place: Place, remember: Remember) -> None:
    records: list[dict[str, Any]] = [
        {"id": "a", "text": "Cats eat fish.", "metadata": {"title": "Cats", "kind": "pet"}},
        {"id": "b", "text": "Tax returns are due in May.", "metadata": {"kind": "law"}},
        {"id": "c", "vector": [0.1] * 384, "metadata": {"kind": "law"}},
    ]
    await remember("VECTOR_STORE", operation="upsert", records=records, **LOCAL)
    store = place("VECTOR_STORE", **LOCAL)
    retriever = cast(Retriever, store.executor)
    best, second = await retriever.retrieve(store.context, "What do kittens like?", 3)
    assert (best.id, best.text, second.id) == ("a", "Cats eat fish.", "b")
    assert best.source == {"collection": "default", "title": "Cats", "metadata": records[0]["metadata"]}
    assert best.score > second.score
    law = place("VECTOR_STORE", operation="search", text="x", filter={"kind": "law"}, **LOCAL)
    assert [one.id for one in await retriever.retrieve(law.context, "kittens", 3)] == ["b"]


@pytest.fixture
async def library(remember: Remember) -> None:
    texts = {
        "a": "The refund is late.",
        "b": {"title": "Refunds", "text": "How refunds work, and refunds again."},
        "c": "The the the weather.",
        "dir/d": {"name": "D", "n": 5},
    }
    for id, document in texts.items():
        await remember("DOCUMENT_STORAGE", operation="put", id=id, document=document)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("Why is the refund late?", ["a", "c"]),
        ("refunds or refund", ["b", "a"]),
        ('"-weather!"', ["c"]),
        ("zebra", []),
        ("?!", []),
    ],
)
async def test_documents_by_any_of_their_words(place: Place, query: str, ids: list[str]) -> None:
    store = place("DOCUMENT_STORAGE")
    retriever = cast(Retriever, store.executor)
    found = await retriever.retrieve(store.context, query, 5)
    assert [one.id for one in found] == ids
    assert len(await retriever.retrieve(store.context, query, 1)) == min(1, len(ids))


@pytest.mark.usefixtures("library")
async def test_documents_that_are_chosen(place: Place) -> None:
    async def chosen(**parameters: Any) -> list[Document]:
        store = place("DOCUMENT_STORAGE", **parameters)
        return list(await cast(DocumentSource, store.executor).documents(store.context))

    assert [one.id for one in await chosen()] == ["a", "b", "c", "dir/d"]
    assert [one.id for one in await chosen(prefix="dir/")] == ["dir/d"]
    assert [one.id for one in await chosen(limit=2)] == ["a", "b"]
    assert [one.id for one in await chosen(collection="none")] == []
    second, first = await chosen(ids=["dir/d", "a"])
    assert (first.text, first.source) == ("The refund is late.", {"collection": "default", "document": "a"})
    assert (second.text, second.source["title"]) == ('{"name":"D","n":5}', "D")
    with pytest.raises(PermanentError, match='"default" has no document "x"') as caught:
        await chosen(id="x")
    assert caught.value.code == "MISSING_DOCUMENT"


LONG = "Cats eat fish and sleep a lot. " * 3 + "\n\n" + "Tax returns are due in May. " * 3


@pytest.fixture
def loading(resources: Resources, workspace: str) -> Callable[..., NodeExecutionContext[Any]]:
    """A call that loads; pieces are of 100 characters."""
    splitter = provider_of("AI_AGENT.TEXT_SPLITTER", {"chunk_size": 100, "chunk_overlap": 0})

    def make(*documents: Document, key: str = "", **parameters: Any) -> NodeExecutionContext[Any]:
        served = [(ConnectionType.AI_TEXT_SPLITTER, splitter), (ConnectionType.AI_EMBEDDING, Peer().provider)]
        served += [(ConnectionType.AI_DOCUMENT, Peer(documents).provider)] if documents else []
        given = {"operation": "load", **parameters}
        fields: dict[str, Any] = {"resources": resources, "workspace": workspace, "idempotency_key": key}
        return context_of("MEMORY.VECTOR_STORE", given, served=served, **fields)

    return make


async def test_documents_are_loaded_in_pieces(loading: Any, place: Place, remember: Remember) -> None:
    store = executor_of("MEMORY.VECTOR_STORE")
    documents = [Document("a", LONG, {"title": "A"}), Document("b", "Short.")]
    told = await store.run(loading(*documents, metadata={"lang": "en"}, key="k1"))
    assert told == {"collection": "default", "documents": 2, "pieces": 3, "deleted": 0}
    assert await store.run(loading(*documents, metadata={"lang": "en"}, key="k1")) == told
    vector = [1.0] * 26
    found = await remember("VECTOR_STORE", operation="search", vector=vector, top_k=10, filter={"lang": "en"})
    pieces = {match["id"]: match for match in found["matches"]}
    assert sorted(pieces) == ["a#0", "a#1", "b#0"]
    assert pieces["a#1"]["metadata"] == {"lang": "en", "source": {"document": "a", "piece": 1, "title": "A"}}
    assert pieces["a#1"]["text"].startswith("Tax returns")
    shorter = [Document("a", "Now short."), documents[1]]
    assert await store.run(loading(*shorter, key="k2")) == {**told, "pieces": 2, "deleted": 1}
    served = [(ConnectionType.AI_EMBEDDING, Peer().provider)]
    reader = place("VECTOR_STORE", served=served)
    texts = await cast(Retriever, reader.executor).retrieve(reader.context, "x", 10)
    assert {one.text for one in texts} == {"Now short.", "Short."}


async def test_a_text_is_loaded(loading: Any) -> None:
    store = executor_of("MEMORY.VECTOR_STORE")
    told = await store.run(loading(text=LONG, id="t", title="T"))
    assert told == {"collection": "default", "documents": 1, "pieces": 2, "deleted": 0}
    with pytest.raises(PermanentError, match='"text" is missing; and no documents are connected'):
        await store.run(loading())


async def test_documents_of_two_stores_with_the_same_id(loading: Any) -> None:
    documents = [Document("a", "One.", {"collection": "x"}), Document("a", "Two.", {"collection": "y"})]
    told = cast(Any, await executor_of("MEMORY.VECTOR_STORE").run(loading(*documents)))
    assert (told["documents"], told["pieces"]) == (2, 2)


@pytest.mark.parametrize(
    ("metadata", "said"),
    [({"source": 1}, 'has the field "source"'), ({"a": "x" * 50_000}, "at most 49,152 are allowed")],
)
async def test_metadata_that_a_piece_cant_have(loading: Any, metadata: Any, said: str) -> None:
    with pytest.raises(PermanentError, match=said):
        loading(metadata=metadata)


@pytest.mark.parametrize("subtype", ["BUFFER", "SIMPLE_STORAGE", "KNOWLEDGE_GRAPH", "DOCUMENT_STORAGE", "VECTOR_STORE"])
async def test_items_cant_be_served(remember: Remember, problems: Any, subtype: str) -> None:
    with pytest.raises(PermanentError, match='"operation" is missing; a node that items reach needs one'):
        await remember(subtype)
    assert problems(f"MEMORY.{subtype}") == []
    assert problems(f"MEMORY.{subtype}", operation="serve") == []
    assert '"operation" is missing' in problems(f"MEMORY.{subtype}", value=1)[0].message
