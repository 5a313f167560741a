"""What the kernel keeps the processes for expressions and code from, should an engine have a hole."""

import re
import sys
from pathlib import Path

import pytest

from nodes.expression.expressions import Expressions
from nodes.expression.scope import Scope
from tests.nodes.conftest import NOW

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the limits are read from /proc")


def limits(pid: int) -> dict[str, str]:
    text = Path(f"/proc/{pid}/limits").read_text()
    return dict(re.findall(r"^Max (.+?) {2,}(\S+)", text, re.MULTILINE))


async def test_an_expression_process_is_limited() -> None:
    # With bubblewrap the process that we know is bwrap itself, which must start the other.
    expressions = Expressions(processes=1, isolation="process")
    try:
        scope = Scope(items=[{"json": {"a": [1, 2]}}], now=NOW)
        text = "{{ $json.a.map((n) => n * 2).length }}"
        assert await expressions.resolve({"x": text}, scope, [0]) == [{"x": 2}]
        (pid,) = expressions._pool.pids
        found = limits(pid)
    finally:
        await expressions.close()
    assert found["processes"] == "0"
    assert found["file size"] == "0"
    assert found["core file size"] == "0"
    assert int(found["cpu time"]) < 60
    assert int(found["address space"]) <= 2 << 30
    assert int(found["open files"]) <= 16
