"""Rows and columns: what CSV, spreadsheets, HTML and Markdown tables have in common."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from nodes.formats.failure import FormatError
from nodes.values import as_text, kind

MOST_CELLS = 10_000_000
Record = dict[str, Any]


def records(rows: Iterable[Sequence[Any]], columns: Sequence[str] | None, header: bool) -> list[Record]:
    """Rows as objects, named by `columns` or else by the first row; missing cells are null."""
    result: list[Record] = []
    names = list(columns) if columns is not None else None
    cells = 0
    for position, row in enumerate(rows):
        cells += max(len(row), len(names or ()))
        if cells > MOST_CELLS:
            raise FormatError(f"the table has more than {MOST_CELLS:,} cells", code="LIMIT_EXCEEDED")
        if position == 0 and header:
            names = names or _named(row)
            continue
        names = names or _named([None] * len(row))
        if len(row) > len(names):
            names = _named([*names, *[None] * (len(row) - len(names))])
        result.append({name: row[n] if n < len(row) else None for n, name in enumerate(names)})
    return result


def columns_of(data: Iterable[Record]) -> list[str]:
    """All field names, in the order in which they first appear."""
    return list(dict.fromkeys(name for record in data for name in record))


def lines(data: Sequence[Record], columns: Sequence[str] | None) -> Iterator[list[Any]]:
    """The column names, then the values of each record; missing ones are null."""
    names = list(columns) if columns is not None else columns_of(data)
    if len(names) * (len(data) + 1) > MOST_CELLS:
        raise FormatError(f"the table would have more than {MOST_CELLS:,} cells", code="LIMIT_EXCEEDED")
    yield list(names)
    for record in data:
        yield [record.get(name) for name in names]


def cell_text(value: Any) -> str:
    """A value as a cell's text: null as nothing, lists and objects as JSON."""
    return as_text(value)


def require_records(value: Any) -> list[Record]:
    """The value as records: a list of objects, or one object."""
    if isinstance(value, dict):
        return [value]
    if isinstance(value, list) and all(isinstance(record, dict) for record in value):
        return value
    other = next((kind(entry) for entry in value if not isinstance(entry, dict)), "") if isinstance(value, list) else ""
    found = f"a list that holds a {other}" if other else f"a {kind(value)}"
    raise FormatError(f"a table needs a list of objects, not {found}")


def _named(row: Sequence[Any]) -> list[str]:
    names: list[str] = []
    taken: set[str] = set()
    for position, cell in enumerate(row):
        base = as_text(cell).strip() or f"column_{position + 1}"
        name, count = base, 1
        while name in taken:
            count += 1
            name = f"{base}_{count}"
        taken.add(name)
        names.append(name)
    return names
