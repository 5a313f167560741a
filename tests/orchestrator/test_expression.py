"""Splitting texts into expressions."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.expression import MAX_EXPRESSION, Path, TemplateError, parse, walk


def sources(text: str) -> list[str]:
    return [expression.source.strip() for expression in parse(text).expressions]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", []),
        ("a }} b { c", []),
        ("{{ $json.a }} and {{ $json.b }}", ["$json.a", "$json.b"]),
        ("{{ {a:{b:1}} }}", ["{a:{b:1}}"]),
        ("{{{a:1}}}", ["{a:1}"]),
        ("{{ '}}' }}", ["'}}'"]),
        ('{{ "}}\\"}}" }}', ['"}}\\"}}"']),
        ("{{ `}}${ {x: `}}`}.x }}}` }}", ["`}}${ {x: `}}`}.x }}}`"]),
        ("{{ /}}/.test(x) }}", ["/}}/.test(x)"]),
        ("{{ /[/}}]/.test(x) }}", ["/[/}}]/.test(x)"]),
        ("{{ a / 2 }} / {{ b }}", ["a / 2", "b"]),
        ("{{ (a) / 2 / 1 }}", ["(a) / 2 / 1"]),
        ("{{ 1 /* }} */ + 1 }}", ["1 /* }} */ + 1"]),
        ("{{ 1 // }}\n + 1 }}", ["1 // }}\n + 1"]),
        ("{{ x => { return {a: 1} } }}", ["x => { return {a: 1} }"]),
        ("{{ '😀' }}", ["'😀'"]),
    ],
)
def test_splits_like_javascript(text: str, expected: list[str]) -> None:
    assert sources(text) == expected
    whole = "".join(part if isinstance(part, str) else f"{{{{{part.source}}}}}" for part in parse(text).parts)
    assert whole == text


@pytest.mark.parametrize(
    ("text", "message", "offset"),
    [
        ("{{ }}", "empty", 2),
        ("x {{ /* */ }}", "empty", 4),
        ("{{ $json.a", "isn't closed", 2),
        ("{{ $json.name /* */ // }}", "isn't closed", 2),
        ("{{ 'a }}", "string ' isn't closed", 3),
        ("{{ `a }}", "template literal", 3),
        ("{{ /* }}", "comment", 3),
        ("{{ f( }}", "( isn't closed", 4),
        ("{{ 1) + (2 }}", "no opening bracket", 4),
        ("{{ [1,2}} ]}}", "[ isn't closed", 3),
        ("{{ $(name) }}", "literally", 3),
        ("{{ $('a' + 'b') }}", "literally", 3),
        ("{{ [$].map(f => f('X')) }}", "literally", 4),
        ("{{ $node[$json.x] }}", "literally", 3),
    ],
)
def test_says_where_a_text_cannot_be_read(text: str, message: str, offset: int) -> None:
    with pytest.raises(TemplateError) as caught:
        parse(text)
    assert message in caught.value.message
    assert caught.value.offset == offset
    assert not caught.value.limit


@pytest.mark.parametrize(
    ("text", "single"),
    [("{{ 1 }}", True), ("  {{ 1 }}\n", True), ("a{{ 1 }}", False), ("{{ 1 }}{{ 2 }}", False), ("a", False)],
)
def test_knows_a_single_expression(text: str, single: bool) -> None:
    assert (parse(text).single is not None) == single


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("$json", Path("$input", "", "item", ("json",))),
        ('$json.a["b c"][0]', Path("$input", "", "item", ("json", "a", "b c", 0))),
        ("$json?.a?.['b']", Path("$input", "", "item", ("json", "a", "b"))),
        ("$json.\\u0061", Path("$input", "", "item", ("json", "a"))),
        ("$input.first().json.x", Path("$input", "", "first", ("json", "x"))),
        ("$input.item.json.x", Path("$input", "", "item", ("json", "x"))),
        ("$input.all()", Path("$input", "", "all", ())),
        ("$('N').first().json.x", Path("$", "N", "first", ("json", "x"))),
        ("$('N').item.json.x", Path("$", "N", "item", ("json", "x"))),
        ('$node["N"].json.x', Path("$", "N", "item", ("json", "x"))),
        ("$node.N.json", Path("$", "N", "item", ("json",))),
        ("$trigger.x", Path("$trigger", "", "", ("x",))),
        ("$execution.id", Path("$execution", "", "", ("id",))),
        ("$itemIndex", Path("$itemIndex", "", "", ())),
        ("$json.a + 1", None),
        ("$json.a()", None),
        ("$json[1.5]", None),
        ("$json[-1]", None),
        ("$json[key]", None),
        ("$('N').first('true').json", None),
        ("$input.first", None),
        ("$now.year", None),
        ("(($json))", None),
    ],
)
def test_knows_plain_paths(source: str, expected: Path | None) -> None:
    (expression,) = parse("{{ " + source + " }}").expressions
    assert expression.path == expected


def test_lists_the_nodes_it_names_in_order() -> None:
    first = """$node.B.json.x + $("A\\x41").first().json.y + $node['B'].json.z"""
    text = "{{ " + first + """ + $("\\ud83d\\ude00").all() + a.$('no') }}"""
    (expression,) = parse(text).expressions
    assert expression.nodes == ("B", "AA", "😀")


@pytest.mark.parametrize(
    ("source", "per_item", "uses_all"),
    [
        ("$json.a + 1", True, False),
        ("$itemIndex + 1", True, False),
        ("$input.all().length", False, True),
        ("$input.first().json.a + 1", False, False),
        ("$input['item'].json.a + 1", True, False),
        ("(i => i.item)($input)", True, True),
        ("$('N').all().length", False, False),
        ("$('N').item.json.a + 1", True, False),
        ("$vars.a + 1", False, False),
    ],
)
def test_knows_what_depends_on_the_item(source: str, per_item: bool, uses_all: bool) -> None:
    (expression,) = parse("{{ " + source + " }}").expressions
    assert expression.per_item == per_item
    assert expression.uses_input_all == uses_all


@pytest.mark.parametrize(
    ("source", "may_change"),
    [
        ("$json.a === 1 && $json.b >= 2 || $json.c != 3", False),
        ("$json.items.map(x => x + 1)", False),
        ("$json.a / 2 <= 3", False),
        ("(x = 1)", True),
        ("x.y += 1", True),
        ("x.y >>>= 1", True),
        ("x.y /= 1", True),
        ("x.y ||= 1", True),
        ("x.y++", True),
        ("Object.keys($json)", True),
        ("delete x.y", True),
    ],
)
def test_knows_what_may_change_an_object(source: str, may_change: bool) -> None:
    (expression,) = parse("{{ " + source + " }}").expressions
    assert expression.may_change == may_change


@pytest.mark.parametrize(
    "text",
    [
        "{{ " + "(" * 1_000_000,
        '{{ "' + "\\" * 1_000_000,
        "{{ '" + "A" * 5_000_000 + "' }}",
        "{{" * 1_000_000,
        "{{ /" + "[" * 60_000,
        "{{ `" + "${" * 30_000,
        "{{ a }}" * 100_000,
    ],
    ids=lambda text: text[:8],
)
def test_hostile_texts_end_soon(text: str) -> None:
    start = time.perf_counter()
    with pytest.raises(TemplateError):
        parse(text)
    assert time.perf_counter() - start < 3


def test_an_oversize_expression_is_a_limit() -> None:
    with pytest.raises(TemplateError) as caught:
        parse("{{ '" + "A" * MAX_EXPRESSION + "' }}")
    assert caught.value.limit
    assert len(parse("x" * 10 * MAX_EXPRESSION).parts) == 1


def test_walk_gives_paths_and_never_keys() -> None:
    tree = {"a": {"b": ["{{1}}", {"c d": "x {{2}}"}]}, "n": 1, "{{k}}": "v", "plain": "{ }"}
    assert list(walk(tree)) == [("a.b[0]", "{{1}}"), ('a.b[1]["c d"]', "x {{2}}")]


@given(st.text("{}()[]'\"`$/\\*a1 \n.=", max_size=60))
def test_any_text_is_split_or_refused(text: str) -> None:
    assert rejoined(text) in (text, "refused")


def rejoined(text: str) -> str:
    try:
        template = parse(text)
    except TemplateError as error:
        return "refused" if 0 <= error.offset <= len(text) else f"refused beyond its end: {error.offset}"
    return "".join(part if isinstance(part, str) else f"{{{{{part.source}}}}}" for part in template.parts)
