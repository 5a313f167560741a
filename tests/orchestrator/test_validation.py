"""Everything that validation says: each code once, names in every script, and the corpus of malformed workflows."""

import ast
import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import orchestrator
from nodes.factory import load
from orchestrator.definition import MAX_BYTES, read, read_json
from orchestrator.errors import DefinitionError, Problem, Severity
from orchestrator.validation import name_trouble, validate
from tests.orchestrator.driver import ToyCatalogue
from tests.orchestrator.graphs import node, workflow

CATALOGUE = load()
CORPUS = Path(__file__).parent.parent / "corpus" / "bad_workflows.jsonl"
Json = dict[str, Any]


def _sound() -> Json:
    #  T ─► A ─► B
    return workflow([node("T", "TRIGGER"), node("A"), node("B")], "T > A", "A > B")


def _problems(data: object, catalogue: Any = None) -> list[Problem]:
    try:
        return validate(read(data), catalogue or ToyCatalogue())
    except DefinitionError as error:
        return error.problems


def _changed(change: Callable[[Json], object]) -> Json:
    data = _sound()
    change(data)
    return data


def _at(position: int, **fields: Any) -> Json:
    return _changed(lambda data: data["nodes"][position].update(fields))


def _joined(source: str, key: str, **connection: Any) -> Json:
    def change(data: Json) -> None:
        types = data["connections"]["connections"].setdefault(source, {"connection_types": {}})["connection_types"]
        types.setdefault(key, {"connections": []})["connections"].append(connection)

    return _changed(change)


def test_a_sound_workflow_has_no_problems() -> None:
    assert _problems(_sound()) == []


# One malformed workflow for each code; then the node and the field that the problem is said to be at.
CASES = [
    ("MISSING_FIELD", _changed(lambda d: d.pop("name")), "", "name"),
    ("MISSING_FIELD", _changed(lambda d: d.update(name="  ")), "", "name"),
    ("MISSING_FIELD", _at(1, id=""), "A", "nodes[1].id"),
    ("MISSING_FIELD", _changed(lambda d: d["nodes"][1].pop("type")), "A", "nodes[1].type"),
    ("MISSING_FIELD", _at(2, subtype=""), "B", "nodes[2].subtype"),
    ("NAME_INVALID", _changed(lambda d: d.update(name="a\u202eb")), "", "name"),
    ("NAME_INVALID", _at(1, id="a\nb"), "A", "nodes[1].id"),
    ("NO_NODES", {"name": "W"}, "", "nodes"),
    ("DUPLICATE_NODE_ID", _at(2, id="id of A"), "B", "nodes[2].id"),
    ("UNKNOWN_SUBTYPE", _at(2, subtype="NO_SUCH"), "B", "nodes[2].subtype"),
    ("INVALID_DURATION", _at(1, timeout="soon"), "A", "nodes[1].timeout"),
    ("INVALID_DURATION", _at(1, retry={"initial_interval": "1"}), "A", "nodes[1].retry.initial_interval"),
    ("INVALID_DURATION", _at(1, retry={"max_interval": "-1s"}), "A", "nodes[1].retry.max_interval"),
    ("INVALID_DURATION", _changed(lambda d: d.update(settings={"timeout": "x"})), "", "settings.timeout"),
    ("INVALID_TIMEZONE", _changed(lambda d: d.update(settings={"timezone": "Mars/X"})), "", "settings.timezone"),
    ("INVALID_TIMEZONE", _changed(lambda d: d.update(settings={"timezone": "../x"})), "", "settings.timezone"),
    ("INVALID_RETRY", _at(1, retry={"backoff": 0.5}), "A", "nodes[1].retry.backoff"),
    ("INVALID_FAN_IN", _at(2, subtype="MERGE", fan_in="each"), "B", "nodes[2].fan_in"),
    ("INVALID_FAN_IN", _at(2, subtype="LOOP", fan_in="each"), "B", "nodes[2].fan_in"),
    ("INVALID_PINNED", _at(1, pinned=[{"a": 1}, 2]), "A", "nodes[1].pinned"),
    ("UNKNOWN_NODE", _joined("A", "main", node="Ghost"), "A", "connections.A.main[1]"),
    ("UNKNOWN_NODE", _joined("Ghost", "main", node="A"), "Ghost", ""),
    ("BAD_CONNECTION_TYPE", _joined("A", "mian", node="B"), "A", "connections.A.mian[0]"),
    ("CONNECTION_TYPE_MISMATCH", _joined("A", "ai_tool", node="B", type="MAIN"), "A", "connections.A.ai_tool[0]"),
    ("CONNECTION_NOT_ALLOWED", _joined("A", "ai_tool", node="B"), "A", "connections.A.ai_tool[0]"),
    ("DUPLICATE_CONNECTION", _joined("A", "main", node="B", type="MAIN"), "A", "connections.A.main[1]"),
    ("BAD_OUTPUT", _joined("A", "main", node="B", output="x"), "A", "connections.A.main[1]"),
    ("BAD_INDEX", _joined("A", "main", node="B", index=1), "A", "connections.A.main[1]"),
    ("TRIGGER_HAS_INPUT", _joined("A", "main", node="T"), "A", "connections.A.main[1]"),
    ("CYCLE_WITHOUT_LOOP", _joined("B", "main", node="A"), "A", "connections"),
    ("UNREACHABLE_NODE", _changed(lambda d: d["connections"]["connections"].pop("A")), "B", ""),
    ("EXPRESSION_SYNTAX", _at(1, parameters={"x": "{{ $json."}), "A", "parameters.x"),
    ("EXPRESSION_UNKNOWN_NODE", _at(1, parameters={"x": "{{ $('Z').item }}"}), "A", "parameters.x"),
    ("EXPRESSION_UNKNOWN_NODE", _at(1, parameters={"x": [{"y": '{{ $node["Z"].json.a }}'}]}), "A", "parameters.x[0].y"),
    ("WRONG_TYPE", _at(1, name=5), "", "nodes[1].name"),
    ("UNKNOWN_FIELD", _at(1, parametres={}), "A", "nodes[1].parametres"),
    ("UNKNOWN_NODE_TYPE", _at(1, type="NODE"), "A", "nodes[1].type"),
    ("OUT_OF_RANGE", _at(1, retry={"backoff": 101}), "A", "nodes[1].retry.backoff"),
    ("TOO_MANY_NODES", {"name": "W", "nodes": [{}] * 2001}, "", "nodes"),
    ("NAME_TOO_LONG", _at(1, id="x" * 129), "A", "nodes[1].id"),
]


