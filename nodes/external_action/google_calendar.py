"""Reads and writes events of Google Calendar."""

from typing import Any, ClassVar, Union

from pydantic import RootModel

from nodes.credentials.credential import CredentialSlot
from nodes.external_action.google.access import GOOGLE_OAUTH2
from nodes.external_action.google.calendar import CalendarApi
from nodes.external_action.google.events import CreateEvent, DeleteEvent, GetEvent, ListEvents, UpdateEvent
from nodes.external_action.google.free_busy import FreeBusy
from nodes.external_action.vendor import Operation, VendorExecutor, by_name, unchosen


class GoogleCalendarParameters(
    RootModel[Union[CreateEvent, GetEvent, ListEvents, UpdateEvent, DeleteEvent, FreeBusy]]  # noqa: UP007
):
    """Parameters of GOOGLE_CALENDAR: those of one operation."""


OPERATIONS = by_name(GoogleCalendarParameters)


class GoogleCalendar(VendorExecutor[Operation[Any]]):
    """Calls Google's Calendar API, version 3, and emits the event, each event found, or who is busy when."""

    subtype = "GOOGLE_CALENDAR"
    model = GoogleCalendarParameters
    api = CalendarApi
    operations = OPERATIONS
    unchosen = unchosen(OPERATIONS)
    credentials: ClassVar = {"auth": CredentialSlot((GOOGLE_OAUTH2,))}
