"""What agents make of answers, and which answers they send back."""

from typing import Any

import pytest

from nodes.equipment import Document
from nodes.errors import PermanentError
from nodes.json_schema import Schema
from orchestrator.commands import Converse
from orchestrator.model import ConnectionType
from tests.nodes.ai_agent.stage import Peer, agent_of, context_of, provider_of

FOUND = [Document("d1", "text", {"title": "T"}, 0.5)]
SHOWN = [{"number": 1, "id": "d1", "text": "text", "source": {"title": "T"}, "score": 0.5}]
ROUTES = {"routes": [{"name": "billing", "description": "Money."}, {"name": "other"}]}


def closed(kind: str, parameters: dict[str, Any], answer: Any, *inputs: Any, sources: Any = (), **fields: Any) -> Any:
    """The JSON that an answer comes to, by port."""
    context = context_of(f"AI_AGENT.{kind}", parameters, *(inputs or ([{"message": "Hi", "id": 1}],)), **fields)
    output = agent_of(kind).close(context, answer, sources)
    return {port: [item["json"] for item in items] for port, items in output.ports.items()}


def refused(kind: str, parameters: dict[str, Any], answer: Any, said: str, *inputs: Any, **fields: Any) -> None:
    with pytest.raises(PermanentError, match=said) as caught:
        closed(kind, parameters, answer, *inputs, **fields)
    assert caught.value.code == "INVALID_ANSWER"


@pytest.mark.parametrize(
    ("answer", "sources", "emitted"),
    [
        ("Hello", (), {"output": "Hello"}),
        ("Hello", FOUND, {"output": "Hello", "sources": SHOWN}),
        ({"a": 1}, (), {"a": 1}),
        ({"a": 1}, FOUND, {"a": 1, "sources": SHOWN}),
        ({"sources": "mine"}, FOUND, {"sources": "mine"}),
        ([1, 2], (), {"output": [1, 2]}),
    ],
)
def test_a_general_agents_answer(answer: Any, sources: Any, emitted: Any) -> None:
    assert closed("ROUTER_AGENT", {}, answer, sources=sources) == {"main": [emitted]}


def test_an_item_leaves_by_its_route_with_its_files() -> None:
    item = {"json": {"message": "My invoice"}, "files": {"pdf": {"ref": "r"}}}
    context = context_of("AI_AGENT.ROUTER_AGENT", ROUTES, [{"message": "first"}, item], item_index=1)
    output = agent_of("ROUTER_AGENT").close(context, {"route": "billing", "reason": "An invoice."}, FOUND)
    route = {"name": "billing", "reason": "An invoice.", "sources": SHOWN}
    assert output.ports == {"billing": [{**item, "json": {"message": "My invoice", "route": route}}]}


async def test_a_router_is_told_its_routes_and_must_name_one() -> None:
    opening = await agent_of("ROUTER_AGENT").open(context_of("AI_AGENT.ROUTER_AGENT", ROUTES, [{"message": "a"}]))
    assert "- billing: Money.\n- other" in opening.system
    assert opening.schema
    schema = Schema(opening.schema)
    assert not schema.problems({"route": "other", "reason": "x"})
    assert schema.problems({"route": "sales", "reason": "x"})


@pytest.mark.parametrize("answer", [{"route": "sales"}, {}, {"route": 5}, "billing", None, ["billing"]])
def test_routes_that_there_arent(answer: Any) -> None:
    refused("ROUTER_AGENT", ROUTES, answer, 'it must be one of "billing", "other"')


def test_a_routers_author_may_ask_for_more() -> None:
    schema = {"type": "object", "properties": {"route": {}, "mood": {}}, "required": ["route", "mood"]}
    found = closed("ROUTER_AGENT", {**ROUTES, "output_schema": schema}, {"route": "other", "mood": "bad"})
    assert found["other"][0]["route"] == {"name": "other", "mood": "bad"}


def task(title: str, *depends_on: str, **more: Any) -> dict[str, Any]:
    fixed = {"title": title, "description": "d", "depends_on": list(depends_on)}
    return {**fixed, "priority": "low", "estimate": "1h", **more}


