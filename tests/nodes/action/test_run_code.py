"""RUN_CODE: what goes into the sandbox, and what may come out."""

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from nodes.base import Output
from nodes.errors import PermanentError
from nodes.factory import Catalogue
from nodes.sandbox.errors import CodeError

Run = Callable[..., Awaitable[Any]]
KIND = "ACTION.RUN_CODE"
ALL = {"language": "python", "code": "…"}
EACH = {"language": "javascript", "code": "…", "mode": "each_item"}


class Recorder:
    """Stands in for the sandbox: notes what it is asked, gives a prepared result."""

    def __init__(self, result: Any) -> None:
        self.result = result
        self.asked: list[Any] = []

    async def run(self, *arguments: Any, **limits: Any) -> Any:
        self.asked.append((*arguments, limits))
        if isinstance(self.result, Exception):
            raise self.result
        return SimpleNamespace(value=self.result, log="one\ntwo\n")


@pytest.fixture
def call(execute: Run) -> Run:
    async def run(parameters: Any, result: Any, *items: Any, logs: list[str] | None = None, **fields: Any) -> Any:
        recorder = Recorder(result)
        resources = SimpleNamespace(sandbox=recorder)
        returned = await execute(KIND, parameters, list(items), resources=resources, logs=logs, **fields)
        return returned, recorder.asked

    return run


@pytest.mark.parametrize(
    ("parameters", "result", "expected"),
    [
        (ALL, [{"a": 1}, {}], [{"a": 1}, {}]),
        (ALL, [], []),
        (ALL, {"a": 1}, {"a": 1}),
        (ALL, None, None),
        (ALL, "text", {"data": "text"}),
        (ALL, 2, {"data": 2}),
        (EACH, {"a": 1}, Output({"main": [{"json": {"a": 1}}]})),
        (EACH, None, Output({"main": []})),
        (EACH, False, Output({"main": [{"json": {"data": False}}]})),
    ],
)
async def test_results(call: Run, parameters: Any, result: Any, expected: Any) -> None:
    assert (await call(parameters, result, {}))[0] == expected


async def test_each_item_keeps_its_files(call: Run) -> None:
    item = {"json": {"a": 1}, "files": {"f": {"name": "x"}}}
    returned, asked = await call(EACH, {"b": 2}, item)
    assert returned.ports["main"] == [{"json": {"b": 2}, "files": {"f": {"name": "x"}}}]
    assert asked[0][2] == {"item": {"a": 1}, "index": 0}


@pytest.mark.parametrize(
    ("parameters", "result", "message"),
    [
        (ALL, [{}, 5], "returned the number 5: the code must return a list of objects; entry 1 isn't one"),
        (ALL, [[]], "returned a list of 0"),
        (ALL, [None], "returned null"),
        (EACH, [{}], "must return one object, or null"),
    ],
)
async def test_unfit_results(call: Run, parameters: Any, result: Any, message: str) -> None:
    with pytest.raises(PermanentError, match=message) as caught:
        await call(parameters, result, {})
    assert caught.value.code == "INVALID_RESULT"
    assert caught.value.hint


async def test_all_items_go_in_at_once(call: Run) -> None:
    _, asked = await call({**ALL, "timeout": "2m", "memory_mb": 256}, None, {"a": 1}, {"a": 2})
    limits = {"timeout": 120.0, "memory_mb": 256}
    assert asked == [("python", "…", {"items": [{"a": 1}, {"a": 2}]}, limits)]


async def test_each_item_goes_in_by_itself(call: Run) -> None:
    _, asked = await call(EACH, None, {"a": 1}, {"a": 2}, item_index=1)
    assert asked == [("javascript", "…", {"item": {"a": 2}, "index": 1}, {"timeout": 10.0, "memory_mb": 128})]


async def test_what_the_code_prints_is_logged(call: Run) -> None:
    logs: list[str] = []
    await call(ALL, None, {}, logs=logs)
    assert logs == ["one", "two"]


async def test_a_failure_keeps_the_log(call: Run) -> None:
    logs: list[str] = []
    with pytest.raises(CodeError, match="line 3: ValueError: no"):
        await call(ALL, CodeError("ValueError: no", line=3, log="before\n"), {}, logs=logs)
    assert logs == ["before"]


def test_the_mode_decides_how_it_runs(catalogue: Catalogue, make_node: Callable[..., Any]) -> None:
    executor = catalogue.find(make_node(KIND, {}))
    assert executor is not None
    assert [executor.runs_per_item(parameters) for parameters in ({}, ALL, EACH)] == [False, False, True]
    assert executor.raw == {"code"}


@pytest.mark.parametrize(
    ("parameters", "code", "field"),
    [
        ({"code": "x"}, "MISSING_PARAMETER", "parameters.language"),
        ({"language": "python"}, "MISSING_PARAMETER", "parameters.code"),
        ({**ALL, "language": "{{ 'python' }}"}, "INVALID_PARAMETER", "parameters.language"),
        ({**ALL, "mode": "per_item"}, "INVALID_PARAMETER", "parameters.mode"),
        ({**ALL, "timeout": "6m"}, "INVALID_PARAMETER", "parameters.timeout"),
        ({**ALL, "memory_mb": 4096}, "INVALID_PARAMETER", "parameters.memory_mb"),
        ({**ALL, "source": "x"}, "UNKNOWN_PARAMETER", "parameters.source"),
    ],
)
def test_validation(problems: Callable[..., Any], parameters: Any, code: str, field: str) -> None:
    assert [(problem.code, problem.field) for problem in problems(KIND, **parameters)] == [(code, field)]
