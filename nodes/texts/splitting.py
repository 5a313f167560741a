"""Cuts texts into pieces where their meaning breaks: between sections, paragraphs, sentences, words."""

from dataclasses import dataclass, replace
from typing import Literal

from semantic_text_splitter import MarkdownSplitter, TextSplitter

from nodes.equipment import Document, Equipment, served_by
from orchestrator.model import ConnectionType


@dataclass(frozen=True)
class Splitting:
    """How long pieces may be and how much of each the next one repeats, in characters."""

    size: int = 1000
    overlap: int = 100
    format: Literal["text", "markdown"] = "text"


def pieces(text: str, how: Splitting) -> list[str]:
    """The pieces of a text, none of them empty; the overlap is less than the size."""
    kind = MarkdownSplitter if how.format == "markdown" else TextSplitter
    return list(kind(how.size, overlap=how.overlap).chunks(text))


def split(equipment: Equipment, document: Document) -> list[Document]:
    """A document's pieces, by the splitter that is connected; `piece` counts them."""
    splitters = served_by(equipment, ConnectionType.AI_TEXT_SPLITTER)
    if splitters:
        splitter, own = splitters[0]
        texts = splitter.split(own, document.text)
    else:
        texts = pieces(document.text, Splitting())
    return [
        replace(document, text=text, source={**document.source, "piece": number}) for number, text in enumerate(texts)
    ]
