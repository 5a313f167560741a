"""Which tools an agent is offered, and what calling them does."""

from collections.abc import Mapping
from typing import Any

import pytest

from nodes.ai_agent.names import distinct, tool_name
from nodes.ai_agent.tools import Offer, call, offers
from nodes.base import FreeParameters, Item, NodeExecutionContext, Output
from nodes.equipment import Document, Provider
from nodes.errors import PermanentError
from nodes.tool.tool import Tool, ToolDescription, ToolParameters
from orchestrator.model import ConnectionType
from tests.nodes.ai_agent.stage import Peer, Served, context_of, executor_of, node_of, provider_of

TOOL, AGENT = ConnectionType.AI_TOOL, ConnectionType.AI_AGENT
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


class Weather(Tool[ToolParameters]):
    """Two functions, which answer what they were asked."""

    subtype = "WEATHER"
    model = ToolParameters

    async def list_tools(self, context: NodeExecutionContext[ToolParameters]) -> list[ToolDescription]:
        return [ToolDescription(name, f"The {name}.", CITY) for name in ("today", "to morrow")]

    async def invoke(
        self, context: NodeExecutionContext[ToolParameters], tool: ToolDescription, arguments: dict[str, Any]
    ) -> list[Item]:
        return [{"json": {"tool": tool.name, **arguments}}]


def weather(name: str = "Weather", **fields: Any) -> Provider:
    context = context_of("TOOL.HTTP", {"url": "http://x"}, node={"name": name, **fields})
    context.parameters = ToolParameters()
    return Provider(Weather(), context)


def asking(kind: str, parameters: Mapping[str, Any], name: str, item: Any = None, **node: Any) -> Provider:
    """A node that leaves something to the model, which isn't known yet."""
    context = context_of("AI_AGENT.ROUTER_AGENT", {}, [item or {}])
    context.node = node_of(kind, parameters, name=name, **node)
    context.parameters, context.resolved = FreeParameters.model_validate(dict(parameters)), parameters
    return Provider(executor_of(kind), context)


async def offered(served: Served) -> list[Offer]:
    return await offers(context_of("AI_AGENT.ROUTER_AGENT", {}, served=served))


async def test_the_functions_of_a_tool_node() -> None:
    today, tomorrow = await offered([(TOOL, weather())])
    assert (today.spec.name, today.spec.description, today.spec.schema) == ("today", "The today.", CITY)
    assert (today.provider, today.tool, today.route, today.hands_over) == ("Weather", "today", "node", False)
    assert (tomorrow.spec.name, tomorrow.tool) == ("to_morrow", "to morrow")
    assert await call(weather(), "to morrow", {"city": "Bern"}) == [{"json": {"tool": "to morrow", "city": "Bern"}}]
    with pytest.raises(PermanentError, match=r'"arguments\.city"') as caught:
        await call(weather(), "today", {})
    assert caught.value.code == "INVALID_ARGUMENTS"


async def test_names_that_clash_are_told_apart() -> None:
    found = await offered([(TOOL, weather()), (TOOL, weather("Other"))])
    assert [(one.spec.name, one.provider) for one in found] == [
        ("today", "Weather"),
        ("to_morrow", "Weather"),
        ("today_2", "Other"),
        ("to_morrow_2", "Other"),
    ]


async def test_what_isnt_connected_or_is_disabled_is_no_tool() -> None:
    assert await offered([]) == []
    assert await offered([(TOOL, weather(disabled=True)), (ConnectionType.AI_MEMORY, weather())]) == []


@pytest.mark.parametrize(
    ("kind", "parameters", "node", "name", "description", "required"),
    [
        ("ACTION.HTTP_REQUEST", {"url": "{{ $fromAI('url', 'Where') }}"}, {}, "Fetch_it", "Fetch it! (HTTP_REQUEST)",
         ["url"]),
        ("EXTERNAL_ACTION.SLACK", {"operation": "message_post", "text": "{{ $fromAI('t') }}"}, {}, "Fetch_it",
         "Fetch it! (SLACK: message_post)", ["t"]),
        ("MEMORY.SIMPLE_STORAGE", {"operation": "get", "key": "a-{{ $fromAI('key') }}"}, {"notes": "Looks up."},
         "Fetch_it", "Looks up.", ["key"]),
        ("TOOL.CALENDAR", {"calendar_id": "{{ $fromAI('id') }}"}, {}, "Fetch_it", "Fetch it! (CALENDAR)", ["id"]),
        ("ACTION.DATA_TRANSFORMATION", {"operation": "limit", "count": 1}, {}, "Fetch_it",
         "Fetch it! (DATA_TRANSFORMATION: limit)", []),
    ],
)  # fmt: skip
async def test_any_node_that_leaves_something_to_the_model(
    kind: str, parameters: Any, node: Any, name: str, description: str, required: list[str]
) -> None:
    (offer,) = await offered([(TOOL, asking(kind, parameters, "Fetch it!", **node))])
    assert (offer.spec.name, offer.spec.description) == (name, description)
    assert offer.spec.schema["required"] == required == list(offer.spec.schema["properties"])
    assert (offer.route, offer.tool) == ("node", "run")


