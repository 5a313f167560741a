"""What an agent reads: documents, cut, embedded, stored, found and ordered again, each over its own connection."""

import uuid
from typing import Any

import pytest

from tests.agents.conftest import Agents, Json
from tests.agents.scripted import Reply, Request, ScriptedModel, told, tools
from tests.graphs import node, trigger, workflow

REFUNDS = "A refund takes five days. A refund needs the receipt."
SHIPPING = "Shipping is free above 50. Shipping takes two days."
LONG = " ".join(f"Garden note {n}." for n in range(200))


@pytest.fixture
def collection() -> str:
    return f"c-{uuid.uuid4().hex[:8]}"


def embeddings(model: ScriptedModel) -> Json:
    return node("Vectors", "MEMORY_NODE", "EMBEDDINGS", {"provider": "openai", "model": "e", "base_url": model.url})


def agent(model: ScriptedModel, **parameters: Any) -> Json:
    return node("Agent", "AI_AGENT_NODE", "ROUTER_AGENT", {"model_name": "m", "base_url": model.url, **parameters})


def store(name: str, subtype: str, collection: str, **parameters: Any) -> Json:
    return node(name, "MEMORY_NODE", subtype, {"collection": collection, **parameters})


async def put(agents: Agents, collection: str, **documents: str) -> None:
    """Stores documents by id."""
    items = [{"id": name, "text": text} for name, text in documents.items()]
    put = store(
        "Put", "DOCUMENT_STORAGE", collection, operation="put", id="{{ $json.id }}", document="{{ $json.text }}"
    )
    ended = await agents.run(workflow("put", [trigger(), put], "Start -> Put"), items)
    assert not ended.execution.error.message


async def load(agents: Agents, model: ScriptedModel, collection: str, *, splitter: bool = True) -> Any:
    """Start -> Load ~ai_document~ Docs, ~ai_embedding~ Vectors, ~ai_text_splitter~ Cut"""
    nodes = [
        trigger(),
        store("Load", "VECTOR_STORE", collection, operation="load"),
        store("Docs", "DOCUMENT_STORAGE", collection),
        embeddings(model),
        node("Cut", "AI_AGENT_NODE", "TEXT_SPLITTER", {"chunk_size": 200, "chunk_overlap": 0}),
    ]
    edges = ["Start -> Load", "Load -ai_document-> Docs", "Load -ai_embedding-> Vectors"]
    edges += ["Load -ai_text_splitter-> Cut"] if splitter else []
    ended = await agents.run(workflow("load", nodes if splitter else nodes[:-1], *edges), {})
    assert not ended.execution.error.message, ended.execution.error.message
    return ended.output["Load"][0]


@pytest.mark.parametrize("connected", [True, False])
async def test_documents_are_cut_by_the_splitter(
    agents: Agents, model: ScriptedModel, collection: str, connected: bool
) -> None:
    await put(agents, collection, long=LONG)
    loaded = await load(agents, model, collection, splitter=connected)
    assert (loaded["documents"], loaded["pieces"] > 15) == (1, connected)


async def test_without_documents_or_embeddings_nothing_is_loaded(
    agents: Agents, model: ScriptedModel, collection: str
) -> None:
    nodes = [trigger(), store("Load", "VECTOR_STORE", collection, operation="load"), embeddings(model)]
    ended = await agents.run(workflow("load", nodes, "Start -> Load", "Load -ai_embedding-> Vectors"), {})
    assert ended.execution.error.code == "MISSING_PARAMETER"
    nodes = [trigger(), store("Load", "VECTOR_STORE", collection, operation="load", text="x")]
    ended = await agents.run(workflow("load", nodes, "Start -> Load"), {})
    assert ended.execution.error.code == "MISSING_CREDENTIAL"