async def test_tasks() -> None:
    answer = {"tasks": [task("Build", "Plan"), task("Plan"), task("Ship", "Build", "Plan")]}
    assert closed("TASK_ANALYZER", {}, answer) == {"main": [answer]}
    assert closed("TASK_ANALYZER", {}, {"tasks": []}, sources=FOUND) == {"main": [{"tasks": [], "sources": SHOWN}]}
    opening = await agent_of("TASK_ANALYZER").open(context_of("AI_AGENT.TASK_ANALYZER", {}, [{"message": "a"}]))
    assert opening.schema
    assert not Schema(opening.schema).problems(answer)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({}, '"answer.tasks" is missing'),
        ({"tasks": [{"title": "a"}]}, r'"answer.tasks\[0\].description" is missing'),
        ({"tasks": [task("a", priority="huge")]}, r"answer.tasks\[0\].priority"),
        ({"tasks": [task("a", "b")]}, r'tasks\[0\] depends on the text "b", which is the title of no task'),
        ({"tasks": [task("a"), task("a")]}, r"tasks\[0\] and tasks\[1\] are both called"),
        ({"tasks": [task("a", "b"), task("b", "c"), task("c", "a")]}, 'in a circle: ("a" → "b" → "c" → "a"|.*→)'),
        ({"tasks": [task("a", "a")]}, 'in a circle: "a" → "a"'),
    ],
)
def test_tasks_that_cant_be_done(answer: Any, said: str) -> None:
    refused("TASK_ANALYZER", {}, answer, said)


def test_tasks_may_depend_on_ids_where_the_authors_schema_has_them() -> None:
    schema = {"type": "object", "properties": {"tasks": {}}}
    answer = {"tasks": [task("a", id="t1"), task("b", "t1", id="t2")]}
    assert closed("TASK_ANALYZER", {"output_schema": schema}, answer) == {"main": [answer]}
    refused("TASK_ANALYZER", {"output_schema": schema}, {"tasks": "none"}, "answer.tasks")


TARGET = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "city": {"$ref": "#/$defs/city"}, "next": {"$ref": "#"}},
    "required": ["name"],
    "additionalProperties": False,
    "$defs": {"city": {"type": ["string", "null"]}},
}
LEFT, RIGHT = [{"n": "Ann"}], [{"full": "Ann B"}, {"town": "Bern"}]


def source(field: str, input: int = 0, item: int = 0, path: str = "n") -> dict[str, Any]:
    return {"field": field, "input": input, "item": item, "path": path}


async def test_data_is_integrated_with_the_source_of_each_field() -> None:
    answer = {"data": {"name": "Ann B", "city": None}, "sources": [source("name"), source("name", 1, 0, "full")]}
    given = {"target_schema": TARGET, "inputs": 2}
    by_field = {"name": [{"input": 0, "item": 0, "path": "n"}, {"input": 1, "item": 0, "path": "full"}]}
    assert closed("DATA_INTEGRATOR", given, answer, LEFT, RIGHT) == {
        "main": [{"data": answer["data"], "sources": by_field}]
    }
    with_documents = closed("DATA_INTEGRATOR", given, answer, LEFT, RIGHT, sources=FOUND)
    assert with_documents["main"][0]["documents"] == SHOWN
    context = context_of("AI_AGENT.DATA_INTEGRATOR", given, LEFT, RIGHT)
    integrator = agent_of("DATA_INTEGRATOR")
    assert integrator.execute(context) == Converse(prompts=1)
    opening = await integrator.open(context)
    assert opening.messages[0].text.splitlines()[1:] == [
        'input 0, item 0: {"n":"Ann"}',
        'input 1, item 0: {"full":"Ann B"}',
        'input 1, item 1: {"town":"Bern"}',
    ]
    assert opening.messages[1].text == "Map the items onto the schema."
    assert opening.schema
    schema = Schema(opening.schema)
    assert not schema.problems(answer)
    nested = {"name": "a", "next": {"name": "b", "next": {"name": 5}}}
    assert '"data.next.next.name"' in schema.problems({"data": nested, "sources": []})[0]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"data": {"name": 5}, "sources": []}, '"answer.data.name"'),
        ({"data": {"name": "a", "age": 5}, "sources": []}, '"answer.data.age" is unknown'),
        ({"data": {"name": "a"}, "sources": [source("name", 2)]}, r"sources\[0\] names item 0 of input 2"),
        ({"data": {"name": "a"}, "sources": [source("name", 0, 1)]}, r"item 1 of input 0, which there isn't"),
        ({"data": {"name": "a"}, "sources": [source("name", -1)]}, r"item 0 of input -1"),
        ({"data": {"name": "a"}, "sources": [source("city")]}, 'nothing of the field the text "name"'),
    ],
)
def test_data_without_a_source(answer: Any, said: str) -> None:
    refused("DATA_INTEGRATOR", {"target_schema": TARGET, "inputs": 2}, answer, said, LEFT, RIGHT)


