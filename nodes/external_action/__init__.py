"""Steps that act on other services."""

from nodes.external_action.api_call import ApiCall
from nodes.external_action.email import Email
from nodes.external_action.github import GitHub
from nodes.external_action.google_calendar import GoogleCalendar
from nodes.external_action.slack import Slack
from nodes.external_action.trello import Trello

EXECUTORS = (GitHub, GoogleCalendar, Trello, Email, Slack, ApiCall)
