"""What code can do, and what becomes of its results, errors and output."""

import asyncio
import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import psutil
import pytest

from nodes.errors import PermanentError
from nodes.sandbox.errors import CodeError, CodeLimit
from nodes.sandbox.log import MAX_LOG, NOTE
from nodes.sandbox.process import SandboxUnavailable
from nodes.sandbox.sandbox import CodeResult, Language, Sandbox

BOTH: list[Language] = ["python", "javascript"]


def marked() -> bool:
    return Path("/tmp/pwned-marker").exists()


async def run(
    sandbox: Sandbox, language: Language, code: str, variables: dict[str, Any] | None = None, **limits: Any
) -> CodeResult:
    settings = {"timeout": 2.0, "memory_mb": 64} | limits
    return await sandbox.run(language, code, variables or {"items": [{"n": 1}, {"n": 2}]}, **settings)


@pytest.mark.parametrize(
    ("language", "code", "expected"),
    [
        ("python", "return items", [{"n": 1}, {"n": 2}]),
        ("python", "return [{'n': i['n'] * 2} for i in items]", [{"n": 2}, {"n": 4}]),
        ("python", "x = 1", None),
        ("python", "items = items[1:]\nreturn items", [{"n": 2}]),
        ("python", "items[0]", None),
        ("python", "", None),
        ("python", "# only a comment", None),
        ("python", "return (1, 2)", [1, 2]),
        ("python", "    if items:\n        return 'indented'\n", "indented"),
        ("python", "  # first\n\n  x = '''a\n b\n'''\n  return x", "a\n b\n"),
        ("python", "x = '''a\n  b\nc'''\nreturn x", "a\n  b\nc"),
        ("python", "def f(n):\n    return n if n < 2 else f(n-1) + f(n-2)\nreturn f(10)", 55),
        ("python", "n = 0\ndef up():\n    nonlocal n\n    n += 1\nup()\nup()\nreturn n", 2),
        ("python", "n = 0\nt = '''a\nb'''\ndef up():\n    nonlocal n\n    n += 1\nup()\nreturn [n, t]", [1, "a\nb"]),
        ("python", "import asyncio\nasync def f():\n    return 3\nreturn await f()", 3),
        ("python", "import json, re, math, datetime\nreturn [json.loads('[1]'), re.sub('a', 'b', 'a')]", [[1], "b"]),
        ("python", "import sys\nreturn sys.stdout.write('four')", 4),
        ("python", "return 'return 1; sys.stderr.write'", "return 1; sys.stderr.write"),
        ("javascript", "return items", [{"n": 1}, {"n": 2}]),
        ("javascript", "return items.map(i => ({n: i.n * 2}))", [{"n": 2}, {"n": 4}]),
        ("javascript", "const x = 1", None),
        ("javascript", "", None),
        ("javascript", "return 1 // comment", 1),
        ("javascript", "const f = async () => 4; return (await f()) + 1", 5),
        ("javascript", "return Promise.all([1, Promise.resolve(2)])", [1, 2]),
        (
            "javascript",
            "return {d: new Date(0), u: undefined, a: [undefined]}",
            {"d": "1970-01-01T00:00:00.000Z", "a": [None]},
        ),
        ("javascript", "return `a\n  b`", "a\n  b"),
        ("javascript", "return 'é😀\\u0000'", "é😀\0"),
        ("javascript", "Array.prototype.map = 1; Object.prototype.toJSON = () => 2; return 'real'", "real"),
    ],
)
async def test_results(sandbox: Sandbox, language: Language, code: str, expected: Any) -> None:
    assert (await run(sandbox, language, code)).value == expected


@pytest.mark.parametrize("language", BOTH)
async def test_each_item(sandbox: Sandbox, language: Language) -> None:
    code = "return [item, index]"
    found = await run(sandbox, language, code, {"item": {"a": "x"}, "index": 4})
    assert found.value == [{"a": "x"}, 4]


@pytest.mark.parametrize(
    ("language", "code", "line", "message"),
    [
        ("python", "x = 1\nraise ValueError('bad')", 2, "ValueError: bad"),
        ("python", "  x = 1\n  return 1 / 0", 2, "ZeroDivisionError"),
        ("python", "def f():\n    return nope\nf()", 2, "NameError"),
        ("python", "x = 1\nreturn (", 2, "unexpected end"),
        ("python", "n = 1\ndef f():\n    nonlocal n\n    raise KeyError('k')\nf()", 4, "KeyError"),
        ("python", "return {1: 2}", None, "a key must be text"),
        ("python", "return {1, 2}", None, "set isn't a JSON value"),
        ("python", "return float('inf')", None, "inf isn't a JSON number"),
        ("python", "class A:\n    x = 1\nreturn A()", None, "A isn't a JSON value"),
        ("python", "x = []\nx.append(x)\nreturn x", None, "Circular reference"),
        ("python", "return [lambda: 1]", None, "function isn't a JSON value"),
        ("python", "return float('nan')", None, "nan isn't"),
        ("javascript", "const x = 1;\nthrow new Error('bad')", 2, "Error: bad"),
        ("javascript", "\n\nnull.x", 3, "TypeError"),
        ("javascript", "function f() {\n  return nope\n}\nf()", 2, "ReferenceError"),
        ("javascript", "const x = 1;\nreturn (", 2, "SyntaxError"),
        ("javascript", "}); (async () => {", 1, "SyntaxError"),
        ("javascript", "return () => 1", None, "function"),
        ("javascript", "return [NaN]", None, "NaN"),
        ("javascript", "return 1n", None, "BigInt"),
        ("javascript", "throw 'text'", None, "thrown: text"),
        ("javascript", "return new Promise(() => {})", None, "never happens"),
    ],
)
async def test_errors(sandbox: Sandbox, language: Language, code: str, line: int | None, message: str) -> None:
    with pytest.raises(CodeError) as caught:
        await run(sandbox, language, code)
    assert message in caught.value.message
    assert isinstance(caught.value, PermanentError)
    assert not isinstance(caught.value, CodeLimit)
    if line is not None:
        assert caught.value.line == line


