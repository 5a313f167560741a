"""`orchestrator validate`: every file, however wrong, ends in a verdict with problems, never in a traceback."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from services.cli.app import app

CORPUS = Path(__file__).parents[2] / "corpus" / "bad_workflows.jsonl"
ROWS = [json.loads(line) for line in CORPUS.read_text().splitlines()]
START = {"id": "t", "name": "Start", "type": "TRIGGER_NODE", "subtype": "MANUAL", "parameters": {}}
VALID = {"name": "w", "nodes": [START]}


def validate(path: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["validate", str(path), *options])


def verdict(result: Result) -> dict[str, Any]:
    """The one JSON object on stdout, checked against the exit code."""
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert result.stdout.count("\n") == 1
    shown: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == {"VALID": 0, "INVALID": 2}[shown["status"]]
    for problem in shown["problems"]:
        assert problem["code"]
        assert problem["message"]
        assert problem.keys() >= {"code", "node", "message"}
    return shown


@pytest.mark.parametrize(
    "row",
    [pytest.param(row, id=f"{row['id']}-{row['class']}") for row in ROWS],
)
def test_the_corpus(row: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "workflow.json"
    file.write_text(json.dumps(row["definition"]))
    shown = verdict(validate(file, "--json"))
    errors = [problem["code"] for problem in shown["problems"] if problem["severity"] == "ERROR"]
    accepted = {row["verdict"], *row.get("also_ok", ())}
    if shown["status"] == "VALID":
        assert accepted & {"valid", "warning", "valid_with_warning"}
    else:
        assert "invalid" in accepted or accepted & set(errors), errors


DEEP = "[" * 100_000 + "]" * 100_000
HOSTILE = {
    "empty": (b"", "NOT_JSON"),
    "binary": (bytes(range(256)) * 50, "NOT_JSON"),
    "latin-1": ('{"name": "caf\xe9"}'.encode("latin-1"), "NOT_JSON"),
    "utf-16": (json.dumps(VALID).encode("utf-16"), "NOT_JSON"),
    "truncated": (b'{"name": "w", "nodes": [', "NOT_JSON"),
    "a list": (b"[]", "WRONG_TYPE"),
    "null": (b"null", "WRONG_TYPE"),
    "a number": (b"1e999999999", "NOT_JSON"),
    "deep": (DEEP.encode(), "NOT_JSON"),
    "deep parameters": (
        json.dumps({"name": "w", "nodes": [START | {"parameters": {"a": "?"}}]})
        .replace('"?"', "[" * 80 + "]" * 80)
        .encode(),
        "NESTED_TOO_DEEP",
    ),
    "huge": (b'{"name": "' + b"x" * 3_000_000 + b'"}', "DEFINITION_TOO_LARGE"),
    "many nodes": (json.dumps({"name": "w", "nodes": [START] * 2001}).encode(), "TOO_MANY_NODES"),
    "unknown field": (json.dumps(VALID | {"nodez": []}).encode(), "UNKNOWN_FIELD"),
    "NaN": (b'{"name": NaN}', "NOT_JSON"),
    "half a surrogate pair": (b'{"name": "\\ud800"}', "NOT_JSON"),
}


@pytest.mark.parametrize(("content", "code"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_files(content: bytes, code: str, tmp_path: Path) -> None:
    file = tmp_path / "workflow.json"
    file.write_bytes(content)
    shown = verdict(validate(file, "--json"))
    assert [problem["code"] for problem in shown["problems"]] == [code]


@pytest.mark.parametrize("kind", ["missing", "folder", "no rights", "unending"])
def test_what_is_no_file(kind: str, tmp_path: Path) -> None:
    paths = {
        "missing": tmp_path / "none.json",
        "folder": tmp_path,
        "no rights": Path("/proc/self/mem"),
        "unending": Path("/dev/zero"),
    }
    shown = verdict(validate(paths[kind], "--json"))
    codes = [problem["code"] for problem in shown["problems"]]
    assert codes == ["DEFINITION_TOO_LARGE" if kind == "unending" else "UNREADABLE_FILE"]


def test_a_valid_file_for_people(tmp_path: Path) -> None:
    file = tmp_path / "workflow.json"
    file.write_text(json.dumps(VALID))
    result = validate(file)
    assert result.exit_code == 0
    assert result.stdout.startswith("VALID: w, 1 nodes")


def test_an_invalid_file_for_people(tmp_path: Path) -> None:
    file = tmp_path / "workflow.json"
    file.write_text(json.dumps({"name": "w", "nodes": [START, START | {"id": "u", "name": "\x1b[2JStart"}]}))
    result = validate(file)
    assert result.exit_code == 2
    assert result.stdout.startswith("INVALID: ")
    assert "\x1b" not in result.stdout


def test_reads_the_standard_input() -> None:
    read, write = os.pipe()
    os.write(write, json.dumps(VALID).encode())
    os.close(write)
    saved = os.dup(0)
    os.dup2(read, 0)
    try:
        result = validate(Path("/dev/stdin"), "--json")
    finally:
        os.dup2(saved, 0)
        os.close(saved)
        os.close(read)
    assert verdict(result)["status"] == "VALID"


@pytest.mark.parametrize(
    "file", sorted((Path(__file__).parents[3] / "examples").glob("*.json")), ids=lambda file: file.stem
)
def test_the_examples_are_valid(file: Path) -> None:
    shown = verdict(validate(file, "--json"))
    assert shown["status"] == "VALID", shown
