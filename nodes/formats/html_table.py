"""Tables in HTML pages."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from lxml import etree
from lxml import html as lxml_html

from nodes.formats.failure import FormatError
from nodes.formats.table import Record, cell_text, lines, records

_WIDEST = 1000
_BREAK = "\u2028"
_ROWS = "./tr | ./thead/tr | ./tbody/tr | ./tfoot/tr"


def read(text: str, number: int, columns: Sequence[str] | None, header: bool) -> list[Record]:
    """The records of a page's table by its number, from 0."""
    parser = lxml_html.HTMLParser(encoding="utf-8", no_network=True, huge_tree=False)
    try:
        page = lxml_html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except etree.LxmlError as error:
        raise FormatError(f"the text is no HTML: {str(error)[:200]}") from None
    tables = list(page.iter("table"))
    if number >= len(tables):
        raise FormatError(f"the page has {len(tables)} tables; there is none with number {number} (from 0)")
    for line_break in tables[number].iter("br"):
        line_break.tail = _BREAK + (line_break.tail or "")
    return records(_rows(tables[number]), columns, header)


def write(data: Sequence[Record], columns: Sequence[str] | None) -> str:
    """The records as a table; every value is escaped."""
    names, *rows = lines(data, columns)
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "\n".join(f"<tr>{''.join(f'<td>{escape(cell_text(cell))}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table>\n<thead>\n<tr>{head}</tr>\n</thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def _rows(table: Any) -> Iterator[list[str]]:
    hanging: dict[int, tuple[int, str]] = {}
    for row in table.xpath(_ROWS):
        cells: list[str] = []
        for cell in row.xpath("./td | ./th"):
            _fill(cells, hanging)
            text = "\n".join(" ".join(line.split()) for line in cell.text_content().split(_BREAK)).strip()
            below = _span(cell, "rowspan") - 1
            for _ in range(_span(cell, "colspan")):
                if below:
                    hanging[len(cells)] = (below, text)
                cells.append(text)
        _fill(cells, hanging)
        if cells:
            yield cells


def _fill(cells: list[str], hanging: dict[int, tuple[int, str]]) -> None:
    while len(cells) in hanging:
        left, text = hanging.pop(len(cells))
        if left > 1:
            hanging[len(cells)] = (left - 1, text)
        cells.append(text)


def _span(cell: Any, name: str) -> int:
    given = cell.get(name, "1").strip()
    return min(max(int(given), 1), _WIDEST) if given.isascii() and given.isdecimal() and len(given) < 6 else 1
