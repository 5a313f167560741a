"""DATA_TRANSFORMATION: parse and render, in every format."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from nodes.errors import PermanentError
from nodes.factory import Catalogue

Run = Callable[..., Awaitable[Any]]
KIND = "ACTION.DATA_TRANSFORMATION"
BIG = 12345678901234567890
LONG = Decimal("0.1234567890123456789")
CSV = "id,name\r\n1,Ann\r\n2,Bob\r\n"
XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
HTML = "<table>\n<thead>\n<tr><th>a</th></tr>\n</thead>\n<tbody>\n<tr><td>&lt;b&gt;</td></tr>\n</tbody>\n</table>"
TABLE = "<table><tr><th>id</th><th>name</th></tr><tr><td>1</td><td>Ann</td></tr></table>"


def parse(format_: str, **others: Any) -> dict[str, Any]:
    return {"operation": "parse", "format": format_, **others}


def render(format_: str, **others: Any) -> dict[str, Any]:
    return {"operation": "render", "format": format_, **others}


@pytest.mark.parametrize(
    ("parameters", "items", "expected"),
    [
        (parse("json"), [{"data": f'{{"a": {BIG}, "b": {LONG}}}'}], [{"a": BIG, "b": LONG}]),
        (
            parse("json"),
            [{"data": "[{}, {}]"}, {"data": "[1]"}, {"data": "null"}],
            [{}, {}, {"data": [1]}, {"data": None}],
        ),
        (
            parse("json", field="x.y", into="x.z"),
            [{"x": {"y": "[1]"}, "k": 1}],
            [{"x": {"y": "[1]", "z": [1]}, "k": 1}],
        ),
        (parse("csv"), [{"data": CSV}], [{"id": "1", "name": "Ann"}, {"id": "2", "name": "Bob"}]),
        (parse("csv", into="rows"), [{"data": "a\n1"}], [{"data": "a\n1", "rows": [{"a": "1"}]}]),
        (parse("xml"), [{"data": "<a><b>1</b></a>"}], [{"a": {"b": "1"}}]),
        (parse("html_table"), [{"data": TABLE}], [{"id": "1", "name": "Ann"}]),
        (
            parse("markdown"),
            [{"data": "# T"}],
            [{"html": "<h1>T</h1>\n", "headings": [{"level": 1, "text": "T"}], "links": [], "code": [], "tables": []}],
        ),
        (render("json"), [{"a": BIG}, {"b": LONG}], [{"data": f'[{{"a":{BIG}}},{{"b":{LONG}}}]'}]),
        (render("json", each_item=True, into="text"), [{"a": 1}, {}], [{"text": '{"a":1}'}, {"text": "{}"}]),
        (render("json", field="a", into="t"), [{"a": {"x": None}, "k": 1}], [{"k": 1, "t": '{"x":null}'}]),
        (render("json", field="a", into="a"), [{"a": [1], "k": 1}], [{"a": "[1]", "k": 1}]),
        (render("json", pretty=True, field="a"), [{"a": [LONG]}], [{"data": f"[\n  {LONG}\n]"}]),
        (render("csv"), [{"id": "1", "name": "Ann"}, {"id": "2", "name": "Bob"}], [{"data": CSV}]),
        (
            render("csv", field="rows"),
            [{"rows": [{"a": 1}]}, {"rows": {"b": 2}}],
            [{"data": "a\r\n1\r\n"}, {"data": "b\r\n2\r\n"}],
        ),
        (
            render("xml"),
            [{"a": 1}, {"a": "<"}],
            [{"data": f"{XML}<items><item><a>1</a></item><item><a>&lt;</a></item></items>"}],
        ),
        (
            render("xml", each_item=True),
            [{"order": {"@id": 1, "x": [1, 2]}}],
            [{"data": f'{XML}<order id="1"><x>1</x><x>2</x></order>'}],
        ),
        (render("markdown"), [{"a": "x|y", "b": None}], [{"data": "| a | b |\n| --- | --- |\n| x\\|y |  |\n"}]),
        (
            render("html_table", columns=["a"]),
            [{"a": "<b>", "c": 1}],
            [{"data": HTML}],
        ),
    ],
)
async def test_converting(emitted: Run, parameters: dict[str, Any], items: Any, expected: Any) -> None:
    assert await emitted(KIND, parameters, items) == {"main": expected}


async def test_a_workbook_goes_there_and_back(emitted: Run) -> None:
    rows = [{"id": 1, "name": "=1+1", "ok": True, "none": None}, {"id": 2.5, "name": "Bob", "ok": False, "none": None}]
    (written,) = (await emitted(KIND, render("xlsx", sheet="Data"), rows))["main"]
    assert await emitted(KIND, parse("xlsx"), [written]) == {"main": rows}
    assert await emitted(KIND, parse("xlsx", sheet="Data"), [written]) == {"main": rows}


@pytest.mark.parametrize(
    ("parameters", "item", "code", "message"),
    [
        (parse("json"), {"data": "{'a': 1}"}, "INVALID_FORMAT", "not JSON"),
        (parse("json"), {"data": '{"a": NaN}'}, "INVALID_FORMAT", "not JSON"),
        (parse("json"), {"data": {"a": 1}}, "INVALID_FORMAT", 'is an object with "a"; parse needs text'),
        (parse("json"), {"body": "{}"}, "MISSING_FIELD", '"field" names the field "data"'),
        (parse("json"), {"data": "[" * 100_000}, "INVALID_FORMAT", "nested deeper|not JSON"),
        (parse("csv"), {"data": 'a\n"open'}, "INVALID_FORMAT", "no CSV: line 2"),
        (parse("xml"), {"data": "<a>"}, "INVALID_FORMAT", "no XML: no element found, line 1, column 4"),
        (parse("html_table", table=1), {"data": TABLE}, "INVALID_FORMAT", "has 1 tables"),
        (parse("html_table"), {"data": ""}, "INVALID_FORMAT", "no HTML"),
        (parse("xlsx"), {"data": "not a workbook"}, "INVALID_FORMAT", "no .xlsx workbook|no base64"),
        (render("csv", field="a"), {"a": [1]}, "INVALID_FORMAT", "a list that holds a number"),
        (render("csv", field="a"), {"a": "x"}, "INVALID_FORMAT", "not a text"),
        (render("xml", field="a"), {"a": {"1x": 1}}, "INVALID_FORMAT", "can't be the name of an XML element"),
        (render("xml", field="a"), {"a": {"x": [1, 2]}}, "INVALID_FORMAT", "can't repeat"),
        (render("json", field="b"), {"a": 1}, "MISSING_FIELD", 'names the field "b"'),
    ],
)
async def test_refusals(execute: Run, parameters: dict[str, Any], item: Any, code: str, message: str) -> None:
    with pytest.raises(PermanentError, match=message) as caught:
        await execute(KIND, parameters, [item])
    assert (caught.value.code, caught.value.item) == (code, 0)


@pytest.mark.parametrize(
    ("parameters", "each"),
    [
        ({"operation": "set"}, True),
        ({"operation": "map"}, True),
        (parse("csv"), True),
        (render("csv"), False),
        (render("csv", field="a"), True),
        (render("csv", each_item=True), True),
        ({"operation": "aggregate"}, False),
        ({"operation": "sort"}, False),
        ({"operation": "limit"}, False),
        ({"operation": "deduplicate"}, False),
        ({"operation": "summarize"}, False),
        ({}, True),
        ({"operation": []}, True),
    ],
)
def test_which_run_per_item(catalogue: Catalogue, make_node: Callable[..., Any], parameters: Any, each: bool) -> None:
    executor = catalogue.find(make_node(KIND, parameters))
    assert executor is not None
    assert executor.runs_per_item(parameters) is each


@pytest.mark.parametrize(
    ("parameters", "code", "field"),
    [
        ({"operation": "parse"}, "MISSING_PARAMETER", "parameters.format"),
        (parse("yaml"), "INVALID_PARAMETER", "parameters.format"),
        (parse("{{ $json.f }}"), "INVALID_PARAMETER", "parameters.format"),
        (parse("csv", delimiter=";;"), "INVALID_PARAMETER", "parameters.delimiter"),
        (parse("json", delimiter=";"), "INVALID_PARAMETER", "parameters"),
        (render("csv", sheet="x"), "INVALID_PARAMETER", "parameters"),
        (render("csv", field="{{ $json.f }}"), "INVALID_PARAMETER", "parameters.field"),
        (render("csv", table=1), "UNKNOWN_PARAMETER", "parameters.table"),
    ],
)
def test_validation(problems: Callable[..., Any], parameters: dict[str, Any], code: str, field: str) -> None:
    assert [(problem.code, problem.field) for problem in problems(KIND, **parameters)] == [(code, field)]


async def test_files_stay(execute: Run) -> None:
    item = {"json": {"data": "1"}, "files": {"f": {}}}
    given = [parse("json", into="x"), parse("json"), render("json", field="data"), render("json", each_item=True)]
    for parameters in given:
        output = await execute(KIND, parameters, [item])
        assert output.ports["main"][0]["files"] == {"f": {}}
