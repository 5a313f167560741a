"""Excel workbooks (.xlsx)."""

import base64
import binascii
import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from nodes.formats.failure import FormatError
from nodes.formats.table import Record, cell_text, lines, records

# openpyxl is imported where it is used: it takes long, and few processes ever need it.
MOST_ROWS = 1_048_576
LARGEST = 256 * 1024 * 1024
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    SyntaxError,
    OSError,
)
_LONGEST_CELL = 32_767
_LARGEST_EXACT = 10**15
_DATA_URL = re.compile(r"data:[\w.+/-]*;base64,")


def decode(text: str) -> bytes:
    """The file that a text holds in base64, with or without a data: prefix."""
    try:
        return base64.b64decode(_DATA_URL.sub("", text[:200], count=1) + text[200:], validate=False)
    except (binascii.Error, ValueError):
        raise FormatError("the text is no base64, in which a workbook must be given") from None


def encode(data: bytes) -> str:
    """A file as base64 text."""
    return base64.b64encode(data).decode("ascii")


def read(data: bytes, sheet: str | None, columns: Sequence[str] | None, header: bool) -> list[Record]:
    """The records of a sheet, by default the first; dates as ISO 8601 text, formulas as their last result."""
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    _guard(data)
    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    except (*_BROKEN, InvalidFileException) as error:
        raise FormatError(f"the workbook can't be read: {str(error)[:200]}") from None
    try:
        names = [page.title for page in book.worksheets]
        if not names or (sheet is not None and sheet not in names):
            raise FormatError(f'the workbook has no sheet "{sheet or ""}"; it has: {", ".join(names)[:300]}')
        page = book[sheet] if sheet is not None else book.worksheets[0]
        page.reset_dimensions()
        return records(_rows(page), columns, header)
    except _BROKEN as error:
        raise FormatError(f"the workbook can't be read: {str(error)[:200]}") from None
    finally:
        book.close()


def write(data: Sequence[Record], sheet: str | None, columns: Sequence[str] | None, header: bool) -> bytes:
    """A workbook with the records on one sheet; texts are never formulas."""
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    try:
        page = book.create_sheet(sheet or "Sheet1")
    except ValueError as error:
        raise FormatError(f'"{(sheet or "")[:60]}" can\'t be the name of a sheet: {error}') from None
    # All cells before the first row is written: a sheet that fails half-way can't be closed.
    rows = [[_cell(page, value) for value in row] for row in lines(data, columns)]
    for row in rows if header else rows[1:]:
        page.append(row)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def _guard(data: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise FormatError("the data is no .xlsx workbook") from None
    if size > LARGEST:
        raise FormatError(f"the workbook unpacks to more than {LARGEST >> 20} MiB", code="LIMIT_EXCEEDED")


def _rows(page: Any) -> Iterator[list[Any]]:
    for position, row in enumerate(page.iter_rows(values_only=True)):
        if position >= MOST_ROWS:
            raise FormatError(f"the sheet has more than {MOST_ROWS:,} rows", code="LIMIT_EXCEEDED")
        cells = [_value(cell) for cell in row]
        while cells and cells[-1] is None:
            cells.pop()
        if cells:
            yield cells


def _value(cell: Any) -> Any:
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return cell.total_seconds()
    return cell if cell is None or isinstance(cell, bool | int | float | str) else str(cell)


def _cell(page: Any, value: Any) -> Any:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.utils.exceptions import IllegalCharacterError

    exact = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST_EXACT
    if value is None or isinstance(value, bool) or exact:
        return value
    text = cell_text(value)
    if len(text) > _LONGEST_CELL:
        raise FormatError(f"a spreadsheet's cell holds at most {_LONGEST_CELL:,} characters, not {len(text):,}")
    try:
        cell = WriteOnlyCell(page, text)
    except IllegalCharacterError:
        raise FormatError("a text has control characters, which a spreadsheet can't hold") from None
    # Else a text that begins with = would be run as a formula.
    cell.data_type = "s"
    return cell
