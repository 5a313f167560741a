"""Starts a run when another workflow that names this one as its error workflow has failed."""

from nodes.base import Parameters
from nodes.trigger.manual import Trigger


class ErrorParameters(Parameters):
    """ERROR takes no parameters."""


class Error(Trigger[ErrorParameters]):
    """Emits the failure: which execution and workflow failed, at which node, with which error."""

    subtype = "ERROR"
    model = ErrorParameters