@pytest.mark.parametrize(
    ("language", "code", "limit"),
    [
        ("python", "while True: pass", "time"),
        ("python", "while True:\n    try:\n        while True: pass\n    except BaseException: pass", "time"),
        ("python", "x = []\nwhile True: x.append('y' * 1000000)", "memory"),
        ("python", "return 'x' * 10**10", "memory"),
        ("python", "def f(): return f()\nreturn f()", "depth"),
        ("python", "x = []\nfor _ in range(100000): x = [x]\nreturn x", "depth"),
        ("python", "while True: print('A' * 100000)", "output"),
        ("javascript", "while (true);", "time"),
        ("javascript", "const f = () => { Promise.resolve().then(f) }; f(); return new Promise(() => {})", "time"),
        ("javascript", "return new Proxy({}, {ownKeys() { while (true); }})", "time"),
        ("javascript", "const x = []; for (;;) x.push('y'.repeat(1e6) + x.length)", "memory"),
        ("javascript", "const f = () => f() + 1; return f()", "depth"),
        ("javascript", "let x = []; for (let i = 0; i < 600; i++) x = [x]; return x", "depth"),
        ("javascript", "for (;;) console.log('A'.repeat(100000))", "output"),
    ],
)
async def test_limits(sandbox: Sandbox, language: Language, code: str, limit: str) -> None:
    with pytest.raises(CodeLimit) as caught:
        await run(sandbox, language, code, timeout=0.7 if limit == "time" else 20.0)
    assert caught.value.limit == limit
    assert caught.value.code == "CODE_LIMIT"
    assert (await run(sandbox, language, "return 7")).value == 7


async def test_a_result_has_a_size(sandbox: Sandbox) -> None:
    small = Sandbox(processes=1, max_result=1000)
    try:
        for language, code in (("python", "return 'x' * 2000"), ("javascript", "return 'x'.repeat(2000)")):
            with pytest.raises(CodeLimit, match="larger than 1000") as caught:
                await run(small, language, code)  # type: ignore[arg-type]
            assert caught.value.limit == "output"
    finally:
        await small.close()


@pytest.mark.parametrize(
    ("language", "code", "log"),
    [
        ("python", "print('a', 1)\nprint('b', end='')\nreturn 1", "a 1\nb"),
        ("python", "import sys\nsys.stderr.write('x\\n')\nprint('y', file=sys.stderr)", "x\ny\n"),
        (
            "javascript",
            "console.log('a', 1, {b: [2]}, null); console.error(new Error('c'))",
            'a 1 {"b":[2]} null\nError: c\n',
        ),
    ],
)
async def test_the_log(sandbox: Sandbox, language: Language, code: str, log: str) -> None:
    assert (await run(sandbox, language, code)).log == log


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("python", "for _ in range(100): print('A' * 1000)"),
        ("javascript", "for (let i = 0; i < 100; i++) console.log('A'.repeat(1000))"),
    ],
)
async def test_a_long_log_is_cut(sandbox: Sandbox, language: Language, code: str) -> None:
    log = (await run(sandbox, language, code)).log
    assert len(log) == MAX_LOG + len(NOTE)
    assert log.endswith(NOTE)


@pytest.mark.parametrize(
    ("language", "code"), [("python", "print('before')\n1 / 0"), ("javascript", "console.log('before'); null.x")]
)
async def test_an_error_carries_the_log(sandbox: Sandbox, language: Language, code: str) -> None:
    with pytest.raises(CodeError) as caught:
        await run(sandbox, language, code)
    assert caught.value.log == "before\n"


@pytest.mark.parametrize("language", BOTH)
async def test_numbers_that_pass_through_keep_their_digits(sandbox: Sandbox, language: Language) -> None:
    items = [{"id": 12345678901234567890, "price": Decimal("0.1234567890123456789"), "x": 1.5, "n": 7, "p": 2**60}]
    assert (await run(sandbox, language, "return items", {"items": items})).value == items


