"""The calendar tool is GOOGLE_CALENDAR's operations, each for one calendar."""

from collections.abc import Callable
from typing import Any

import pytest

from nodes.errors import NodeError, PermanentError, RetryableError
from nodes.external_action.google.access import GOOGLE_OAUTH2
from nodes.http.egress import Egress
from nodes.resources import Resources
from nodes.tool.calendar import CalendarTool
from orchestrator.errors import Problem
from tests.nodes.tool.parts import call_of, credential, emitted, parts
from tests.nodes.tool.web import Web

TOOL = CalendarTool()
START, END = "2026-11-24T15:00:00+01:00", "2026-11-24T16:00:00+01:00"
WHEN = {"start": START, "end": END}
EVENT = {"id": "e1", "summary": "Lunch"}


def opened(egress: Egress) -> Resources:
    return parts(egress, opened=credential(GOOGLE_OAUTH2, access_token="t0ken", client_id="i", client_secret="s"))


async def call(egress: Egress, web: Web, tool: str, arguments: dict[str, Any], **parameters: Any) -> list[Any]:
    given = {"calendar_id": "team@x.example", "base_url": web.url, "tool": tool, "arguments": arguments, **parameters}
    return [item["json"] for item in await emitted(TOOL, opened(egress), given)]


@pytest.mark.parametrize(
    ("tool", "arguments", "method", "path", "reply", "items"),
    [
        ("create", {"summary": "Lunch", **WHEN}, "POST", "/calendars/team%40x.example/events", EVENT, [EVENT]),
        ("get", {"event_id": "e1"}, "GET", "/calendars/team%40x.example/events/e1", EVENT, [EVENT]),
        ("list", {"query": "x"}, "GET", "/calendars/team%40x.example/events", {"items": [EVENT, EVENT]}, [EVENT] * 2),
        (
            "update",
            {"event_id": "e1", "summary": "Tea"},
            "PATCH",
            "/calendars/team%40x.example/events/e1",
            EVENT,
            [EVENT],
        ),
        ("delete", {"event_id": "e1"}, "DELETE", "/calendars/team%40x.example/events/e1", {}, None),
        (
            "free_busy",
            {"time_min": START, "time_max": END},
            "POST",
            "/freeBusy",
            {"calendars": {}},
            [{"calendars": {}}],
        ),
    ],
)
async def test_operations(
    egress: Egress, web: Web, tool: str, arguments: dict[str, Any], method: str, path: str, reply: Any, items: Any
) -> None:
    web.answers(body=reply)
    found = await call(egress, web, tool, arguments)
    assert found == (items or [{"deleted": True, "event_id": "e1"}])
    assert (web.last.method, web.last.target.partition("?")[0]) == (method, path)
    assert web.last.headers["authorization"] == "Bearer t0ken"
    if tool == "free_busy":
        assert web.last.json["items"] == [{"id": "team@x.example"}]


async def test_an_agent_sees_the_operations_without_what_the_node_sets(egress: Egress) -> None:
    context = call_of(TOOL, opened(egress), {"operations": ["list", "create", "list"]})
    tools = await TOOL.list_tools(context)
    assert [tool.name for tool in tools] == ["list", "create"]
    assert all(tool.description for tool in tools)
    assert {"summary", "start", "end", "attendees"} <= set(tools[1].schema["properties"])
    hidden = {"operation", "calendar_id", "base_url", "timeout", "return_all"}
    assert not hidden & set(tools[0].schema["properties"])
    assert "operation" not in tools[1].schema.get("required", [])


@pytest.mark.parametrize(
    ("tool", "arguments", "code", "said"),
    [
        ("get", {}, "INVALID_ARGUMENTS", '"arguments.event_id" is missing'),
        ("get", {"event_id": "e1", "calendar_id": "boss"}, "INVALID_ARGUMENTS", '"arguments.calendar_id" is unknown'),
        ("list", {"limit": "many"}, "INVALID_ARGUMENTS", '"arguments.limit"'),
        ("create", {"summary": "x"}, "INVALID_PARAMETER", '"start" is missing'),
        ("create", {"start": "soon", "end": END}, "INVALID_PARAMETER", '"start"'),
        ("", {}, "MISSING_PARAMETER", 'there are "create", "get", "list", "update", "delete", "free_busy"'),
        ("move", {}, "UNKNOWN_TOOL", '"move"'),
    ],
)
async def test_mistakes(egress: Egress, web: Web, tool: str, arguments: dict[str, Any], code: str, said: str) -> None:
    with pytest.raises(PermanentError) as caught:
        await call(egress, web, tool, arguments)
    assert (caught.value.code, said in caught.value.message) == (code, True), caught.value.message
    assert web.asked == []


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, PermanentError), (404, PermanentError), (429, RetryableError), (500, RetryableError)],
)
async def test_statuses(egress: Egress, web: Web, status: int, error: type[NodeError]) -> None:
    web.answers(status, {"error": {"code": status, "message": "no"}})
    with pytest.raises(error):
        await call(egress, web, "get", {"event_id": "e1"})


async def test_an_operation_that_isnt_offered_cant_be_called(egress: Egress, web: Web) -> None:
    with pytest.raises(PermanentError) as caught:
        await call(egress, web, "delete", {"event_id": "e1"}, operations=["get", "list"])
    assert caught.value.code == "UNKNOWN_TOOL"


async def test_it_needs_a_credential(egress: Egress, web: Web) -> None:
    with pytest.raises(PermanentError) as caught:
        await emitted(TOOL, parts(egress), {"tool": "get", "arguments": {"event_id": "e1"}})
    assert caught.value.code == "MISSING_CREDENTIAL"


def test_the_seeds_parameters_are_fine(problems: Callable[..., list[Problem]]) -> None:
    assert problems("TOOL.CALENDAR", calendar_id="primary") == []


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"operations": ["buy"]}, "expected 'create'"),
        ({"operations": []}, "is empty"),
        ({"calendar_id": ""}, "at least 1"),
    ],
)
def test_parameters_are_checked_when_saved(
    problems: Callable[..., list[Problem]], parameters: dict[str, Any], said: str
) -> None:
    (problem,) = problems("TOOL.CALENDAR", **parameters)
    assert said in problem.message
