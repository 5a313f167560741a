"""What starts a run: each emits the run's input as its items."""

from nodes.trigger.error import Error
from nodes.trigger.manual import Manual
from nodes.trigger.subworkflow import Subworkflow

EXECUTORS = (Manual, Subworkflow, Error)
