"""LOOP, WAIT, SUBWORKFLOW and STOP: what they ask of the workflow."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nodes.errors import PermanentError
from orchestrator.commands import CallWorkflow, Iterate, Sleep

Run = Callable[..., Awaitable[Any]]
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, Iterate("items")),
        ({"batch_size": 5, "max_concurrency": 3}, Iterate("items", batch_size=5, max_concurrency=3)),
        ({"mode": "count", "times": 3, "collect": True}, Iterate("count", times=3, collect=True)),
        ({"mode": "count", "times": 0, "batch_size": 1}, Iterate("count")),
        (
            {"mode": "while", "condition": "{{ $input.first().json.more }}", "max_iterations": 7},
            Iterate("while", max_iterations=7),
        ),
        ({"mode": "while", "condition": True}, Iterate("while")),
    ],
)
async def test_loop(execute: Run, parameters: dict[str, Any], expected: Iterate) -> None:
    assert await execute("FLOW.LOOP", parameters, [{}]) == expected


@pytest.mark.parametrize(
    ("parameters", "code", "field"),
    [
        ({"mode": "{{ 1 }}"}, "INVALID_PARAMETER", "parameters.mode"),
        ({"batch_size": 0}, "INVALID_PARAMETER", "parameters.batch_size"),
        ({"max_concurrency": 0}, "INVALID_PARAMETER", "parameters.max_concurrency"),
        ({"max_iterations": 0}, "INVALID_PARAMETER", "parameters.max_iterations"),
        ({"mode": "count"}, "MISSING_PARAMETER", "parameters.times"),
        ({"mode": "count", "times": -1}, "INVALID_PARAMETER", "parameters.times"),
        ({"mode": "count", "times": 1, "max_concurrency": 2}, "INVALID_PARAMETER", "parameters"),
        ({"times": 1}, "INVALID_PARAMETER", "parameters"),
        ({"mode": "while"}, "MISSING_PARAMETER", "parameters.condition"),
        ({"mode": "while", "max_iterations": "{{ 5 }}"}, "MISSING_PARAMETER", "parameters.condition"),
        ({"mode": "while", "condition": "$json.more"}, "INVALID_PARAMETER", "parameters"),
        ({"mode": "while", "condition": "a {{ 1 }} b"}, "INVALID_PARAMETER", "parameters"),
        ({"mode": "while", "condition": 1}, "INVALID_PARAMETER", "parameters"),
    ],
)
def test_loop_validation(problems: Callable[..., Any], parameters: dict[str, Any], code: str, field: str) -> None:
    assert [(problem.code, problem.field) for problem in problems("FLOW.LOOP", **parameters)] == [(code, field)]


@pytest.mark.parametrize(
    ("parameters", "until"),
    [
        ({"duration": "1h30m"}, NOW + timedelta(minutes=90)),
        ({"mode": "duration", "duration": 5}, NOW + timedelta(seconds=5)),
        ({"duration": "0s"}, NOW),
        ({"mode": "until", "time": "2026-12-01T09:00:00+01:00"}, datetime(2026, 12, 1, 8, tzinfo=UTC)),
        ({"mode": "until", "time": "2026-12-01T09:00:00.5Z"}, datetime(2026, 12, 1, 9, 0, 0, 500000, tzinfo=UTC)),
        ({"mode": "until", "time": "2026-12-01 09:00"}, datetime(2026, 12, 1, 9, tzinfo=UTC)),
        ({"mode": "until", "time": " 2026-12-01 "}, datetime(2026, 12, 1, tzinfo=UTC)),
        ({"mode": "until", "time": "1999-01-01"}, datetime(1999, 1, 1, tzinfo=UTC)),
    ],
)
async def test_wait(execute: Run, parameters: dict[str, Any], until: datetime) -> None:
    command = await execute("FLOW.WAIT", parameters, [{}])
    assert command == Sleep(until)
    assert command.until.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("parameters", "code", "field"),
    [
        ({}, "MISSING_PARAMETER", "parameters.duration"),
        ({"duration": "-5s"}, "INVALID_PARAMETER", "parameters.duration"),
        ({"duration": -5}, "INVALID_PARAMETER", "parameters.duration"),
        ({"duration": "20000d"}, "INVALID_PARAMETER", "parameters.duration"),
        ({"duration": []}, "INVALID_PARAMETER", "parameters.duration"),
        ({"mode": "webhook", "duration": "5s"}, "INVALID_PARAMETER", "parameters"),
        ({"duration": "5s", "timeout": "5s"}, "INVALID_PARAMETER", "parameters"),
        ({"mode": "until"}, "MISSING_PARAMETER", "parameters.time"),
        ({"mode": "until", "time": "tomorrow"}, "INVALID_PARAMETER", "parameters"),
        ({"mode": "until", "time": "2026-02-30"}, "INVALID_PARAMETER", "parameters"),
        ({"mode": "until", "time": "0001-01-01T00:00:00+10:00"}, "INVALID_PARAMETER", "parameters"),
        ({"mode": "until", "time": 5}, "INVALID_PARAMETER", "parameters.time"),
        ({"duration": "5s", "time": "2026-12-01"}, "INVALID_PARAMETER", "parameters"),
    ],
)
def test_wait_validation(problems: Callable[..., Any], parameters: dict[str, Any], code: str, field: str) -> None:
    assert [(problem.code, problem.field) for problem in problems("FLOW.WAIT", **parameters)] == [(code, field)]


@pytest.mark.parametrize(
    "parameters",
    [{"duration": "{{ $json.s }}s"}, {"mode": "until", "time": "{{ $json.due }}"}, {"duration": "{{ 5 }}"}],
)
def test_wait_takes_expressions(problems: Callable[..., Any], parameters: dict[str, Any]) -> None:
    assert problems("FLOW.WAIT", **parameters) == []


async def test_wait_refuses_a_resolved_time_that_is_none(execute: Run) -> None:
    with pytest.raises(PermanentError, match='time "next week", which is no ISO 8601 time'):
        await execute("FLOW.WAIT", {"mode": "until", "time": "next week"}, [{}])


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"workflow_id": "w"}, CallWorkflow("w")),
        ({"workflow_id": "w", "wait": False, "each_item": True}, CallWorkflow("w", wait=False, each_item=True)),
    ],
)
async def test_subworkflow(execute: Run, parameters: dict[str, Any], expected: CallWorkflow) -> None:
    assert await execute("FLOW.SUBWORKFLOW", parameters, [{}]) == expected


@pytest.mark.parametrize(
    ("parameters", "message"), [({"message": "no stock"}, "no stock"), ({}, "the workflow stopped")]
)
async def test_stop(execute: Run, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(PermanentError, match=message) as caught:
        await execute("FLOW.STOP", parameters, [{}])
    assert caught.value.code == "STOPPED"
    assert caught.value.item is None
