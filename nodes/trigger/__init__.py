"""What starts a run: each emits the run's input as its items."""

from nodes.trigger.calendar import Calendar
from nodes.trigger.chat import Chat
from nodes.trigger.cron import Cron
from nodes.trigger.email import Email
from nodes.trigger.error import Error
from nodes.trigger.form import Form
from nodes.trigger.manual import Manual
from nodes.trigger.subworkflow import Subworkflow
from nodes.trigger.webhook import Webhook

EXECUTORS = (Manual, Subworkflow, Error, Webhook, Form, Chat, Cron, Email, Calendar)