async def test_rag_from_end_to_end(agents: Agents, model: ScriptedModel, collection: str) -> None:
    """Start -> Agent ~ai_retriever~ Store ~ai_embedding~ Vectors; the answer cites its source"""
    await put(agents, collection, refunds=REFUNDS, shipping=SHIPPING)
    await load(agents, model, collection)
    model.reply = lambda request: "Five days [1]." if "five days" in told(request) else "I don't know."
    nodes = [trigger(), agent(model, top_k=1), store("Store", "VECTOR_STORE", collection), embeddings(model)]
    edges = ("Start -> Agent", "Agent -ai_retriever-> Store", "Store -ai_embedding-> Vectors")
    ended = await agents.run(workflow("rag", nodes, *edges), {"message": "How long does a refund take?"})
    (answer,) = ended.output["Agent"]
    assert answer["output"] == "Five days [1]."
    assert "refunds" in str(answer["sources"])
    assert "Shipping" not in told(model.requests[-1])
    ended = await agents.run(
        workflow("without", nodes[:2], "Start -> Agent"), {"message": "How long does a refund take?"}
    )
    assert ended.output == {"Agent": [{"output": "I don't know."}]}


@pytest.mark.parametrize("connected", [True, False])
async def test_a_reranker_orders_again(agents: Agents, model: ScriptedModel, collection: str, connected: bool) -> None:
    """Agent ~ai_reranker~ Again: the model that it asks leaves all but the second out"""
    await put(agents, collection, one="refund alpha", two="refund beta")

    def reply(request: Request) -> Reply:
        return '{"numbers": [2]}' if "Order the numbered" in told(request) else "fine"

    model.reply = reply
    nodes = [
        trigger(),
        agent(model),
        store("Docs", "DOCUMENT_STORAGE", collection),
        node("Again", "AI_AGENT_NODE", "RERANKER", {"method": "model", "top_k": 1}),
        node("Judge", "AI_AGENT_NODE", "LANGUAGE_MODEL", {"provider": "openai", "model": "j", "base_url": model.url}),
    ]
    edges = ["Start -> Agent", "Agent -ai_retriever-> Docs", "Again -ai_language_model-> Judge"]
    edges += ["Agent -ai_reranker-> Again"] if connected else []
    await agents.run(workflow("rerank", nodes, *edges), {"message": "refund?"})
    seen = told(model.requests[-1])
    assert ("alpha" in seen, "beta" in seen).count(True) == (1 if connected else 2)


@pytest.mark.parametrize("connected", [True, False])
async def test_documents_go_into_the_prompt(
    agents: Agents, model: ScriptedModel, collection: str, connected: bool
) -> None:
    """Agent ~ai_document~ Docs"""
    await put(agents, collection, refunds=REFUNDS)
    model.reply = lambda request: "ok"
    nodes = [trigger(), agent(model), *([store("Docs", "DOCUMENT_STORAGE", collection)] if connected else [])]
    edges = ["Start -> Agent", *(["Agent -ai_document-> Docs"] if connected else [])]
    await agents.run(workflow("documents", nodes, *edges), {"message": "x"})
    assert ("receipt" in told(model.requests[-1])) == connected


async def test_a_vector_store_is_a_tool_that_searches(agents: Agents, model: ScriptedModel, collection: str) -> None:
    """Agent ~ai_vector_store~ Store"""
    await put(agents, collection, refunds=REFUNDS, shipping=SHIPPING)
    await load(agents, model, collection)

    def reply(request: Request) -> Reply:
        said = [str(m["content"]) for m in request["messages"] if m["role"] == "tool"]
        return said[0] if said else [("search_Store", {"query": "shipping", "top_k": 1})]

    model.reply = reply
    nodes = [trigger(), agent(model), store("Store", "VECTOR_STORE", collection), embeddings(model)]
    edges = ("Start -> Agent", "Agent -ai_vector_store-> Store", "Store -ai_embedding-> Vectors")
    ended = await agents.run(workflow("search", nodes, *edges), {"message": "x"})
    assert "free above 50" in ended.output["Agent"][0]["output"]
    assert tools(model.requests[0]) == ["search_Store"]
