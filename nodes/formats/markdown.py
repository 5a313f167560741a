"""Markdown: documents are taken apart, records written as a table."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from nodes.formats.failure import FormatError
from nodes.formats.table import Record, cell_text, lines, records

if TYPE_CHECKING:
    from markdown_it.token import Token

# markdown_it is imported where it is used: it takes long, and few processes ever need it.
LARGEST = 1024 * 1024


def read(text: str) -> dict[str, Any]:
    """The document: its HTML (raw HTML in it is escaped), headings, links, code blocks and tables."""
    from markdown_it import MarkdownIt

    if len(text) > LARGEST:
        raise FormatError(f"the Markdown is longer than {LARGEST:,} characters", code="LIMIT_EXCEEDED")
    engine = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    tokens = engine.parse(text)
    return {
        "html": engine.renderer.render(tokens, engine.options, {}),
        "headings": list(_headings(tokens)),
        "links": list(_links(tokens)),
        "code": [
            {"language": token.info.strip() or None, "text": token.content}
            for token in tokens
            if token.type in ("fence", "code_block")
        ],
        "tables": [records(rows, None, True) for rows in _tables(tokens)],
    }


def write(data: Sequence[Record], columns: Sequence[str] | None) -> str:
    """The records as a table of GitHub's kind."""
    names, *rows = lines(data, columns)
    if not names:
        return ""
    written = [names, ["---"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in row)} |" for row in written) + "\n"


def _cell(value: Any) -> str:
    text = cell_text(value).replace("\\", "\\\\").replace("|", "\\|")
    return "<br>".join(text.splitlines())


def _text(token: "Token") -> str:
    return "".join(
        "\n" if child.type in ("softbreak", "hardbreak") else child.content for child in token.children or ()
    )


def _headings(tokens: Sequence["Token"]) -> Iterator[dict[str, Any]]:
    for opening, content in pairwise(tokens):
        if opening.type == "heading_open":
            yield {"level": int(opening.tag[1:]), "text": _text(content)}


def _links(tokens: Sequence["Token"]) -> Iterator[dict[str, Any]]:
    for token in tokens:
        url: str | None = None
        words: list[str] = []
        for child in token.children or ():
            if child.type == "link_open":
                url, words = str(child.attrs.get("href", "")), []
            elif child.type == "link_close":
                yield {"text": "".join(words), "url": url}
                url = None
            elif url is not None:
                words.append(child.content)


def _tables(tokens: Sequence["Token"]) -> Iterator[list[list[str]]]:
    rows: list[list[str]] = []
    for token, following in pairwise(tokens):
        if token.type == "table_open":
            rows = []
        elif token.type == "tr_open":
            rows.append([])
        elif token.type in ("th_open", "td_open"):
            rows[-1].append(_text(following))
        if following.type == "table_close":
            yield rows