ITEMS = [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    ("text", "report", "citations"),
    [
        ("# A\n\nRose [1], fell [2, 1].", "# A\n\nRose [1], fell [2, 1].", [1, 2]),
        ("```markdown\n# A [1]\n```", "# A [1]", [1]),
        ("Since [2024] and [a link [1]](http://x) ![3](x) [4](y)", None, [1]),
        ("No citation", "No citation", []),
        ("```\na\n```\nand\n```\nb\n```", None, []),
    ],
)
def test_reports(text: str, report: str | None, citations: list[int]) -> None:
    found = closed("REPORT_GENERATOR", {}, text, ITEMS)
    assert found == {"main": [{"report": report or text, "format": "markdown", "citations": citations}]}


def test_a_report_of_json() -> None:
    sections = [{"heading": "h", "text": "As [2] says", "citations": [1]}]
    answer = {"title": "t", "summary": "s", "sections": sections}
    found = closed("REPORT_GENERATOR", {"format": "json"}, answer, ITEMS)
    assert found == {"main": [{"report": answer, "format": "json", "citations": [1, 2]}]}
    own = {"format": "json", "output_schema": {"type": "object"}}
    assert closed("REPORT_GENERATOR", own, {"x": "[1]"}, ITEMS)["main"][0]["citations"] == [1]


@pytest.mark.parametrize(
    ("given", "answer", "said"),
    [
        ({}, "It rose [3].", r"it cites \[3\], but there are only the numbers 1 to 2"),
        ({}, "  ", "it is empty"),
        ({"format": "json"}, {"title": "t"}, '"answer.summary" is missing'),
        (
            {"format": "json"},
            {"title": "", "summary": "", "sections": [{"heading": "", "text": "", "citations": [0]}]},
            r"it cites \[0\]",
        ),
    ],
)
def test_reports_that_cite_what_isnt_there(given: Any, answer: Any, said: str) -> None:
    refused("REPORT_GENERATOR", given, answer, said, ITEMS)


async def test_a_report_is_asked_for_with_all_items_and_documents_numbered_after_them() -> None:
    given = {"format": "html", "title": "Q3", "sections": ["One", "Two"], "audience": "the board"}
    served = [(ConnectionType.AI_RETRIEVER, Peer(FOUND).provider)]
    context = context_of("AI_AGENT.REPORT_GENERATOR", given, ITEMS, served=served)
    generator = agent_of("REPORT_GENERATOR")
    assert generator.execute(context) == Converse(prompts=1)
    opening = await generator.open(context)
    items, sources, prompt = (message.text for message in opening.messages)
    assert items.splitlines()[1:] == ['[1] {"a":1}', '[2] {"a":2}']
    assert '"number":3' in sources
    assert prompt == "Write the report."
    assert opening.schema is None
    for told in ("HTML fragment", "Its title is: Q3.", "in this order: One; Two.", "It is for: the board."):
        assert told in opening.system
    (found,) = generator.close(context, "<p>All [3]</p>", opening.sources).ports["main"]
    assert found["json"]["citations"] == [3]
    assert found["json"]["sources"][0]["number"] == 3


async def test_a_parser_and_a_text_contradict_each_other() -> None:
    parser = provider_of("AI_AGENT.OUTPUT_PARSER", {"example": {}})
    served = [(ConnectionType.AI_OUTPUT_PARSER, parser)]
    with pytest.raises(PermanentError, match="the report's format is markdown"):
        await agent_of("REPORT_GENERATOR").open(context_of("AI_AGENT.REPORT_GENERATOR", {}, ITEMS, served=served))
