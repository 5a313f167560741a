"""The fields of a form: what each takes, and how what was typed becomes a value."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from nodes.mail.address import InvalidAddress, parse_addresses
from nodes.parameters import STRUCTURAL, Parameters, misuse

FieldKind = Literal[
    "text", "textarea", "number", "integer", "boolean", "date", "datetime", "email", "select", "multiselect", "file"
]
MAX_TEXT = 64 * 1024
_NUMBER = re.compile(r"[+-]?(\d{1,400}(\.\d{0,400})?|\.\d{1,400})([eE][+-]?\d{1,4})?")
_INTEGER = re.compile(r"[+-]?\d{1,400}")


class FormField(Parameters):
    """One field of a form."""

    name: str = Field(
        min_length=1, max_length=100, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="Its name in the item."
    )
    label: str = Field(default="", max_length=500, description="What people read; the name unless you say otherwise.")
    type: FieldKind = Field(default="text", description="What it takes.")
    required: bool = Field(default=False, description="Whether it must be filled in.")
    options: list[str] = Field(default_factory=list, max_length=500, description="The choices of (multi)select.")
    help: str = Field(default="", max_length=1000, description="A sentence below the label.")
    default: Any = Field(default=None, description="What stands there at first.")
    min: Decimal | None = Field(default=None, description="The least number.")
    max: Decimal | None = Field(default=None, description="The largest number.")
    max_length: int | None = Field(default=None, ge=1, le=MAX_TEXT, description="The most characters of a text.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        choice = self.type in ("select", "multiselect")
        if choice and not self.options:
            raise misuse(f'the field "{self.name}" is a {self.type}, so it needs options')
        if self.options and not choice:
            raise misuse(f'the field "{self.name}" is no select, so it takes no options')
        if len(set(self.options)) != len(self.options):
            raise misuse(f'the field "{self.name}" has an option twice')
        return self

    @property
    def shown(self) -> str:
        """What people read."""
        return self.label or self.name


FormFields = Annotated[list[FormField], STRUCTURAL]


@dataclass(frozen=True)
class Filled:
    """What came of a form: values by field, or what is wrong with them."""

    values: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


def read(fields: Sequence[FormField], typed: Mapping[str, Sequence[str]], files: Mapping[str, int]) -> Filled:
    """The typed values of what a form's texts and files (name to number of them) are."""
    filled = Filled()
    for one in fields:
        texts = [text for text in typed.get(one.name, ()) if text.strip()]
        try:
            if one.type == "file":
                if one.required and not files.get(one.name):
                    raise _Wrong("choose a file")
                continue
            if not texts and one.type != "boolean":
                if one.required:
                    raise _Wrong("choose one" if one.options else "fill this in")
                filled.values[one.name] = [] if one.type == "multiselect" else None
                continue
            filled.values[one.name] = _READERS[one.type](one, texts)
        except _Wrong as wrong:
            filled.errors[one.name] = str(wrong)
    return filled


class _Wrong(ValueError):
    """What is wrong with one field, for who fills it in."""


def _text(one: FormField, texts: Sequence[str]) -> str:
    text = texts[0].replace("\r\n", "\n")
    if one.type == "text" and "\n" in text:
        raise _Wrong("write one line")
    most = one.max_length or MAX_TEXT
    if len(text) > most:
        raise _Wrong(f"write at most {most:,} characters; there are {len(text):,}")
    return text


def _number(one: FormField, texts: Sequence[str]) -> int | Decimal:
    text = texts[0].strip()
    if not (_INTEGER if one.type == "integer" else _NUMBER).fullmatch(text):
        raise _Wrong("write a whole number, such as 12" if one.type == "integer" else "write a number, such as 12.5")
    try:
        value = int(text) if _INTEGER.fullmatch(text) else Decimal(text)
    except InvalidOperation:
        raise _Wrong("write a number, such as 12.5") from None
    if isinstance(value, Decimal) and value and abs(value.adjusted()) > 6000:
        raise _Wrong("the number is out of range")
    if one.min is not None and value < one.min:
        raise _Wrong(f"it must be at least {one.min}")
    if one.max is not None and value > one.max:
        raise _Wrong(f"it must be at most {one.max}")
    return value


def _boolean(one: FormField, texts: Sequence[str]) -> bool:
    value = texts[-1].strip().lower() if texts else "false"
    if value not in ("true", "on", "1", "yes", "false", "off", "0", "no"):
        raise _Wrong("tick it or not")
    ticked = value in ("true", "on", "1", "yes")
    if one.required and not ticked:
        raise _Wrong("tick this to go on")
    return ticked


def _date(one: FormField, texts: Sequence[str]) -> str:
    try:
        return date.fromisoformat(texts[0].strip()).isoformat()
    except ValueError:
        raise _Wrong("write a date as year-month-day, such as 2026-11-30") from None


def _datetime(one: FormField, texts: Sequence[str]) -> str:
    text = texts[0].strip().replace(" ", "T", 1)
    try:
        return datetime.fromisoformat(text).isoformat()
    except ValueError:
        raise _Wrong("write a date and a time, such as 2026-11-30T09:00") from None


def _email(one: FormField, texts: Sequence[str]) -> str:
    try:
        found = parse_addresses(texts[0].strip())
    except InvalidAddress:
        found = []
    if len(found) != 1 or found[0].display_name:
        raise _Wrong("write one mail address, such as ada@example.org")
    return found[0].addr_spec


def _select(one: FormField, texts: Sequence[str]) -> str:
    if len(texts) > 1 or texts[0] not in one.options:
        raise _Wrong("choose one of the options")
    return texts[0]


def _multiselect(one: FormField, texts: Sequence[str]) -> list[str]:
    if not set(texts) <= set(one.options):
        raise _Wrong("choose among the options")
    return [option for option in one.options if option in texts]


_READERS: Mapping[str, Callable[[FormField, Sequence[str]], Any]] = {
    "text": _text,
    "textarea": _text,
    "number": _number,
    "integer": _number,
    "boolean": _boolean,
    "date": _date,
    "datetime": _datetime,
    "email": _email,
    "select": _select,
    "multiselect": _multiselect,
}
