"""`$fromAI`: what a node leaves to a model, and how what the model says gets into the parameters."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from nodes.ai_agent.from_ai import FromAiError, arguments_of, asks, schema_of
from nodes.expression.errors import ExpressionError
from nodes.expression.expressions import Expressions
from nodes.expression.scope import Scope
from tests.nodes.ai_agent.stage import NOW, node_of


def schema(*texts: str) -> dict[str, Any]:
    parameters = {f"p{place}": text for place, text in enumerate(texts)}
    return schema_of(arguments_of(node_of("ACTION.HTTP_REQUEST", parameters)))


@pytest.mark.parametrize(
    ("text", "properties", "required"),
    [
        ("{{ $fromAI('city') }}", {"city": {"type": "string"}}, ["city"]),
        (
            "{{ $fromAI('city', 'Where') }}",
            {"city": {"type": "string", "description": "Where"}},
            ["city"],
        ),
        ('{{ $fromAI("n", "", "number") }}', {"n": {"type": "number"}}, ["n"]),
        ("{{ $fromAI('n', 'd', 'number', -5) }}", {"n": {"type": "number", "description": "d", "default": -5}}, []),
        ("{{ $fromAI('n', '', 'number', 0.5) }}", {"n": {"type": "number", "default": 0.5}}, []),
        ("{{ $fromAI('b', '', 'boolean', true) }}", {"b": {"type": "boolean", "default": True}}, []),
        ("{{ $fromAI('s', '', 'string', 'a,b(') }}", {"s": {"type": "string", "default": "a,b("}}, []),
        ("{{ $fromAI('s', '', 'string', null) }}", {"s": {"type": "string"}}, []),
        ("{{ $fromAI('o', '', 'json', {a: [1, f(2)]}) }}", {"o": {}}, []),
        ("{{ $fromAI('d', '', 'date', $now.toISO()) }}", {"d": {"type": "string", "format": "date"}}, []),
        ("{{ /*n8n-auto-generated*/ $fromAI(`a`, ``, 'string') }}", {"a": {"type": "string"}}, ["a"]),
        ("a {{ $fromAI('x') }} b {{ [$fromAI('y')].map(v => v + $fromAI('x')) }}",
         {"x": {"type": "string"}, "y": {"type": "string"}}, ["x", "y"]),
        ("{{ 'not $fromAI(1)' }}", {}, []),
        ("plain", {}, []),
    ],
)  # fmt: skip
def test_the_schema_of_what_is_asked(text: str, properties: Any, required: list[str]) -> None:
    assert schema(text) == {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def test_the_same_argument_in_two_places() -> None:
    found = schema("{{ $fromAI('a', '', 'number', 1) }}", "{{ $fromAI('a', 'Told here', 'number') }}")
    assert found["properties"] == {"a": {"type": "number", "description": "Told here"}}
    assert found["required"] == ["a"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ $fromAI() }}", "needs a name of letters"),
        ("{{ $fromAI('a b') }}", "needs a name of letters, digits, _ and - first, at most 64, not 'a b'"),
        ("{{ $fromAI($json.name) }}", "must be written out as texts"),
        ("{{ $fromAI('a', $json.d) }}", "must be written out as texts"),
        ("{{ $fromAI('a', '', 'text') }}", "has the type 'text'; there are string, number"),
        ("{{ $fromAI.x }}", "must be called"),
        ("{{ $fromAI }}", "must be called"),
        ("{{ $fromAI('a') + $fromAI('a', '', 'number') }}", "of the type number here and string elsewhere"),
    ],
)
def test_calls_that_cant_be_read(text: str, said: str) -> None:
    with pytest.raises(FromAiError, match=said) as caught:
        schema(text)
    assert caught.value.parameter == "p0"


def test_code_asks_no_model() -> None:
    node = node_of("ACTION.RUN_CODE", {"code": "return '{{ $fromAI(1) }}'"})
    assert arguments_of(node, frozenset({"code"})) == {}
    assert not asks(node, frozenset({"code"}))


@pytest.fixture(scope="module")
async def expressions() -> AsyncIterator[Expressions]:
    engine = Expressions(processes=1, isolation="process")
    yield engine
    await engine.close()


async def resolved(expressions: Expressions, text: str, arguments: dict[str, Any] | None) -> Any:
    scope = Scope(items=[{"json": {"k": 1}}], now=NOW, arguments=arguments)
    (value,) = await expressions.resolve({"p": text}, scope, [0])
    return value if isinstance(value, ExpressionError) else value["p"]


HOSTILE = [
    "{{ 1 + 1 }}",
    "${1 + 1} `",
    "'); throw new Error('x'); ('",
    "\\u0027 + 1",
    "</script>\u2028\u2029",
    "$('N').first()",
    "\U0001f600 \\",
]


@pytest.mark.parametrize("hostile", HOSTILE)
async def test_what_a_model_says_is_data(expressions: Expressions, hostile: str) -> None:
    arguments = {"a": hostile, "o": {hostile: [hostile]}}
    assert await resolved(expressions, "{{ $fromAI('a') }}", arguments) == hostile
    assert await resolved(expressions, "x {{ $fromAI('a') }} y", arguments) == f"x {hostile} y"
    assert await resolved(expressions, "{{ $fromAI('o', '', 'json') }}", arguments) == {hostile: [hostile]}


@pytest.mark.parametrize(
    ("text", "arguments", "value"),
    [
        ("{{ $fromAI('n', '', 'number') }}", {"n": 12345678901234567890}, 12345678901234567890),
        ("{{ $fromAI('n', '', 'number', 7) }}", {}, 7),
        ("{{ $fromAI('n', '', 'number', 7) }}", None, 7),
        ("{{ $fromAI('n', '', 'number', 7) }}", {"n": None}, None),
        ("{{ $fromAI('n', '', 'number', $json.k) }}", {}, 1),
        ("{{ $fromAI('__proto__', '', 'string', 'd') }}", {"a": 1}, "d"),
        ("{{ $fromAI('constructor', '', 'string', 'd') }}", {"a": 1}, "d"),
        ("{{ $fromAI('__proto__') }}", {"__proto__": "own"}, "own"),
    ],
)
async def test_what_it_gives(expressions: Expressions, text: str, arguments: Any, value: Any) -> None:
    assert await resolved(expressions, text, arguments) == value


@pytest.mark.parametrize(
    ("text", "arguments", "said"),
    [
        ("{{ $fromAI('city') }}", None, "no model has called this node, and it has no default"),
        ("{{ $fromAI('city') }}", {}, "the model has left it out, and it has no default"),
        ("{{ $fromAI() }}", {}, "needs the argument's name"),
    ],
)
async def test_no_value(expressions: Expressions, text: str, arguments: Any, said: str) -> None:
    found = await resolved(expressions, text, arguments)
    assert isinstance(found, ExpressionError)
    assert said in found.message


async def test_what_one_expression_does_to_it_no_other_sees(expressions: Expressions) -> None:
    texts = ["{{ ($fromAI.secret = 1, $fromAI('o', '', 'json').x = 5) }}", "{{ $fromAI.secret ?? $fromAI('o') }}"]
    scope = Scope(items=[{"json": {}}], now=NOW, arguments={"o": {"x": 1}})
    (found,) = await expressions.resolve(texts, scope, [0])
    assert found == [5, {"x": 1}]


async def test_its_syntax_is_known(expressions: Expressions) -> None:
    good, bad = await expressions.check(["$fromAI('a', 'b').trim()", "$fromAI('a'"])
    assert good is None
    assert bad
    assert "SyntaxError" in bad
