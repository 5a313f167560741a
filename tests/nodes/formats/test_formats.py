"""Formats: what they read, what they write, what they refuse."""

import base64
import io
import zipfile
from datetime import datetime
from decimal import Decimal
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.formats import csv_, html_table, markdown, table, xlsx, xml
from nodes.formats.failure import FormatError

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=8)


def workbook(*rows: Any) -> bytes:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    for row in rows:
        page.append(row)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("\ufeffa,b\n1,2\n", {}, [{"a": "1", "b": "2"}]),
        ('a\n"x, ""y""\nz"\n', {}, [{"a": 'x, "y"\nz'}]),
        ("a;b\n1;2", {"delimiter": ";"}, [{"a": "1", "b": "2"}]),
        ("1,2\n", {"header": False}, [{"column_1": "1", "column_2": "2"}]),
        ("1,2\n", {"header": False, "columns": ["x", "y"]}, [{"x": "1", "y": "2"}]),
        ("a,b\n1,2\n", {"columns": ["x", "y"]}, [{"x": "1", "y": "2"}]),
        ("a,a,\n1,2,3\n", {}, [{"a": "1", "a_2": "2", "column_3": "3"}]),
        ("a,b\n1\n1,2,3\n\n", {}, [{"a": "1", "b": None}, {"a": "1", "b": "2", "column_3": "3"}]),
        (
            "n,t,b,e,z\n12345678901234567890,x,TRUE,,007\n",
            {"convert": True},
            [{"n": 12345678901234567890, "t": "x", "b": True, "e": None, "z": "007"}],
        ),
        ("", {}, []),
        ("a,b\n", {}, []),
    ],
)
def test_csv_reads(text: str, options: dict[str, Any], expected: Any) -> None:
    given_ = {"delimiter": ",", "columns": None, "header": True, "convert": False, **options}
    assert csv_.read(text, **given_) == expected


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@x", "'@x"),
        ("\t=1", "'\t=1"),
        ("a=1", "a=1"),
        (-1, "-1"),
        (None, '""'),
        (True, "true"),
        ([1, 2], '"[1,2]"'),
        (Decimal("0.1234567890123456789"), "0.1234567890123456789"),
        ('a"b', '"a""b"'),
    ],
)
def test_csv_writes_cells_that_no_spreadsheet_runs(value: Any, cell: str) -> None:
    assert csv_.write([{"a": value}], ",", None, True, True) == f"a\r\n{cell}\r\n"


def test_csv_may_leave_formulas_alone() -> None:
    assert csv_.write([{"=a": "=1"}], ",", None, False, False) == "=1\r\n"
    assert csv_.write([{"=a": "=1"}], ",", None, True, True) == "'=a\r\n'=1\r\n"


def test_csv_columns_choose_and_order() -> None:
    rows = [{"a": 1}, {"b": 2, "a": 3}]
    assert csv_.write(rows, ",", None, True, True) == "a,b\r\n1,\r\n3,2\r\n"
    assert csv_.write(rows, ",", ["b", "x"], True, True) == "b,x\r\n,\r\n2,\r\n"


@given(st.lists(st.fixed_dictionaries({"a": WORDS, "b": WORDS}), min_size=1))
def test_csv_there_and_back(rows: list[dict[str, Any]]) -> None:
    text = csv_.write(rows, ",", None, True, False)
    assert csv_.read(text, ",", None, True, False) == rows


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<a/>", {"a": None}),
        ("<a> x </a>", {"a": "x"}),
        ('<a id="1">x<b/>y</a>', {"a": {"@id": "1", "b": None, "#text": "xy"}}),
        ("<a><b>1</b><b>2</b><b/></a>", {"a": {"b": ["1", "2", None]}}),
        (
            '<?xml version="1.0" encoding="latin-1"?><s:a xmlns:s="u">é&amp;&#65;</s:a>',
            {"s:a": {"@xmlns:s": "u", "#text": "é&A"}},
        ),
        ("\ufeff\n<a><![CDATA[<x>]]><!-- no --></a>", {"a": "<x>"}),
    ],
)
def test_xml_reads(text: str, expected: Any) -> None:
    assert xml.read(text) == expected


