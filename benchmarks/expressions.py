"""Measures what resolving expressions and running code costs, apart from any workflow."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from nodes.expression.expressions import Expressions
from nodes.expression.scope import Scope
from nodes.sandbox.sandbox import Sandbox

NOTES = """\
A fresh JavaScript context for every call, hardened before its first expression. The engine's binding offers no
bytecode to keep, so each call compiles its expressions anew (a few microseconds each); what is kept ready instead is
the next context (0.3 ms bare, about 1 ms hardened), which a worker prepares between calls. Freezing every built-in
deeply would cost 2 ms more, and is done only for expressions that could assign to one. Plain paths never leave Python.
"""


async def main() -> None:
    """Print the table."""
    print(NOTES)
    expressions, sandbox = Expressions(), Sandbox()
    started = time.perf_counter()
    await expressions.start()
    print(f"{'start of an expression process':60}{_ms(time.perf_counter() - started)}")
    started = time.perf_counter()
    await sandbox.start()
    print(f"{'start of a Python and a JavaScript process':60}{_ms(time.perf_counter() - started)}")
    try:
        await _measure_expressions(expressions)
        await _measure_code(sandbox)
    finally:
        await expressions.close()
        await sandbox.close()


async def _measure_expressions(expressions: Expressions) -> None:
    fields = {"name": "Ann", "user": {"age": 30}, "tags": ["a", "b"]}
    for text in ("{{ $json.user.age }}", "Hi {{ $json.name }}", "{{ $json.user.age >= 18 && $json.tags.length > 0 }}"):
        for count in (1, 100, 1000):
            scope = Scope(items=[{"json": fields} for _ in range(count)], now=datetime.now(UTC))

            async def resolve(text: str = text, scope: Scope = scope, count: int = count) -> Any:
                return await expressions.resolve({"field": text}, scope, range(count))

            await _report(f"{text} for {count}", resolve, 30 if count < 1000 else 5)


async def _measure_code(sandbox: Sandbox) -> None:
    for language, code in (("python", "return items"), ("javascript", "return items")):
        for count in (1, 1000):
            items = [{"id": number, "name": "Ann", "tags": ["a", "b"]} for number in range(count)]

            async def run(language: Any = language, code: str = code, items: Any = items) -> Any:
                return await sandbox.run(language, code, {"items": items}, timeout=10, memory_mb=128)

            await _report(f"{language}: {code}, {count} items", run, 20)


async def _report(name: str, call: Callable[[], Awaitable[Any]], times: int) -> None:
    await call()
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        await call()
        taken.append(time.perf_counter() - started)
    print(f"{name:60}{_ms(statistics.median(taken))}")


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:9.2f} ms"


if __name__ == "__main__":
    asyncio.run(main())
