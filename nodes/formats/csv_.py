"""CSV: RFC 4180, with any one-character delimiter."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from nodes.formats.failure import FormatError
from nodes.formats.table import Record, cell_text, lines, records
from nodes.values import number_in
from orchestrator.items import OUTPUT_LIMIT

# Spreadsheets run a cell that begins so as a formula (OWASP: CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_WORDS = {"true": True, "false": False, "": None}


def read(text: str, delimiter: str, columns: Sequence[str] | None, header: bool, convert: bool) -> list[Record]:
    """The records of a CSV text; values stay text unless they are to be converted."""
    csv.field_size_limit(OUTPUT_LIMIT)
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=delimiter, strict=True)
    try:
        found = records((row for row in reader if row), columns, header)
    except csv.Error as error:
        raise FormatError(f"the text is no CSV: line {reader.line_num}: {error}") from None
    if convert:
        return [{name: _converted(value) for name, value in record.items()} for record in found]
    return found


def write(
    data: Sequence[Record], delimiter: str, columns: Sequence[str] | None, header: bool, escape_formulas: bool
) -> str:
    """The CSV text of records; texts that a spreadsheet would run as a formula get a leading apostrophe."""
    target = io.StringIO(newline="")
    writer = csv.writer(target, delimiter=delimiter, lineterminator="\r\n")
    for position, row in enumerate(lines(data, columns)):
        if position or header:
            writer.writerow([_cell(value, escape_formulas) for value in row])
    return target.getvalue()


def _cell(value: Any, escape_formulas: bool) -> str:
    text = cell_text(value)
    return f"'{text}" if escape_formulas and isinstance(value, str) and text.startswith(_FORMULA) else text


def _converted(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    word = value.strip().lower()
    if word in _WORDS:
        return _WORDS[word]
    number = number_in(value)
    return value if number is None else number