@pytest.mark.parametrize(("code", "data", "node_name", "field"), CASES)
def test_each_problem_has_its_code_and_its_place(code: str, data: Json, node_name: str, field: str) -> None:
    found = _problems(data)
    assert [(problem.code, problem.node, problem.field) for problem in found] == [(code, node_name, field)]
    assert len(found[0].message) > 15


def test_a_node_without_a_name_is_told_by_its_place() -> None:
    data = _changed(lambda d: d["nodes"].append(node("", "ADD")))
    assert ("MISSING_FIELD", "nodes[3].name") in [(problem.code, problem.field) for problem in _problems(data)]


@pytest.mark.parametrize(
    ("first", "second"),
    [("A", "A"), ("caf\u00e9", "cafe\u0301"), ("A", " A"), ("\u1100\u1161", "\uac00"), ("\u212b", "\u00c5")],
)
def test_names_that_read_alike_are_one_name(first: str, second: str) -> None:
    data = workflow([node("T", "TRIGGER"), node(first), {**node(second), "id": "other"}], f"T > {first}")
    assert "DUPLICATE_NODE_NAME" in [problem.code for problem in _problems(data)]


def test_what_stands_behind_an_unknown_node_isnt_called_unreachable() -> None:
    #  T ─► A (of a subtype that there isn't) ─► B
    assert [problem.code for problem in _problems(_at(1, subtype="NO_SUCH"))] == ["UNKNOWN_SUBTYPE"]


def test_a_workflow_without_a_trigger_cant_begin() -> None:
    data = workflow([node("A"), node("B")], "A > B")
    assert {problem.code for problem in _problems(data)} == {"NO_TRIGGER", "UNREACHABLE_NODE"}


def test_a_too_large_or_deep_or_broken_text_is_refused() -> None:
    for text, code in [("{", "NOT_JSON"), (" " * (MAX_BYTES + 1), "DEFINITION_TOO_LARGE")]:
        with pytest.raises(DefinitionError) as error:
            read_json(text)
        assert [problem.code for problem in error.value.problems] == [code]
    deep: Any = 1
    for _ in range(70):
        deep = [deep]
    assert [problem.code for problem in _problems(_at(1, parameters={"x": deep}))] == ["NESTED_TOO_DEEP"]


