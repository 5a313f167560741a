"""Hostile code, and controls that must work."""

import json
import os
from pathlib import Path
from typing import Any

import psutil
import pytest

from nodes.sandbox.errors import CodeError
from nodes.sandbox.sandbox import Language, Sandbox

CANARY = "canary-91c7e4"


def marked() -> bool:
    return Path("/tmp/pwned-marker").exists()


def rows() -> list[Any]:
    found = []
    for name, language in (("code_python", "python"), ("code_js", "javascript")):
        text = (Path(__file__).parents[2] / "corpus" / f"{name}.jsonl").read_text("utf-8")
        for line in text.splitlines():
            row = json.loads(line)
            found.append(pytest.param(language, row, id=row["id"]))
    return found


def source(row: dict[str, Any]) -> str:
    if "code" in row:
        return str(row["code"])
    made = row["code_gen"]
    return str(made["prefix"] + made["unit"] * made["count"] + made["suffix"])


async def outcome(sandbox: Sandbox, language: Language, code: str) -> tuple[bool, Any]:
    try:
        found = await sandbox.run(language, code, {"items": [{"a": 1}]}, timeout=0.5, memory_mb=64)
    except CodeError as error:
        return False, f"{type(error).__name__} {error} {error.log}"
    return True, found.value


@pytest.mark.parametrize(("language", "row"), rows())
async def test_row(sandbox: Sandbox, language: Language, row: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORPUS_CANARY", CANARY)
    if row.get("phase") == "validate":
        problem = await sandbox.check(language, source(row), ["items"])
        assert problem is not None
        assert "/" not in problem.replace("/*", "")
        return
    ok, found = await outcome(sandbox, language, source(row))
    if row["expect"] == "ok":
        assert (ok, found) == (True, row["value"])
    if row["expect"] == "limit":
        assert not ok
    assert CANARY not in str(found)
    assert not marked()
    assert str(Path(__file__).parent) not in str(found)
    following = await outcome(sandbox, language, row.get("followup", "return 7"))
    assert following == (True, row.get("followup_value", 7))


async def test_nothing_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    sandbox = Sandbox(processes=1)
    for language in ("python", "javascript"):
        assert await outcome(sandbox, language, "while (true);" if language == "javascript" else "while True: pass")
        assert (await outcome(sandbox, language, "return 1")) == (True, 1)
    started = [p for p in psutil.Process().children(recursive=True) if p.pid not in before]
    assert started
    for process in started:
        if process.uids().real == os.getuid() or os.getuid() == 0:
            assert process.environ().get("CORPUS_CANARY") is None
    await sandbox.close()
    _, alive = psutil.wait_procs(started, timeout=5)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []
