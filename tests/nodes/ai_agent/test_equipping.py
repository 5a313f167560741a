"""What validation says of how nodes equip each other."""

from typing import Any

import pytest

from nodes.ai_agent.validation import problems
from orchestrator.model import Workflow
from tests.nodes.ai_agent.stage import CATALOGUE


def workflow(nodes: dict[str, tuple[str, dict[str, Any]]], *arrows: tuple[str, str, str], **fields: Any) -> Workflow:
    """Nodes by name, and arrows: from, type, to."""
    written = []
    for name, (kind, parameters) in nodes.items():
        family, _, subtype = kind.partition(".")
        written.append({"name": name, "type": f"{family}_NODE", "subtype": subtype, "parameters": parameters, **fields})
    connections: dict[str, Any] = {}
    for source, type_, target in arrows:
        array = connections.setdefault(source, {"connection_types": {}})["connection_types"]
        array.setdefault(type_, {"connections": []})["connections"].append({"node": target})
    return Workflow.model_validate({"nodes": written, "connections": {"connections": connections}})


AGENT: tuple[str, dict[str, Any]] = ("AI_AGENT.ROUTER_AGENT", {})
MODEL = ("AI_AGENT.LANGUAGE_MODEL", {"model": "m"})
WITH_MODEL = ("AI_AGENT.ROUTER_AGENT", {"model_name": "m"})
FETCH = ("ACTION.HTTP_REQUEST", {"url": "{{ $fromAI('url') }}"})


@pytest.mark.parametrize(
    ("nodes", "arrows", "codes"),
    [
        ({"A": AGENT}, [], ["NO_MODEL"]),
        ({"A": WITH_MODEL}, [], []),
        ({"A": AGENT, "M": MODEL}, [("A", "ai_language_model", "M")], []),
        ({"A": AGENT, "M": MODEL}, [("M", "AI_LANGUAGE_MODEL", "A")], []),
        ({"A": ("AI_AGENT.TASK_ANALYZER", {"model_name": "{{ $vars.m }}"})}, [], []),
        ({"A": WITH_MODEL, "R": ("AI_AGENT.RERANKER", {})}, [("A", "ai_reranker", "R")], ["NO_MODEL"]),
        ({"A": WITH_MODEL, "R": ("AI_AGENT.RERANKER", {"method": "lexical"})}, [("A", "ai_reranker", "R")], []),
        ({"A": WITH_MODEL, "B": ("MEMORY.BUFFER", {})}, [("A", "ai_memory", "B")], []),
        ({"A": WITH_MODEL, "B": ("MEMORY.BUFFER", {"max_messages": 5})}, [("A", "main", "B")], ["MISSING_PARAMETER"]),
        (
            {"A": WITH_MODEL, "B": ("MEMORY.BUFFER", {})},
            [("A", "main", "B"), ("A", "ai_memory", "B")],
            ["MISSING_PARAMETER"],
        ),
        ({"A": WITH_MODEL, "B": ("MEMORY.BUFFER", {})}, [("A", "ai_tool", "B")], ["MISSING_PARAMETER"]),
        ({"B": ("MEMORY.BUFFER", {})}, [], ["MISSING_PARAMETER"]),
        ({"B": ("MEMORY.BUFFER", {"operation": "read", "session_key": "s"})}, [], []),
        ({"E": ("MEMORY.EMBEDDINGS", {})}, [], ["MISSING_PARAMETER"]),
        ({"E": ("MEMORY.EMBEDDINGS", {}), "V": ("MEMORY.VECTOR_STORE", {"operation": "load"})},
         [("V", "ai_embedding", "E")], []),
        ({"A": WITH_MODEL, "F": FETCH}, [("A", "ai_tool", "F")], []),
        ({"A": WITH_MODEL, "F": FETCH}, [("A", "main", "F")], ["NOT_A_TOOL"]),
        ({"F": ("ACTION.HTTP_REQUEST", {"url": "{{ $fromAI('url', '', 'string', 'http://x') }}"})}, [], []),
        ({"A": WITH_MODEL, "F": ("ACTION.HTTP_REQUEST", {"url": "{{ $fromAI($json.x) }}"})},
         [("A", "ai_tool", "F")], ["EXPRESSION_SYNTAX"]),
    ],
)  # fmt: skip
def test_problems(nodes: Any, arrows: Any, codes: list[str]) -> None:
    found = list(problems(workflow(nodes, *arrows), CATALOGUE.find))
    assert [problem.code for problem in found] == codes
    assert all(problem.node in nodes and problem.field.startswith("parameters") for problem in found)


@pytest.mark.parametrize("fields", [{"disabled": True}, {"pinned": [{}]}])
def test_an_agent_that_doesnt_run_needs_no_model(fields: dict[str, Any]) -> None:
    assert list(problems(workflow({"A": AGENT}, **fields), CATALOGUE.find)) == []
