"""Offers a Google calendar as a tool, by the operations of GOOGLE_CALENDAR."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from nodes.base import Item, NodeExecutionContext
from nodes.credentials.credential import CredentialSlot
from nodes.external_action.google.access import GOOGLE_OAUTH2
from nodes.external_action.google_calendar import OPERATIONS, GoogleCalendar
from nodes.parameters import Duration, misuse, parse
from nodes.tool.schema import model_schema
from nodes.tool.tool import Tool, ToolDescription, ToolParameters

Operation = Literal["create", "get", "list", "update", "delete", "free_busy"]
# By what GOOGLE_CALENDAR calls them.
_NAMES: Mapping[Operation, str] = {
    "create": "create_event",
    "get": "get_event",
    "list": "list_events",
    "update": "update_event",
    "delete": "delete_event",
    "free_busy": "free_busy",
}
_SET_BY_THE_NODE = ("operation", "calendar_id", "calendar_ids", "base_url", "timeout", "return_all")


def _each_once(operations: list[Operation]) -> list[Operation]:
    if not operations:
        raise misuse("is empty; leave it out for all operations")
    return list(dict.fromkeys(operations))


class CalendarToolParameters(ToolParameters):
    """Parameters of CALENDAR."""

    calendar_id: str = Field(
        default="primary", min_length=1, max_length=1024, description="The calendar; `primary` is the account's own."
    )
    operations: Annotated[list[Operation], AfterValidator(_each_once)] = Field(
        default_factory=lambda: list(_NAMES), description="Which operations are offered; all by default."
    )
    base_url: str = Field(default="", max_length=2048, description="Where the API is, if not at its usual place.")
    timeout: Duration = Field(default=30.0, gt=0, le=3600, description="How long each request may take.")


class CalendarTool(Tool[CalendarToolParameters]):
    """Offers one calendar."""

    subtype = "CALENDAR"
    model = CalendarToolParameters
    credentials: ClassVar = {"auth": CredentialSlot((GOOGLE_OAUTH2,))}

    async def list_tools(self, context: NodeExecutionContext[CalendarToolParameters]) -> list[ToolDescription]:
        """The operations that are offered, with the schemas of GOOGLE_CALENDAR."""
        return [
            ToolDescription(name, _purpose(name), model_schema(OPERATIONS[_NAMES[name]], hidden=_SET_BY_THE_NODE))
            for name in context.parameters.operations
        ]

    async def invoke(
        self, context: NodeExecutionContext[CalendarToolParameters], tool: ToolDescription, arguments: dict[str, Any]
    ) -> list[Item]:
        """Performs one operation; each event that it gives is an item."""
        given = context.parameters
        name = next(own for operation, own in _NAMES.items() if operation == tool.name)
        place = {"calendar_ids": [given.calendar_id]} if name == "free_busy" else {"calendar_id": given.calendar_id}
        fixed = {"operation": name, "base_url": given.base_url, "timeout": given.timeout, **place}
        performing: NodeExecutionContext[Any] = replace(context)
        performing.parameters = parse(OPERATIONS[name], {**arguments, **fixed})
        returned = await GoogleCalendar().execute(performing)
        found = returned if isinstance(returned, list) else [returned]
        return [{"json": entry} for entry in found if isinstance(entry, dict)]


def _purpose(name: Operation) -> str:
    return " ".join((OPERATIONS[_NAMES[name]].__doc__ or "").split())
