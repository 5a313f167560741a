"""XML as objects: attributes are @name, text beside them #text, repeated elements a list."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from nodes.formats.failure import FormatError
from nodes.values import as_text, shown

LARGEST = 32 * 1024 * 1024
DEEPEST = 200
_NAME = re.compile(r"[A-Za-z_][\w.\-]*(:[A-Za-z_][\w.\-]*)?")
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read(text: str) -> dict[str, Any]:
    """The document as {root: …}; a document type, and with it every entity, is refused."""
    data = text.lstrip("\ufeff \t\r\n").encode("utf-8", "surrogatepass")
    if len(data) > LARGEST:
        raise FormatError(f"the XML is larger than {LARGEST >> 20} MiB", code="LIMIT_EXCEEDED")
    builder = _Builder()
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    parser.StartDoctypeDeclHandler = builder.doctype
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        reason = expat.ErrorString(error.code) or "unreadable"
        raise FormatError(f"the text is no XML: {reason}, line {error.lineno}, column {error.offset + 1}") from None
    return builder.root


def write(value: Mapping[str, Any]) -> str:
    """The document of {root: …}."""
    if len(value) != 1:
        raise FormatError(f"an XML document has one root element, but there are {len(value)}")
    (name, content), *_ = value.items()
    if isinstance(content, list):
        raise FormatError(f'the root element "{name[:60]}" can\'t repeat: it is {shown(content)}')
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + "".join(_element(name, content, 1))


class _Builder:
    def __init__(self) -> None:
        self.root: dict[str, Any] = {}
        self._open: list[tuple[dict[str, Any], list[str]]] = [(self.root, [])]

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) > DEEPEST:
            raise FormatError(f"the XML is nested deeper than {DEEPEST} elements", code="LIMIT_EXCEEDED")
        self._open.append(({f"@{key}": value for key, value in attributes.items()}, []))

    def text(self, data: str) -> None:
        self._open[-1][1].append(data)

    def end(self, name: str) -> None:
        children, texts = self._open.pop()
        content = "".join(texts).strip()
        value: Any = children
        if not children:
            value = content or None
        elif content:
            children["#text"] = content
        parent = self._open[-1][0]
        if name not in parent:
            parent[name] = value
        elif isinstance(parent[name], list):
            parent[name].append(value)
        else:
            parent[name] = [parent[name], value]

    def doctype(self, *declaration: Any) -> None:
        raise FormatError(
            "the XML declares a document type, which is refused: it could name files or expand without end",
            hint="remove the <!DOCTYPE …> before parsing",
        )


def _element(name: str, value: Any, depth: int) -> Iterator[str]:
    if not _NAME.fullmatch(name):
        raise FormatError(f'"{name[:60]}" can\'t be the name of an XML element', hint="rename the field before")
    if depth > DEEPEST:
        raise FormatError(f"the data is nested deeper than {DEEPEST} levels", code="LIMIT_EXCEEDED")
    if isinstance(value, list):
        for entry in value:
            if isinstance(entry, list):
                raise FormatError(f'the field "{name[:60]}" holds a list in a list, which XML has no form for')
            yield from _element(name, entry, depth)
        return
    content = value if isinstance(value, dict) else {"#text": value}
    yield f"<{name}"
    for key, attribute in content.items():
        if key.startswith("@"):
            yield f" {_attribute(key[1:])}={quoteattr(_text(attribute))}"
    yield ">"
    for key, child in content.items():
        if key == "#text":
            yield escape(_text(child))
        elif not key.startswith("@"):
            yield from _element(key, child, depth + 1)
    yield f"</{name}>"


def _attribute(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise FormatError(f'"{name[:60]}" can\'t be the name of an XML attribute', hint="rename the field before")
    return name


def _text(value: Any) -> str:
    text = as_text(value)
    if found := _UNWRITABLE.search(text):
        raise FormatError(f"the character U+{ord(found[0]):04X} can't be written in XML")
    return text
