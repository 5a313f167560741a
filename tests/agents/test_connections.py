"""Each of the thirteen connection types does something: without the connection the run comes to something else."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.agents.conftest import Agents, Json
from tests.agents.scripted import Reply, Request, ScriptedModel, last, told, tools
from tests.agents.test_retrieval import REFUNDS, agent, embeddings, load, put, store
from tests.graphs import node, sets, trigger, workflow


@dataclass
class Case:
    """A workflow, and the connection that is taken away, together with those `with_it`."""

    nodes: list[Json]
    edge: str
    reply: Callable[[Request], Reply]
    others: tuple[str, ...] = ("Start -> Agent",)
    with_it: tuple[str, ...] = ()


def knows(words: str) -> Callable[[Request], Reply]:
    return lambda request: "known" if words in told(request) else "unknown"


def named_tools(request: Request) -> Reply:
    return ", ".join(tools(request)) or "none"


def cases(model: ScriptedModel, collection: str) -> dict[str, Case]:
    start, asked = trigger(), agent(model)
    vectors, documents = store("Store", "VECTOR_STORE", collection), store("Docs", "DOCUMENT_STORAGE", collection)
    loading = store("Load", "VECTOR_STORE", f"{collection}-2", operation="load", text=REFUNDS * 10)
    splitter = node("Cut", "AI_AGENT_NODE", "TEXT_SPLITTER", {"chunk_size": 100, "chunk_overlap": 0})
    lm = node(
        "Model", "AI_AGENT_NODE", "LANGUAGE_MODEL", {"provider": "openai", "model": "other", "base_url": model.url}
    )
    second = {**agent(model, prompt="{{ $json.output }}!"), "name": "Second", "id": "Second"}
    shape = {"schema": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}}
    parser = node("Shape", "AI_AGENT_NODE", "OUTPUT_PARSER", shape)
    ranker = node("Again", "AI_AGENT_NODE", "RERANKER", {"method": "lexical", "top_k": 1})
    talks = node("Talks", "MEMORY_NODE", "BUFFER")
    retrieved = ("Start -> Agent", "Agent -ai_retriever-> Docs")
    return {
        "main": Case([start, asked], "Start -> Agent", lambda request: "said", ()),
        "ai_language_model": Case([start, asked, lm], "Agent -ai_language_model-> Model", lambda r: str(r["model"])),
        "ai_tool": Case([start, asked, sets("Look", a="{{ $fromAI('a') }}")], "Agent -ai_tool-> Look", named_tools),
        "ai_memory": Case([start, asked, talks], "Agent -ai_memory-> Talks", lambda r: str(len(r["messages"]))),
        "ai_agent": Case([start, asked, second], "Agent -ai_agent-> Second", named_tools),
        "ai_chain": Case([start, asked, second], "Agent -ai_chain-> Second", lambda r: f"<{last(r)[1]}>"),
        "ai_output_parser": Case([start, asked, parser], "Agent -ai_output_parser-> Shape", lambda r: '{"n": 1}'),
        "ai_document": Case([start, asked, documents], "Agent -ai_document-> Docs", knows("receipt")),
        "ai_retriever": Case([start, asked, documents], "Agent -ai_retriever-> Docs", knows("receipt")),
        "ai_reranker": Case(
            [start, asked, documents, ranker], "Agent -ai_reranker-> Again", knows("Shipping"), retrieved
        ),
        "ai_vector_store": Case(
            [start, asked, vectors, embeddings(model)],
            "Agent -ai_vector_store-> Store",
            named_tools,
            with_it=("Store -ai_embedding-> Vectors",),
        ),
        "ai_embedding": Case(
            [start, loading, embeddings(model)], "Load -ai_embedding-> Vectors", named_tools, ("Start -> Load",)
        ),
        "ai_text_splitter": Case(
            [start, loading, embeddings(model), splitter],
            "Load -ai_text_splitter-> Cut",
            named_tools,
            ("Start -> Load", "Load -ai_embedding-> Vectors"),
        ),
    }


AGENT_TYPES = ["ai_agent", "ai_chain", "ai_language_model", "ai_memory", "ai_output_parser", "ai_tool"]
DATA_TYPES = ["ai_document", "ai_embedding", "ai_retriever", "ai_reranker", "ai_text_splitter", "ai_vector_store"]


async def outcome(agents: Agents, nodes: list[Json], edges: tuple[str, ...]) -> Any:
    """What a second run in the same session comes to."""
    named = {word for edge in edges for word in edge.replace("->", " ").split()}
    used = [one for one in nodes if one["name"] in named or one["type"] == "TRIGGER_NODE"]
    given = {"message": "refund shipping", "session_id": uuid.uuid4().hex}
    for _ in range(2):
        ended = await agents.run(workflow("connections", used, *edges), given)
    return ended.execution.error.code, {name: items for name, items in ended.output.items() if name != "Start"}


@pytest.mark.parametrize("type_", ["main", *AGENT_TYPES, *DATA_TYPES])
async def test_without_it_something_else_comes_out(agents: Agents, model: ScriptedModel, type_: str) -> None:
    collection = f"c-{uuid.uuid4().hex[:8]}"
    if type_ in ("ai_document", "ai_retriever", "ai_reranker", "ai_vector_store"):
        await put(agents, collection, refunds=f"refund refund {REFUNDS}", shipping="Shipping takes days.")
        await load(agents, model, collection)
    case = cases(model, collection)[type_]
    model.reply = case.reply
    connected = await outcome(agents, case.nodes, (*case.others, case.edge, *case.with_it))
    without = await outcome(agents, case.nodes, case.others)
    assert connected != without
    assert connected[0] == "", "with the connection it works"
