"""Whatever stands between {{ and }} gives a JSON value or a typed error, and the next expression still works."""

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from nodes.errors import NodeError
from nodes.expression.expressions import Expressions
from nodes.expression.scope import Scope
from orchestrator import expression
from tests.fuzz.mutation import fuzzed

PIECES = [
    "$json", ".a", "['a']", "[0]", "$input", ".all()", ".first()", "$('A')", '$node["A"]', "$now", "$today",
    "$vars", "$trigger", "$itemIndex", "(", ")", "[", "]", "{", "}", "{{", "}}", "`", "${", "'", '"', "\\", "/",
    "//", "/*", "*/", "\n", " ", "+", "-", "*", "%", "**", "=>", "=", "==", "===", "!", "?", "?.", "??", ":", ";",
    ",", "...", "1", "0n", "1e999", "NaN", "undefined", "null", "true", "this", "constructor", "__proto__",
    "prototype", "Function", "eval", "globalThis", "process", "require", "import", "new", "delete", "typeof",
    "async", "await", "yield", "function", "class", "while(1)", "for(;;)", "throw 1", "Array(9).join('x')",
    "Symbol.iterator", "Proxy", "Reflect", "Date", "Math.random()", "JSON", "\u2028", "\x00", "🙂", "'x'.repeat(9)",
]  # fmt: skip
TEMPLATES = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
SCOPE_ITEMS: list[Any] = [{"json": {"a": 1, "b": "x"}}]


@fuzzed
@given(st.one_of(TEMPLATES, st.text(max_size=60)))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        template = expression.parse(text)
    except expression.TemplateError:
        assert "{{" in text
        return
    if "{{" not in text:
        assert template.expressions == ()


async def test_any_expression_gives_a_value_or_a_typed_error() -> None:
    found: list[str] = []

    @fuzzed
    @given(TEMPLATES)
    def collect(source: str) -> None:
        found.append("{{ " + source + " }}")

    collect()
    expressions = Expressions(processes=1)
    await expressions.start()
    try:
        for text in found:
            await _resolved(expressions, text)
        assert await _resolved(expressions, "{{ $json.a + 1 }}") == 2
    finally:
        await expressions.close()


async def _resolved(expressions: Expressions, text: str) -> Any:
    scope = Scope(items=SCOPE_ITEMS, now=datetime(2026, 1, 1, tzinfo=UTC))
    try:
        (value,) = await expressions.resolve(text, scope, [0])
    except NodeError as error:
        value = error
    if isinstance(value, NodeError):
        assert value.code, text
        assert value.message, text
        return None
    json.dumps(value, allow_nan=False)
    return value
