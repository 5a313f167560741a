"""Mail addresses as users write them: one text or a list, with or without names."""

import re
from email.headerregistry import Address, HeaderRegistry
from typing import Annotated, Any

import idna
from pydantic import AfterValidator, BeforeValidator, ValidationInfo, WithJsonSchema

from nodes.parameters import is_template, misuse
from nodes.values import shown

MOST_ADDRESSES = 1000
_REGISTRY = HeaderRegistry()
_CONTROL = re.compile("[\x00-\x1f\x7f\u0085\u2028\u2029]")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.IGNORECASE)


class InvalidAddress(ValueError):
    """A text that holds no mail addresses: why."""


def parse_addresses(text: str) -> list[Address]:
    """The addresses of a comma-separated text; a domain with other letters is written as DNS has it."""
    if _CONTROL.search(text):
        raise InvalidAddress("has a line break or another control character")
    try:
        header: Any = _REGISTRY("to", text)
    except (IndexError, ValueError):
        raise InvalidAddress(f"is {shown(text)}, which is no mail address") from None
    # A local part with other letters is fine where the server takes it.
    defects = [defect for defect in header.defects if type(defect).__name__ != "NonASCIILocalPartDefect"]
    if defects or not header.addresses or any(group.display_name is not None for group in header.groups):
        raise InvalidAddress(f"is {shown(text)}; expected addresses such as ann@example.org, separated by commas")
    return [Address(found.display_name, found.username, _domain(found.domain)) for found in header.addresses]


def _domain(domain: str) -> str:
    if domain.startswith("[") and domain.endswith("]"):
        return domain
    try:
        encoded = domain if domain.isascii() else idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError:
        encoded = ""
    if len(encoded) > 253 or not all(_LABEL.fullmatch(label) for label in encoded.split(".")):
        raise InvalidAddress(f"has the domain {shown(domain)}, which can't be one")
    return encoded


def _checked(given: Any, info: ValidationInfo) -> Any:
    entries = [given] if isinstance(given, str) else given
    if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
        raise misuse(f"is {shown(given)}; expected addresses as one text or a list of texts")
    static = bool(info.context and "static" in info.context)
    found: list[str] = []
    for entry in entries:
        if (static and is_template(entry)) or not entry.strip():
            continue
        try:
            found += [str(address) for address in parse_addresses(entry)]
        except InvalidAddress as problem:
            raise misuse(str(problem)) from None
    if len(found) > MOST_ADDRESSES:
        raise misuse(f"holds {len(found)} addresses; at most {MOST_ADDRESSES} are taken")
    return found


def _one(given: list[str]) -> list[str]:
    if len(given) > 1:
        raise misuse(f"holds {len(given)} addresses; expected one")
    return given


def _line(given: str) -> str:
    if _CONTROL.search(given):
        raise misuse("has a line break or another control character, which a header can't hold")
    return given


_SCHEMA = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
Addresses = Annotated[list[str], BeforeValidator(_checked), WithJsonSchema(_SCHEMA)]
OneAddress = Annotated[list[str], AfterValidator(_one), BeforeValidator(_checked), WithJsonSchema({"type": "string"})]
# A header's value.
Line = Annotated[str, AfterValidator(_line)]
