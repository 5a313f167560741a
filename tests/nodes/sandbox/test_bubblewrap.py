"""The sandbox inside bubblewrap, which these tests need installed."""

from datetime import UTC, datetime

import psutil
import pytest

from nodes.expression.expressions import Expressions
from nodes.expression.scope import Scope
from nodes.sandbox import bubblewrap
from nodes.sandbox.errors import CodeError, CodeLimit
from nodes.sandbox.sandbox import Language, Sandbox

pytestmark = pytest.mark.system


@pytest.mark.parametrize(
    ("language", "code", "endless"),
    [("python", "return len(items)", "while True: pass"), ("javascript", "return items.length", "while (true);")],
)
async def test_code_runs_and_is_stopped(language: Language, code: str, endless: str) -> None:
    assert bubblewrap.works()
    sandbox = Sandbox(processes=1, isolation="bwrap")
    try:
        found = await sandbox.run(language, code, {"items": [1, 2]}, timeout=2, memory_mb=64)
        assert found.value == 2
        (worker,) = sandbox._pools[language]._idle
        assert "bwrap" in worker.boundaries
        family = [psutil.Process(worker.pid), *psutil.Process(worker.pid).children(recursive=True)]
        with pytest.raises(CodeLimit):
            await sandbox.run(language, endless, {"items": []}, timeout=0.3, memory_mb=64)
        _, alive = psutil.wait_procs(family, timeout=5)
        assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []
        with pytest.raises(CodeError):
            await sandbox.run(language, "import os\nreturn open('/etc/passwd')", {"items": []}, timeout=1, memory_mb=64)
    finally:
        await sandbox.close()


async def test_expressions_run() -> None:
    expressions = Expressions(processes=1, isolation="bwrap")
    try:
        scope = Scope(items=[{"json": {"n": 1}}], now=datetime(2026, 1, 1, tzinfo=UTC))
        assert await expressions.resolve("{{ (0, $json.n + 1) }}", scope, [0]) == [2]
    finally:
        await expressions.close()


def test_auto_chooses_bubblewrap() -> None:
    assert bubblewrap.wanted("auto")