async def test_javascript_does_not_guess_between_two_numbers(sandbox: Sandbox) -> None:
    items = [{"id": 12345678901234567890}, {"id": 12345678901234567891}]
    found = await run(sandbox, "javascript", "return items", {"items": items})
    assert [item["id"] for item in found.value] == [12345678901234567000] * 2


@pytest.mark.parametrize(
    ("language", "code", "message"),
    [
        ("python", "return items", None),
        ("python", "while True: pass", None),
        ("python", "x = (\ny", "line 2"),
        ("python", "def f(x=open('/tmp/pwned-marker', 'w')): pass", None),
        ("python", "return '\0'", "NUL"),
        ("python", "return '\ud800'", "surrogate"),
        ("python", "#" * 2_000_000, "longer than"),
        ("javascript", "return await items", None),
        ("javascript", "while (true);", None),
        ("javascript", "return 1 /*", "line 1"),
        ("javascript", "const x = 1;\nreturn ((x)", "line 2"),
        ("javascript", "}); while (true); (async () => {", "SyntaxError"),
        ("javascript", "} while (true); function f() {", "SyntaxError"),
        ("javascript", "}, while(){", "SyntaxError"),
        ("javascript", "}(1), function () {", "SyntaxError"),
        ("javascript", "return " + "(" * 100_000, "nested"),
    ],
)
async def test_check_never_runs(sandbox: Sandbox, language: Language, code: str, message: str | None) -> None:
    async with asyncio.timeout(5):
        problem = await sandbox.check(language, code, ["items"])
    if message is None:
        assert problem is None
    else:
        assert problem is not None
        assert message in problem
    assert not marked()


async def test_jobs_run_side_by_side(sandbox: Sandbox) -> None:
    jobs = [
        run(sandbox, language, "return items", {"items": [{"n": n}]}, timeout=5.0)
        for n in range(10)
        for language in BOTH
    ]
    found = await asyncio.gather(*jobs)
    assert [result.value[0]["n"] for result in found] == [n for n in range(10) for _ in BOTH]


@pytest.mark.parametrize("language", BOTH)
async def test_a_killed_process_is_replaced(language: Language) -> None:
    sandbox = Sandbox(processes=1)
    try:
        assert (await run(sandbox, language, "return 1")).value == 1
        (pid,) = sandbox._pools[language].pids
        os.kill(pid, signal.SIGKILL)
        psutil.wait_procs([psutil.Process(pid)], timeout=5)
        assert (await run(sandbox, language, "return 2")).value == 2
        call = asyncio.create_task(
            run(sandbox, language, "while (true);" if language == "javascript" else "while True: pass", timeout=20)
        )
        await asyncio.sleep(0.3)
        (pid,) = sandbox._pools[language].pids
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(CodeLimit, match="SIGKILL"):
            await call
        assert (await run(sandbox, language, "return 3")).value == 3
    finally:
        await sandbox.close()


@pytest.mark.parametrize("language", BOTH)
async def test_a_cancelled_job_is_killed(language: Language) -> None:
    sandbox = Sandbox(processes=1)
    try:
        await run(sandbox, language, "return 1")
        (pid,) = sandbox._pools[language].pids
        process = psutil.Process(pid)
        code = "while (true);" if language == "javascript" else "while True: pass"
        call = asyncio.create_task(run(sandbox, language, code, timeout=20))
        await asyncio.sleep(0.2)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        gone, _ = psutil.wait_procs([process], timeout=5)
        assert gone
        assert (await run(sandbox, language, "return 3")).value == 3
    finally:
        await sandbox.close()


async def test_a_closed_sandbox_says_so() -> None:
    sandbox = Sandbox()
    await sandbox.close()
    with pytest.raises(SandboxUnavailable):
        await run(sandbox, "python", "return 1")


async def test_a_wrong_input_is_an_error(sandbox: Sandbox) -> None:
    with pytest.raises(CodeError, match="isn't JSON"):
        await run(sandbox, "python", "return 1", {"items": [{"x": float("nan")}]})
    with pytest.raises(ValueError, match="variable"):
        await run(sandbox, "python", "return 1", {"x; y": 1})


ORPHANS = """
import asyncio
from nodes.sandbox.sandbox import Sandbox
async def main():
    sandbox = Sandbox(processes=1, isolation="process")
    await sandbox.start()
    jobs = [("python", "while True: pass"), ("javascript", "while (true);")]
    calls = [sandbox.run(language, code, {"items": []}, timeout=60, memory_mb=64) for language, code in jobs]
    work = asyncio.gather(*calls)
    await asyncio.sleep(0.5)
    print("busy", flush=True)
    await work
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a busy process ends with its time limit only")
def test_no_process_outlives_ours() -> None:
    process = subprocess.Popen([sys.executable, "-c", ORPHANS], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "busy\n"
    started = psutil.Process(process.pid).children(recursive=True)
    assert len(started) >= 3
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(started, timeout=5)
    assert [child for child in alive if child.status() != psutil.STATUS_ZOMBIE] == []