BOMB = f'<!DOCTYPE a [<!ENTITY x "{"z" * 1000}"><!ENTITY y "&x;&x;&x;">]><a>&y;</a>'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "declares a document type"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "declares a document type"),
        ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "declares a document type"),
        ("<a>&x;</a>", "undefined entity"),
        ("<a>" * 300 + "</a>" * 300, "nested deeper than 200"),
        ("<a></b>", "mismatched tag, line 1"),
        ("", "no element found"),
        ("<a/><b/>", "junk after document element"),
        ("<a>\ud800</a>", "no XML"),
    ],
)
def test_xml_refuses(text: str, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        xml.read(text)


def test_xml_has_a_size_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml, "LARGEST", 10)
    with pytest.raises(FormatError, match="larger than"):
        xml.read("<a>0123456789</a>")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "one root element, but there are 0"),
        ({"a": 1, "b": 2}, "one root element, but there are 2"),
        ({"a b": 1}, "name of an XML element"),
        ({"a": {"@x y": 1}}, "name of an XML attribute"),
        ({"a": {"@x": '"\x00'}}, r"U\+0000 can't be written"),
        ({"a": {"b": [[1]]}}, "a list in a list"),
    ],
)
def test_xml_cant_write(value: Any, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        xml.write(value)


NAMES = st.from_regex(r"[a-z]{1,3}", fullmatch=True)
TEXTS = WORDS.map(str.strip).filter(bool)
TREES = st.recursive(
    st.none() | TEXTS,
    lambda children: st.dictionaries(
        NAMES, children | st.lists(children, min_size=2, max_size=3), min_size=1, max_size=3
    ),
    max_leaves=8,
)


@given(NAMES, TREES)
def test_xml_there_and_back(root: str, tree: Any) -> None:
    assert xml.read(xml.write({root: tree})) == {root: tree}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("<tr><th>a<th>b<tr><td>1<td>2", [{"a": "1", "b": "2"}]),
        ("<thead><tr><th>a</th></tr></thead><tbody><tr><td> x\n y <br>z &amp; </td></tr></tbody>", [{"a": "x y\nz &"}]),
        (
            "<tr><td>a</td><td>b</td><td>c</td></tr>"
            "<tr><td rowspan=2>1</td><td colspan=2>2</td></tr><tr><td>3</td><td>4</td></tr>",
            [{"a": "1", "b": "2", "c": "2"}, {"a": "1", "b": "3", "c": "4"}],
        ),
        ("<tr><td>a</td></tr><tr><td><table><tr><td>in</td></tr></table></td></tr>", [{"a": "in"}]),
        ("<tr><td colspan=x rowspan=-1>a</td></tr><tr><td>1</td></tr>", [{"a": "1"}]),
        ("", []),
    ],
)
def test_html_table_reads(rows: str, expected: Any) -> None:
    page = f"<p>before</p><table>{rows}</table>"
    assert html_table.read(page, 0, None, True) == expected


def test_html_table_there_and_back() -> None:
    rows = [{"a": "<script>", "b": "1"}, {"a": "&amp;", "b": ""}]
    text = html_table.write(rows, None)
    assert "<script>" not in text
    assert html_table.read(text, 0, None, True) == rows


def test_tables_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MOST_CELLS", 5)
    with pytest.raises(FormatError, match="more than 5 cells"):
        csv_.read("a,b\n1,2\n3,4\n", ",", None, True, False)
    with pytest.raises(FormatError, match="more than 5 cells"):
        csv_.write([{"a": 1, "b": 2}] * 3, ",", None, True, True)


def test_a_workbook_is_read() -> None:
    when = datetime(2026, 1, 2, 3)  # noqa: DTZ001 - as spreadsheets have it
    data = workbook(["id", "when", None, "id"], [1, when, None, "x"], [None], [True, 2.5])
    assert xlsx.read(data, None, None, True) == [
        {"id": 1, "when": "2026-01-02T03:00:00", "column_3": None, "id_2": "x"},
        {"id": True, "when": 2.5, "column_3": None, "id_2": None},
    ]


