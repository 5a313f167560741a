"""One small workflow for each feature of the interpreter; their histories are recorded and replayed."""

from dataclasses import dataclass
from typing import Any

from tests.graphs import flow, javascript, sets, transforms, trigger, workflow

Json = dict[str, Any]


@dataclass(frozen=True)
class Feature:
    """A workflow, its input and what it results in (None: it fails)."""

    definition: Json
    value: Any
    result: dict[str, list[Any]] | None


def _each(n: str, **loop: Any) -> list[Json]:
    return [trigger(), flow("Loop", "LOOP", **loop), sets("Body", n=n), sets("After", done=True)]


_AROUND = ("Start -> Loop", "Loop.body -> Body", "Body -> Loop", "Loop.done -> After")

FEATURES: dict[str, Feature] = {
    # Start ─ A ─ B
    "fused": Feature(
        workflow(
            "fused",
            [trigger(), sets("A", n="{{ $json.n + 1 }}"), sets("B", m="{{ $json.n * 2 }}")],
            "Start -> A",
            "A -> B",
        ),
        {"n": 1},
        {"B": [{"n": 2, "m": 4}]},
    ),
    # Start ─ Code ─ B
    "effectful": Feature(
        workflow(
            "effectful",
            [trigger(), javascript("Code", "return items.map(i => ({n: i.n * 10}))"), sets("B", b=1)],
            "Start -> Code",
            "Code -> B",
        ),
        {"n": 4},
        {"B": [{"n": 40, "b": 1}]},
    ),
    #          ┌ X (code) ┐
    # Start ─ ─┤ Y (code) ├─ Merge
    #          └ Z (set)  ┘
    "parallel": Feature(
        workflow(
            "parallel",
            [
                trigger(),
                javascript("X", "return [{x: 1}]"),
                javascript("Y", "return [{y: 2}]"),
                sets("Z", z=3),
                flow("Merge", "MERGE", inputs=3),
            ],
            "Start -> X",
            "Start -> Y",
            "Start -> Z",
            "X -> Merge.0",
            "Y -> Merge.1",
            "Z -> Merge.2",
        ),
        {},
        {"Merge": [{"x": 1}, {"y": 2}, {"z": 3}]},
    ),
    #              ┌ true ─ Yes ┐
    # Start ─ If ──┤            ├─ Join      (one branch is dead; the join doesn't wait for it)
    #              └ false ─ No ┘
    "dead_branch": Feature(
        workflow(
            "dead_branch",
            [
                trigger(),
                flow("If", "IF", condition="{{ $json.n > 1 }}"),
                sets("Yes", yes=True),
                sets("No", no=True),
                sets("Join", joined=True),
            ],
            "Start -> If",
            "If.true -> Yes",
            "If.false -> No",
            "Yes -> Join",
            "No -> Join",
        ),
        {"n": 5},
        {"Join": [{"n": 5, "yes": True, "joined": True}]},
    ),
    "loop_items": Feature(
        workflow("loop_items", _each("{{ $json.n + $runIndex }}", mode="items", batch_size=2), *_AROUND),
        [{"n": 0}, {"n": 10}, {"n": 20}],
        {"After": [{"n": 0, "done": True}, {"n": 10, "done": True}, {"n": 21, "done": True}]},
    ),
    "loop_while": Feature(
        workflow("loop_while", _each("{{ $json.n + 1 }}", mode="while", condition="{{ $json.n < 5 }}"), *_AROUND),
        {"n": 0},
        {"After": [{"n": 5, "done": True}]},
    ),
    # Loop ─ body ─ Outer ─ Inner(loop) ─ body ─ Add ─┐     (effectful body: an activity for each iteration)
    "loop_nested": Feature(
        workflow(
            "loop_nested",
            [
                trigger(),
                flow("Outer", "LOOP", mode="items"),
                flow("Inner", "LOOP", mode="count", times=2),
                javascript("Add", "return items.map(i => ({n: i.n + 1}))"),
                sets("After", done=True),
            ],
            "Start -> Outer",
            "Outer.body -> Inner",
            "Inner.body -> Add",
            "Add -> Inner",
            "Inner.done -> Outer",
            "Outer.done -> After",
        ),
        [{"n": 0}, {"n": 10}],
        {"After": [{"n": 2, "done": True}, {"n": 12, "done": True}]},
    ),
    "loop_parallel": Feature(
        workflow(
            "loop_parallel",
            [
                trigger(),
                flow("Loop", "LOOP", mode="items", max_concurrency=3),
                javascript("Body", "return items.map(i => ({n: i.n + 1}))"),
                sets("After", done=True),
            ],
            *_AROUND,
        ),
        [{"n": i} for i in range(5)],
        {"After": [{"n": i + 1, "done": True} for i in range(5)]},
    ),
    # Start ─ Wait ─ After
    "wait": Feature(
        workflow(
            "wait",
            [trigger(), flow("Wait", "WAIT", mode="duration", duration="1s"), sets("After", done=True)],
            "Start -> Wait",
            "Wait -> After",
        ),
        {"n": 1},
        {"After": [{"n": 1, "done": True}]},
    ),
    # Start ─ Fail ┬ main ─ Well
    #              └ error ─ Ill
    "error_output": Feature(
        workflow(
            "error_output",
            [
                trigger(),
                javascript("Fail", "throw new Error('no')", on_error="error_output"),
                sets("Well", well=True),
                transforms("Ill", "set", fields={"said": "{{ $json.error.code }}"}),
            ],
            "Start -> Fail",
            "Fail -> Well",
            "Fail.error -> Ill",
        ),
        {"n": 1},
        {"Ill": [{"said": "CODE_FAILED"}]},
    ),
    # Start ─ Stop
    "failed": Feature(
        workflow("failed", [trigger(), flow("Stop", "STOP", message="because of {{ $json.n }}")], "Start -> Stop"),
        {"n": 1},
        None,
    ),
    # Start ─ C0 ─ … ─ C17     (more nodes in a row than their records go unconfirmed)
    "effectful_chain": Feature(
        workflow(
            "effectful_chain",
            [trigger(), *(javascript(f"C{i}", "return items.map(i => ({n: i.n + 1}))") for i in range(18))],
            "Start -> C0",
            *(f"C{i} -> C{i + 1}" for i in range(17)),
        ),
        {"n": 0},
        {"C17": [{"n": 18}]},
    ),
}
