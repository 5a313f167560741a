"""Writes a report from all its items, and cites them by their numbers."""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from nodes.ai_agent import prompt
from nodes.ai_agent.agent import Agent, cited, invalid, require, wanted_schema
from nodes.ai_agent.parameters import AgentParameters, Text
from nodes.base import NodeExecutionContext, Output, PermanentError
from nodes.equipment import Document
from nodes.models.chat import Message
from nodes.parameters import STRUCTURAL, misuse

# A number in brackets that is no link: of four digits it is rather a year.
_CITATION = re.compile(r"(?<!!)\[([1-9][0-9]{0,2}(?:\s*,\s*[1-9][0-9]{0,2})*)\](?![(:])")
_FENCE = re.compile(r"\s*```[a-zA-Z]*\n(.*?)\n?```\s*", re.DOTALL)
_HOW = {
    "markdown": "Write the report in Markdown, and nothing else: no words before or after it.",
    "html": "Write the report as an HTML fragment: no html, head or body element, no scripts, no styles, and no words "
    "before or after it.",
    "json": "Write the report by the schema; texts in it are plain.",
}
_REPORT = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "summary": {"type": "string"},
        "sections": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "heading": {"type": "string"},
                    "text": {"type": "string"},
                    "citations": {"type": "array", "items": {"type": "integer"}, "description": "Numbers of items."},
                },
                "required": ["heading", "text", "citations"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["title", "summary", "sections"],
    "additionalProperties": False,
}


class ReportGeneratorParameters(AgentParameters):
    """Parameters of REPORT_GENERATOR."""

    format: Annotated[Literal["markdown", "html", "json"], STRUCTURAL] = Field(
        default="markdown", description="What the report is written in; json is an object with titled sections."
    )
    title: Text = Field(default=None, max_length=1000, description="The report's title; the model's choice by default.")
    sections: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=1000)]],
        BeforeValidator(lambda given: [given] if isinstance(given, str) else given),
    ] = Field(default_factory=list, max_length=100, description="The headings of its sections, in their order.")
    audience: Text = Field(default=None, max_length=10_000, description="Whom it is for, and what they know and want.")

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if self.output_schema is not None and self.format != "json":
            raise misuse(f'has an "output_schema", which belongs to the format json, not {self.format}')
        return self


class ReportGenerator(Agent[ReportGeneratorParameters]):
    """Emits one item: the `report`, its `format`, and `citations`, the numbers of the items that it cites, from 1."""

    subtype = "REPORT_GENERATOR"
    model = ReportGeneratorParameters
    each_item = False

    def instructions(self, context: NodeExecutionContext[ReportGeneratorParameters]) -> str:
        """What kind of report."""
        given = context.parameters
        headings = "; ".join(given.sections)
        lines = [
            "Write a report from the numbered items. Say nothing that they don't support, and cite the items behind "
            "each statement by their numbers in brackets, as in [1] or [2, 5].",
            _HOW[given.format] if given.format != "json" or not wanted_schema(context) else "",
            f"Its title is: {given.title}." if given.title else "",
            f"Its sections are, in this order: {headings}." if headings else "",
            f"It is for: {given.audience}." if given.audience else "",
        ]
        return "\n".join(line for line in lines if line)

    def data(self, context: NodeExecutionContext[ReportGeneratorParameters]) -> list[Message]:
        """The items, numbered."""
        lines = [f"[{number}] {prompt.shown_item(item)}" for number, item in enumerate(context.items, 1)]
        return [Message("user", "\n".join(["The items, one a line:", *lines]))]

    def first_source(self, context: NodeExecutionContext[ReportGeneratorParameters]) -> int:
        """Documents are numbered after the items."""
        return len(context.items) + 1

    def prompt_of(self, context: NodeExecutionContext[ReportGeneratorParameters]) -> str:
        """What is asked for beyond the parameters."""
        return context.parameters.prompt or "Write the report."

    def schema(self, context: NodeExecutionContext[ReportGeneratorParameters]) -> dict[str, Any] | None:
        """Only a report in JSON has one."""
        if context.parameters.format == "json":
            return super().schema(context)
        if wanted_schema(context) is not None:
            raise PermanentError(
                f"an output parser is connected, but the report's format is {context.parameters.format}",
                code="INVALID_CONNECTION",
                hint='set "format" to json, or leave the parser out',
            )
        return None

    def own_schema(self, context: NodeExecutionContext[ReportGeneratorParameters]) -> dict[str, Any] | None:
        """Titled sections."""
        return _REPORT

    def close(
        self, context: NodeExecutionContext[ReportGeneratorParameters], answer: Any, sources: Sequence[Document]
    ) -> Output:
        """The report, if it cites only what is there."""
        kind = context.parameters.format
        report = answer if kind == "json" else _bare(str(answer))
        if kind == "json" and not wanted_schema(context):
            require(_REPORT, report)
        if not report:
            raise invalid("it is empty; write the report")
        count = len(context.items) + len(sources)
        numbers = sorted(set(_citations(report)))
        unknown = next((number for number in numbers if not 1 <= number <= count), None)
        if unknown is not None:
            raise invalid(f"it cites [{unknown}], but there are only the numbers 1 to {count}")
        fields = {"report": report, "format": kind, "citations": numbers}
        return Output({"main": [{"json": {**fields, **cited(sources, len(context.items) + 1)}}]})


def _citations(report: Any) -> Iterator[int]:
    text = report if isinstance(report, str) else "\n".join(_texts(report))
    for found in _CITATION.finditer(text):
        yield from (int(number) for number in found.group(1).split(","))
    if isinstance(report, dict) and isinstance(report.get("sections"), list):
        for section in report["sections"]:
            numbers = section.get("citations", []) if isinstance(section, dict) else []
            yield from (number for number in numbers if isinstance(number, int) and not isinstance(number, bool))


def _texts(value: Any) -> Iterator[str]:
    """The texts in a report of JSON, however deep."""
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            pending.extend(one.values())
        elif isinstance(one, list):
            pending.extend(one)


def _bare(text: str) -> str:
    """A text without the fence of Markdown that models like to put around it."""
    found = _FENCE.fullmatch(text)
    return (found.group(1) if found and "\n```" not in found.group(1) else text).strip()