def test_every_code_there_is_is_tested_here() -> None:
    written = set()
    for file in Path(orchestrator.__path__[0]).glob("*.py"):
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            name = getattr(getattr(call, "func", None), "id", getattr(getattr(call, "func", None), "attr", ""))
            if isinstance(call, ast.Call) and name in ("Problem", "_problem") and call.args:
                written |= {c.value for c in ast.walk(call.args[0]) if isinstance(c, ast.Constant)}
    elsewhere = {"NOT_JSON", "DEFINITION_TOO_LARGE", "NESTED_TOO_DEEP", "DUPLICATE_NODE_NAME", "NO_TRIGGER"}
    assert {code for code in written if isinstance(code, str) and code.isupper()} <= elsewhere | {
        case[0] for case in CASES
    }


def test_warnings_dont_keep_a_workflow_from_running() -> None:
    warned = {
        problem.code for _, data, *_ in CASES for problem in _problems(data) if problem.severity != Severity.ERROR
    }
    assert warned == {"DUPLICATE_CONNECTION", "UNREACHABLE_NODE"}


def test_all_problems_of_a_workflow_are_reported_at_once() -> None:
    data = _at(1, timeout="x", retry={"backoff": 0.1}, pinned=[1], parameters={"x": "{{"})
    data["name"] = ""
    codes = [problem.code for problem in _problems(data)]
    assert codes == ["MISSING_FIELD", "INVALID_DURATION", "INVALID_RETRY", "INVALID_PINNED", "EXPRESSION_SYNTAX"]


def test_validation_changes_nothing() -> None:
    data = _joined("B", "main", node="A")
    before = copy.deepcopy(data)
    assert _problems(data) == _problems(data)
    assert data == before


NAMES = [
    "Größe",
    "日本語",
    "مرحبا بالعالم",
    "שלום",
    "नमस्ते",
    "🙂",
    "👩\u200d👩\u200d👧",
    "می\u200cخواهم",
    "cafe\u0301",
    "a.b>c",
    "constructor",
    "__proto__",
    "$json",
    "'); drop",
    '"',
    "\\",
    "{{ 1 }}",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_may_be_in_any_script(name: str) -> None:
    data = workflow([node("T", "TRIGGER"), node("X"), node("Y")], "T > X", "X > Y")
    data = json.loads(json.dumps(data).replace('"X"', json.dumps(name)).replace("id of X", "x"))
    data["nodes"][2]["parameters"] = {"v": f"{{{{ $({json.dumps(name)}).first() }}}}"}
    assert _problems(data) == []


@pytest.mark.parametrize(
    "name",
    [
        " A",
        "A ",
        "\tA",
        "A\u00a0",
        "a\nb",
        "a\rb",
        "a\x00b",
        "a\x7fb",
        "a\u202eb",
        "a\u2066b",
        "\ufeffA",
        "a\u200bb",
        "a\u2028b",
        "a\u00adb",
        "\ud800",
    ],
)
def test_invisible_characters_are_no_part_of_a_name(name: str) -> None:
    assert name_trouble(name)
    problems = _problems(_at(2, name=name))
    assert "NAME_INVALID" in [problem.code for problem in problems]
    shown = " ".join(problem.message for problem in problems if problem.code == "NAME_INVALID")
    assert shown.isprintable(), "the message shows the character itself"


def _verdict(problems: list[Problem]) -> str:
    if any(problem.severity == Severity.ERROR for problem in problems):
        return "invalid"
    return "warning" if problems else "valid"


ROWS: list[Json] = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]
# What the rules of `nodes` find; tests/services/cli/test_validate.py has the whole of it.
BY_NODES = {"WF-099", "WF-118"}


@pytest.mark.parametrize("row", [pytest.param(row, id=f"{row['id']} {row['class']}") for row in ROWS])
def test_the_corpus_gets_its_verdicts(row: Json) -> None:
    problems = _problems(row["definition"], CATALOGUE)
    assert all(problem.code and problem.message for problem in problems)
    if row["id"] in BY_NODES:
        assert not problems
        return
    allowed = {row["verdict"], *row.get("also_ok", [])}
    verdict = _verdict(problems)
    # A verdict `valid` allows warnings too, as the workflow runs; a code among also_ok allows it to be refused so.
    reached = {verdict, "valid" if verdict == "warning" else verdict, *(problem.code for problem in problems)}
    assert reached & allowed, [(problem.code, problem.message) for problem in problems]
    if row.get("where"):
        assert row["where"] in [problem.field for problem in problems]
