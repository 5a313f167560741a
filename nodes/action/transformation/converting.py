"""Operations between text and data: parse, render."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from nodes.action.transformation.operation import Operation, with_json
from nodes.action.transformation.shaping import FieldName
from nodes.base import Item
from nodes.fields import drop, get, put, require
from nodes.formats import csv_, html_table, json_, markdown, xlsx, xml
from nodes.formats.failure import FormatError
from nodes.formats.table import require_records
from nodes.parameters import STRUCTURAL, misuse
from nodes.values import shown

LONG_TEXT = 100_000
Format = Literal["json", "csv", "xml", "html_table", "markdown", "xlsx"]
# The formats that each option belongs to.
_OPTIONS = {
    "delimiter": ("csv",),
    "header": ("csv", "html_table", "xlsx"),
    "columns": ("csv", "html_table", "markdown", "xlsx"),
    "convert": ("csv",),
    "table": ("html_table",),
    "sheet": ("xlsx",),
    "escape_formulas": ("csv",),
    "root": ("xml",),
    "pretty": ("json",),
}


class Converting(Operation):
    """What parse and render share."""

    format: Annotated[Format, STRUCTURAL] = Field(description="The format of the text; xlsx is a workbook in base64.")
    delimiter: str = Field(default=",", min_length=1, max_length=1, description="csv: what separates the values.")
    header: bool = Field(default=True, description="csv, html_table, xlsx: the first row holds the names.")
    columns: list[FieldName] | None = Field(
        default=None, min_length=1, description="Tables: the names of the columns, in order."
    )
    sheet: str | None = Field(default=None, description="xlsx: the sheet's name; by default the first one.")

    @model_validator(mode="after")
    def _belonging(self) -> Self:
        for name, formats in _OPTIONS.items():
            field = type(self).model_fields.get(name)
            if field and self.format not in formats and getattr(self, name) != field.default:
                raise misuse(f'has "{name}", which the format "{self.format}" doesn\'t take')
        return self


class Parse(Converting):
    """Reads data from a text."""

    operation: Annotated[Literal["parse"], STRUCTURAL] = Field(description="Read data from a text.")
    field: FieldName = Field(default="data", description="The field that holds the text.")
    into: FieldName | None = Field(
        default=None,
        description="The field that gets what was read, beside the item's others; without it, an object becomes "
        "the item, a list of objects or a table as many items, anything else {data: …}.",
    )
    convert: bool = Field(default=False, description="csv: read numbers, true, false and empty values as such.")
    table: int = Field(default=0, ge=0, description="html_table: which table of the page, from 0.")

    def is_heavy(self, items: Sequence[Item]) -> bool:
        """If a text is long."""
        texts = (get(item["json"], self.field) for item in items)
        return any(isinstance(text, str) and len(text) > LONG_TEXT for text in texts)

    def apply(self, items: Sequence[Item]) -> list[Item]:
        """What the items' texts hold."""
        return [read for item in items for read in self._items(item)]

    def _items(self, item: Item) -> list[Item]:
        text = require(item["json"], self.field, "field")
        if not isinstance(text, str):
            raise FormatError(f'the field "{self.field[:100]}" is {shown(text)}; parse needs text')
        value = self._read(text)
        if self.into is not None:
            return [with_json(item, put(item["json"], self.into, value))]
        if isinstance(value, dict):
            return [with_json(item, value)]
        if isinstance(value, list) and all(isinstance(entry, dict) for entry in value):
            return [with_json(item, entry) for entry in value]
        return [with_json(item, {"data": value})]

    def _read(self, text: str) -> Any:
        match self.format:
            case "json":
                return json_.read(text)
            case "csv":
                return csv_.read(text, self.delimiter, self.columns, self.header, self.convert)
            case "xml":
                return xml.read(text)
            case "html_table":
                return html_table.read(text, self.table, self.columns, self.header)
            case "markdown":
                return markdown.read(text)
            case "xlsx":
                return xlsx.read(xlsx.decode(text), self.sheet, self.columns, self.header)


class Render(Converting):
    """Writes data as text."""

    operation: Annotated[Literal["render"], STRUCTURAL] = Field(description="Write data as text.")
    field: Annotated[FieldName | None, STRUCTURAL] = Field(
        default=None,
        description="The field to write, item by item, the item's others staying; without it, all items are "
        "written as one text.",
    )
    into: FieldName = Field(default="data", description="The field that gets the text.")
    each_item: Annotated[bool, STRUCTURAL] = Field(
        default=False, description="Write each item as a text of its own instead of all together."
    )
    escape_formulas: bool = Field(
        default=True,
        description="csv: put an apostrophe before texts that begin with = + - @, which a spreadsheet would run.",
    )
    root: FieldName | None = Field(
        default=None, description='xml: the root element; by default the only field, else "items" or "item".'
    )
    pretty: bool = Field(default=False, description="json: indent.")

    @classmethod
    def runs_per_item(cls, parameters: Mapping[str, Any]) -> bool:
        """By item if a field is written, or each item by itself."""
        return bool(parameters.get("field")) or parameters.get("each_item") is True

    def apply(self, items: Sequence[Item]) -> list[Item]:
        """The items with the text, or one item with the text of all."""
        if self.field is not None:
            return [self._with_text(item, require(item["json"], self.field, "field")) for item in items]
        if self.each_item:
            return [with_json(item, put({}, self.into, self._write(item["json"]))) for item in items]
        return [{"json": put({}, self.into, self._write([item["json"] for item in items]))}]

    def _with_text(self, item: Item, value: Any) -> Item:
        rest = item["json"] if self.field == self.into or self.field is None else drop(item["json"], self.field)
        return with_json(item, put(rest, self.into, self._write(value)))

    def _write(self, value: Any) -> str:
        if self.format == "json":
            return json_.write(value, self.pretty)
        if self.format == "xml":
            return xml.write(self._rooted(value))
        data = require_records(value)
        match self.format:
            case "csv":
                return csv_.write(data, self.delimiter, self.columns, self.header, self.escape_formulas)
            case "html_table":
                return html_table.write(data, self.columns)
            case "markdown":
                return markdown.write(data, self.columns)
        return xlsx.encode(xlsx.write(data, self.sheet, self.columns, self.header))

    def _rooted(self, value: Any) -> dict[str, Any]:
        if isinstance(value, list):
            return {self.root or "items": {"item": value}}
        if isinstance(value, dict) and self.root is None and len(value) == 1:
            return value
        return {self.root or "item": value}
