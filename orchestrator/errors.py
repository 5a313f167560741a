"""What can be wrong with a definition, and why a run fails."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How grave a problem is: an ERROR keeps a workflow from running."""

    ERROR = "ERROR"
    WARNING = "WARNING"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a definition: a value, not an exception, so that all are reported."""

    code: str
    message: str
    node: str = ""
    field: str = ""
    severity: Severity = Severity.ERROR


class DefinitionError(Exception):
    """A definition that can't be read or run, with every problem found."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = problems


@dataclass(frozen=True)
class RunError:
    """Why a node run, and with it perhaps the run, failed."""

    code: str
    message: str
    node: str = ""
    hint: str = ""
    item: int | None = None
    attempt: int = 0
