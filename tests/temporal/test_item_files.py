"""Files of items on their way through a run, and the queues that nodes run on."""

from itertools import pairwise
from typing import Any

import pytest

from activities.data import Data
from tests.graphs import flow, javascript, node, sets, transforms, trigger, workflow
from tests.temporal.harness import Engine


def operate(name: str, operation: str, **parameters: Any) -> Any:
    return node(name, "ACTION_NODE", "FILE_OPERATION", {"operation": operation, **parameters})


async def emitted(engine: Engine, handle: Any, name: str) -> list[Any]:
    """The items that a node emitted last, files and all."""
    outputs = engine.recorded(handle).nodes[name, 0].outputs or {}
    data = Data(engine.payloads)
    return [item for items in outputs.values() for item in await data.load(items)]


PURE = [
    [sets("A", a=1)],
    [transforms("A", "rename", fields={"name": "n"}), transforms("B", "split_out", field="list")],
    [flow("A", "FILTER", condition="{{ $files.data.size === 5 }}")],
    [transforms("A", "sort", by=["name"]), transforms("B", "limit", count=1), transforms("C", "deduplicate")],
    [transforms("A", "map", expression="{{ [{n: 1}] }}")],
]


@pytest.mark.parametrize("steps", PURE, ids=lambda steps: steps[0]["parameters"].get("operation", "FILTER"))
async def test_files_pass_pure_nodes(engine: Engine, steps: list[Any]) -> None:
    nodes = [
        trigger(),
        operate("Write", "write", path="in.txt", content="hello"),
        operate("Read", "read", path="in.txt"),
        sets("List", list=[{"n": 1}]),
        *steps,
        operate("Out", "write", path="out.txt", file="data"),
        operate("Check", "read", path="out.txt", **{"as": "text"}),
    ]
    names = [one["name"] for one in nodes]
    edges = [
        f"{one}{'.kept' if one == 'A' and 'condition' in steps[0]['parameters'] else ''} -> {other}"
        for one, other in pairwise(names)
    ]
    result = await engine.run(workflow("files", nodes, *edges))
    assert [item["data"] for item in result["Check"]] == ["hello"]


async def test_files_pass_branches_loops_waits_and_code(engine: Engine) -> None:
    nodes = [
        trigger(),
        operate("Write", "write", path="b.txt", content="hello"),
        operate("Read", "read", path="b.txt", into="doc"),
        flow("If", "IF", condition="{{ $input.item.files.doc.name === 'b.txt' }}"),
        flow("Merge", "MERGE", mode="append"),
        flow("Loop", "LOOP", mode="items", batch_size=1),
        node(
            "Code", "ACTION_NODE", "RUN_CODE", {"language": "javascript", "mode": "each_item", "code": "return {c: 1}"}
        ),
        flow("Wait", "WAIT", mode="duration", duration="1s"),
        operate("Fail", "write", path="../x", file="doc") | {"on_error": "error_output"},
        sets("End", size="{{ $files.doc.size }}", read="{{ $('Read').item.files.doc.content_type }}"),
    ]
    edges = [
        "Start -> Write",
        "Write -> Read",
        "Read -> If",
        "If.true -> Merge",
        "If.false -> Merge.1",
        "Merge -> Loop",
    ]
    edges += ["Loop.body -> Code", "Code -> Loop", "Loop.done -> Wait", "Wait -> Fail", "Fail.error -> End"]
    handle = await engine.start(workflow("files-everywhere", nodes, *edges))
    result = await engine.result(handle)
    assert result["End"][0]["error"]["code"] == "INVALID_PATH"
    assert (result["End"][0]["size"], result["End"][0]["read"]) == (5, "text/plain")
    (item,) = await emitted(engine, handle, "End")
    assert set(item["files"]) == {"doc"}


async def test_a_new_item_of_many_has_no_files(engine: Engine) -> None:
    nodes = [
        trigger(),
        operate("Write", "write", path="c.txt", content="x"),
        operate("Read", "read", path="c.txt"),
        transforms("All", "aggregate"),
        javascript("Code", "return items"),
    ]
    handle = await engine.start(
        workflow("files-gone", nodes, "Start -> Write", "Write -> Read", "Read -> All", "Read -> Code")
    )
    await engine.result(handle)
    for name in ("All", "Code"):
        (item,) = await emitted(engine, handle, name)
        assert not item.get("files")


async def test_forged_files_in_a_runs_data_lead_nowhere(engine: Engine) -> None:
    item = {"json": {}, "files": {"data": {"name": "x", "content_type": "x/y", "size": 1, "ref": "../../files/in.txt"}}}
    nodes = [trigger() | {"pinned": [item]}, operate("Out", "write", path="stolen.txt", file="data")]
    handle = await engine.start(workflow("files-forged", nodes, "Start -> Out"))
    assert "no file of this workspace" in str(await engine.failure(handle))


async def test_code_runs_on_a_queue_of_its_own(engine: Engine) -> None:
    nodes = [trigger(), javascript("Code", "return items"), operate("Look", "list")]
    handle = await engine.start(workflow("queues", nodes, "Start -> Code", "Code -> Look"))
    await engine.result(handle)
    history = await handle.fetch_history()
    found = [event.activity_task_scheduled_event_attributes for event in history.events]
    queues = {one.activity_type.name: one.task_queue.name for one in found if one.activity_id}
    assert queues == {"RUN_CODE": f"{engine.task_queue}-code", "FILE_OPERATION": engine.task_queue}
