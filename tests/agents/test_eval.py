"""`orchestrator eval` over a server: what passes, what fails and why, and what is no dataset."""

import json
from pathlib import Path
from typing import Any

import pytest

from services.cli.dataset import read_dataset
from services.cli.evaluate import evaluate
from services.cli.failure import Exit, Failure
from tests.agents.conftest import Agents, Json
from tests.agents.scripted import Reply, Request, ScriptedModel, told
from tests.agents.test_retrieval import agent
from tests.graphs import trigger, workflow


def dataset(folder: Path, model: ScriptedModel, cases: list[Json], **fields: Any) -> Path:
    """A dataset's file, with an agent's workflow beside it."""
    (folder / "agent.json").write_text(json.dumps(workflow("agent", [trigger(), agent(model)], "Start -> Agent")))
    file = folder / "dataset.json"
    file.write_text(json.dumps({"workflow": "agent.json", "cases": cases, **fields}))
    return file


async def results(file: Path, capsys: pytest.CaptureFixture[str]) -> tuple[Exit, Any]:
    capsys.readouterr()
    code = await evaluate(file, 2, as_json=True)
    return code, json.loads(capsys.readouterr().out.strip().splitlines()[-1])


@pytest.fixture(autouse=True)
def at_the_server(agents: Agents, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_ADDRESS", agents.address)


async def test_each_kind_of_check(tmp_path: Path, model: ScriptedModel, capsys: pytest.CaptureFixture[str]) -> None:
    def reply(request: Request) -> Reply:
        if "You judge" in told(request):
            good = "forty" in told(request)
            return json.dumps({"pass": good, "reason": "it is " + ("right" if good else "wrong")})
        return "forty-two"

    model.reply = reply
    checks = [
        {"equals": {"Agent": [{"output": "forty-two"}]}},
        {"path": "Agent[0].output", "equals": "forty-two"},
        {"path": "Agent[0].output", "contains": "two"},
        {"expression": "$json.Agent.length === 1"},
        {"judge": "It is a number between 40 and 50."},
        {"path": "Agent[0].output", "equals": "43"},
        {"path": "Agent[0].other", "contains": "x"},
        {"expression": "$json.Agent.length > 1"},
    ]
    cases = [{"name": f"case {n}", "input": {"message": "?"}, "checks": [check]} for n, check in enumerate(checks)]
    judge = {"model_name": "j", "base_url": model.url}
    code, found = await results(dataset(tmp_path, model, cases, judge=judge, threshold=0.6), capsys)
    assert [one["passed"] for one in found["results"]] == [True] * 5 + [False] * 3
    assert found["results"][5]["failures"] == ['Agent[0].output is "forty-two"']
    assert (code, found["passed"], found["cases"], found["rate"]) == (Exit.OK, 5, 8, 5 / 8)
    code, _ = await results(dataset(tmp_path, model, cases, judge=judge), capsys)
    assert code is Exit.FAILED


async def test_a_judge_that_refuses_says_why(
    tmp_path: Path, model: ScriptedModel, capsys: pytest.CaptureFixture[str]
) -> None:
    model.reply = lambda request: '{"pass": false, "reason": "too short"}' if "You judge" in told(request) else "x"
    case = {"input": {"message": "?"}, "checks": [{"judge": "It is long."}]}
    file = dataset(tmp_path, model, [case], judge={"model_name": "j", "base_url": model.url})
    code, found = await results(file, capsys)
    assert (code, found["results"][0]["failures"]) == (Exit.FAILED, ["the judge says: too short"])


async def test_a_run_that_fails_is_a_case_that_fails(
    tmp_path: Path, model: ScriptedModel, capsys: pytest.CaptureFixture[str]
) -> None:
    model.reply = lambda request: 400
    code, found = await results(dataset(tmp_path, model, [{"input": {"message": "?"}}]), capsys)
    assert code is Exit.FAILED
    assert "the run failed" in found["results"][0]["failures"][0]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{", "NOT_JSON"),
        ('{"workflow": "w.json", "cases": []}', "BAD_DATASET"),
        ('{"workflow": "w.json", "cases": [{"checks": [{}]}]}', "BAD_DATASET"),
        ('{"workflow": "w.json", "cases": [{"checks": [{"judge": "?"}]}]}', "BAD_DATASET"),
        ('{"workflow": "w.json", "cases": [{"colour": 1}]}', "BAD_DATASET"),
    ],
)
def test_what_is_no_dataset(tmp_path: Path, written: str, expected: str) -> None:
    file = tmp_path / "dataset.json"
    file.write_text(written)
    with pytest.raises(Failure) as caught:
        read_dataset(file)
    assert {problem.code for problem in caught.value.problems} == {expected}
