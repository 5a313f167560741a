"""The node reference is what the catalogue says, and its examples do what they show."""

import json
import tomllib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from activities.invoke import Call, Reading, joined
from docs import generate
from nodes.base import Item, Output
from nodes.expression.expressions import Expressions
from nodes.expression.scope import Scope
from nodes.factory import Catalogue, load
from nodes.files.store import FileStore
from nodes.http.egress import Egress
from nodes.resources import Resources
from nodes.sandbox.sandbox import Sandbox
from orchestrator.compiler import compile_plan
from orchestrator.model import Node, NodeType, Workflow
from tests.temporal.harness import NoCredentials

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
NOTES: dict[str, dict[str, dict[str, Any]]] = tomllib.loads(generate.NOTES.read_text(encoding="utf-8"))
EXAMPLES = [
    pytest.param(node_type, subtype, example, id=f"{subtype}: {example['title']}")
    for node_type, subtypes in NOTES.items()
    for subtype, said in subtypes.items()
    for example in said.get("examples", [])
]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load()


@pytest.fixture(scope="module")
async def resources() -> AsyncIterator[Resources]:
    found = Resources(Egress(), Sandbox(processes=1), Expressions(processes=1), FileStore(""), NoCredentials())
    yield found
    await found.close()


def example_node(node_type: str, subtype: str, parameters: str) -> Node:
    return Node(id="n", name="Example", type=NodeType(node_type), subtype=subtype, parameters=json.loads(parameters))


def test_the_reference_is_up_to_date(catalogue: Catalogue) -> None:
    assert generate.behind(generate.pages(catalogue)) == [], "run `python -m docs.generate`"


def test_check_mode_tells(monkeypatch: pytest.MonkeyPatch, tmp_path: Any, capsys: Any) -> None:
    monkeypatch.setattr(generate, "FOLDER", tmp_path)
    (tmp_path / "OLD_NODE.md").write_text("gone")
    assert generate.main(["--check"]) == 1
    told = capsys.readouterr().out
    assert "docs/nodes/OLD_NODE.md is behind" in told
    assert "docs/nodes/FLOW_NODE.md is behind" in told
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    assert not (tmp_path / "OLD_NODE.md").exists()


def test_every_subtype_has_a_purpose_and_an_example(catalogue: Catalogue) -> None:
    for node_type, subtype in catalogue:
        assert generate._purpose(catalogue[node_type, subtype]).endswith("."), subtype
        assert NOTES[node_type][subtype]["examples"], subtype
    noted = {(node_type, subtype) for node_type, subtypes in NOTES.items() for subtype in subtypes}
    assert noted == {(str(node_type), subtype) for node_type, subtype in catalogue}


def test_every_operation_has_an_example() -> None:
    from nodes.action.data_transformation import OPERATIONS

    examples = NOTES["ACTION_NODE"]["DATA_TRANSFORMATION"]["examples"]
    assert {json.loads(example["parameters"])["operation"] for example in examples} == set(OPERATIONS)


@pytest.mark.parametrize(("node_type", "subtype", "example"), EXAMPLES)
def test_examples_are_valid(catalogue: Catalogue, node_type: str, subtype: str, example: dict[str, str]) -> None:
    assert catalogue.problems(example_node(node_type, subtype, example["parameters"])) == []


@pytest.mark.parametrize(
    ("node_type", "subtype", "example"),
    [case for case in EXAMPLES if "output" in case.values[2]],  # type: ignore[operator]
)
async def test_examples_do_what_they_show(
    catalogue: Catalogue, resources: Resources, node_type: str, subtype: str, example: dict[str, str]
) -> None:
    node = example_node(node_type, subtype, example["parameters"])
    executor = catalogue.find(node)
    assert executor is not None
    given = json.loads(example["input"])
    ports = given if given and isinstance(given[0], list) else [given]
    inputs: list[list[Item]] = [[{"json": one} for one in port] for port in ports]
    plan = compile_plan(Workflow(name="w", nodes=[node]), catalogue).nodes[0]
    scope, reading = Scope(inputs[0], NOW), Reading.of(node, executor)
    call = Call("e", "w", node, plan, executor, inputs, scope, 0, NOW, resources, "default", reading)
    outputs = []
    for index, parameters in enumerate(await call.resolve(range(call.count))):
        produced = await call.run_item(index, parameters)
        assert isinstance(produced, Output)
        outputs.append(produced.ports)
    emitted = {port: [item["json"] for item in items] for port, items in joined(outputs).items()}
    assert emitted == json.loads(example["output"])