async def test_a_call_that_cant_be_read_is_named() -> None:
    with pytest.raises(PermanentError, match=r'the tool "Fetch": the parameter "url": \$fromAI needs a name'):
        await offered([(TOOL, asking("ACTION.HTTP_REQUEST", {"url": "{{ $fromAI() }}"}, "Fetch"))])


async def test_code_takes_any_object_as_its_item() -> None:
    (offer,) = await offered([(TOOL, asking("ACTION.RUN_CODE", {"code": "return items"}, "Sum"))])
    assert offer.spec.schema == {"type": "object", "properties": {}, "additionalProperties": True}


async def test_a_node_runs_with_the_arguments_as_its_item_and_the_agents_files() -> None:
    provider = provider_of("ACTION.DATA_TRANSFORMATION", {"operation": "rename", "fields": {"city": "town"}})
    provider.context.inputs = [[{"json": {"message": "x"}}, {"json": {"message": "y"}, "files": {"a": {"ref": "r"}}}]]
    provider.context.item_index = 1
    found = await call(provider, "run", {"city": "Bern"})
    assert found == [{"json": {"town": "Bern"}, "files": {"a": {"ref": "r"}}}]


@pytest.mark.parametrize(
    ("returned", "items"),
    [
        ({"a": 1}, [{"json": {"a": 1}}]),
        ([{"a": 1}, {"a": 2}], [{"json": {"a": 1}}, {"json": {"a": 2}}]),
        (None, []),
        (Output({"kept": [{"json": {"a": 1}}], "discarded": [{"json": {}}]}), [{"json": {"a": 1}}, {"json": {}}]),
    ],
)
async def test_what_a_node_returns(returned: Any, items: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Peer, "execute", lambda self, context: returned)
    assert await call(Peer().provider, "run", {}) == items


async def test_a_control_node_is_no_tool() -> None:
    provider = provider_of("FLOW.WAIT", {"mode": "duration", "duration": "1s"}, "Wait")
    with pytest.raises(PermanentError, match='"Wait" can\'t be a tool'):
        await offered([(TOOL, provider)])
    with pytest.raises(PermanentError, match="up to the workflow"):
        await call(provider, "run", {})


async def test_another_workflow() -> None:
    provider = provider_of("FLOW.SUBWORKFLOW", {"workflow_id": "w-1"}, "Refund", node={"notes": "Refunds an order."})
    (offer,) = await offered([(TOOL, provider)])
    assert (offer.route, offer.workflow_id, offer.spec.name) == ("workflow", "w-1", "Refund")
    assert offer.spec.description == "Refunds an order."
    chosen = asking("FLOW.SUBWORKFLOW", {"workflow_id": "{{ $fromAI('w') }}"}, "Any")
    with pytest.raises(PermanentError, match="no model chooses"):
        await offered([(TOOL, chosen)])


async def test_another_agent_may_be_asked_or_go_on() -> None:
    provider = provider_of("AI_AGENT.ROUTER_AGENT", {}, "Ärzte-Team", node={"notes": "Knows medicine."})
    ask, over = await offered([(AGENT, provider)])
    assert (ask.spec.name, ask.route, ask.hands_over) == ("ask_Arzte-Team", "agent", False)
    assert ask.spec.schema["required"] == ["message"]
    assert (over.spec.name, over.route, over.hands_over) == ("hand_over_to_Arzte-Team", "agent", True)
    assert {ask.provider, over.provider} == {"Ärzte-Team"}
    assert ask.spec.description.endswith("Knows medicine.")


async def test_a_vector_store_is_searched() -> None:
    peer = Peer([Document(f"d{n}", f"text {n}", {"page": n}, 1.0) for n in range(8)])
    (offer,) = await offered([(ConnectionType.AI_VECTOR_STORE, peer.provider)])
    assert (offer.spec.name, offer.tool, offer.spec.schema["required"]) == ("search_Peer", "search", ["query"])
    found = await call(peer.provider, "search", {"query": "q"})
    assert len(found) == 5
    assert found[0] == {"json": {"id": "d0", "text": "text 0", "score": 1.0, "source": {"page": 0}}}
    assert len(await call(peer.provider, "search", {"query": "q", "top_k": 2})) == 2
    assert peer.asked == [("q", 5), ("q", 2)]


@pytest.mark.parametrize(
    ("name", "prefix", "known_as"),
    [
        ("Send mail", "", "Send_mail"),
        ("日历工具", "", "tool"),
        ("Café №1 🎉", "ask_", "ask_Cafe_No1"),
        ("a" * 80, "search_", "search_" + "a" * 57),
        ("__", "", "tool"),
    ],
)
def test_names(name: str, prefix: str, known_as: str) -> None:
    assert tool_name(name, prefix) == known_as


def test_distinct_names_stay_short() -> None:
    taken: set[str] = set()
    found = [distinct("a" * 64, taken) for _ in range(12)]
    assert len(set(found)) == 12
    assert {len(name) for name in found} == {64}