def test_a_workbook_holds_no_formula_of_ours_and_no_rounded_number() -> None:
    data = xlsx.write([{"a": "=HYPERLINK(1)", "b": 12345678901234567890, "c": [1], "d": 7}], None, None, False)
    page = openpyxl.load_workbook(io.BytesIO(data)).worksheets[0]
    cells = next(page.iter_rows())
    assert [(cell.value, cell.data_type) for cell in cells] == [
        ("=HYPERLINK(1)", "s"),
        ("12345678901234567890", "s"),
        ("[1]", "s"),
        (7, "n"),
    ]


@pytest.mark.parametrize(
    ("row", "message"),
    [({"a": "x" * 40_000}, "at most 32,767 characters"), ({"a": "\x00"}, "control characters")],
)
def test_a_workbook_cant_hold(row: dict[str, Any], message: str) -> None:
    with pytest.raises(FormatError, match=message):
        xlsx.write([row], None, None, True)


def test_a_sheet_needs_a_possible_name() -> None:
    with pytest.raises(FormatError, match="can't be the name of a sheet"):
        xlsx.write([{"a": 1}], "a/b", None, True)
    with pytest.raises(FormatError, match='no sheet "Data"; it has: Sheet'):
        xlsx.read(workbook(["a"]), "Data", None, True)


def archive(**entries: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in entries.items():
            file.writestr(name, content)
    return target.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no .xlsx workbook"),
        (b"PK\x03\x04broken", "no .xlsx workbook"),
        (archive(a=b"x"), "can't be read"),
        (workbook(["a"])[:-40], "no .xlsx workbook"),
    ],
)
def test_no_workbook(data: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        xlsx.read(data, None, None, True)


def test_a_workbook_that_unpacks_to_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "LARGEST", 1000)
    with pytest.raises(FormatError, match="unpacks to more than"):
        xlsx.read(archive(a=b"0" * 2000), None, None, True)


def test_a_workbook_whose_row_numbers_never_end() -> None:
    with zipfile.ZipFile(io.BytesIO(workbook(["a"], ["b"]))) as file:
        entries = {name: file.read(name) for name in file.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    entries[sheet] = entries[sheet].replace(b'<row r="2"', b'<row r="999999999999"')
    assert b"999999999999" in entries[sheet]
    with pytest.raises(FormatError, match="more than 1,048,576 rows"):
        xlsx.read(archive(**entries), None, None, True)


def test_base64() -> None:
    assert xlsx.decode(xlsx.encode(b"\x00\xff" * 300)) == b"\x00\xff" * 300
    assert xlsx.decode("data:application/octet-stream;base64," + base64.b64encode(b"ab").decode()) == b"ab"
    with pytest.raises(FormatError, match="no base64"):
        xlsx.decode("abc")


def test_markdown_is_taken_apart() -> None:
    text = "# A *b*\n\n[li*nk*](https://x.y/z) <b>raw</b>\n\n| a | b |\n|---|---|\n| 1 | `2` |\n\n```py\nx = 1\n```\n"
    found = markdown.read(text)
    assert found["headings"] == [{"level": 1, "text": "A b"}]
    assert found["links"] == [{"text": "link", "url": "https://x.y/z"}]
    assert found["tables"] == [[{"a": "1", "b": "2"}]]
    assert found["code"] == [{"language": "py", "text": "x = 1\n"}]
    assert "&lt;b&gt;raw" in found["html"]


def test_markdown_links_run_no_script() -> None:
    assert "href" not in markdown.read("[x](javascript:alert(1))")["html"]


def test_markdown_table_cells_stay_in_their_cells() -> None:
    text = markdown.write([{"a|b": "x\ny", "c": "\\|"}], None)
    assert text == "| a\\|b | c |\n| --- | --- |\n| x<br>y | \\\\\\| |\n"
    assert markdown.read(text)["tables"] == [[{"a|b": "x<br>y", "c": "\\|"}]]
    assert markdown.write([], None) == ""
