"""How a command ends when it can't do what was asked: what it prints, and its exit code."""

import sys
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from orchestrator import exact_json
from orchestrator.errors import DefinitionError, Problem, Severity
from services.errors import RequestInvalid, ServiceError


class Exit(IntEnum):
    """The exit codes of every command."""

    OK = 0
    FAILED = 1
    INVALID = 2


@dataclass
class Failure(Exception):
    """The command can't go on: what was asked is wrong (problems), or something failed (code, message)."""

    message: str
    code: str = "FAILED"
    problems: list[Problem] = field(default_factory=list)

    @property
    def exit_code(self) -> Exit:
        """2 where the user's file or input is at fault, otherwise 1."""
        return Exit.INVALID if self.problems else Exit.FAILED


def invalid(problems: list[Problem]) -> Failure:
    """The definition or the input is wrong."""
    return Failure("invalid", "INVALID", problems)


def refuse_errors(problems: list[Problem]) -> None:
    """Raises a Failure with all problems if one of them keeps the workflow from running."""
    if any(problem.severity == Severity.ERROR for problem in problems):
        raise invalid(problems)


def from_definition(error: DefinitionError) -> Failure:
    """The definition can't be read."""
    return invalid(error.problems)


def from_service(error: ServiceError) -> Failure:
    """What was asked of the store itself can't be done."""
    problems = getattr(error, "problems", ()) if isinstance(error, RequestInvalid) else ()
    return Failure(error.message, error.code, list(problems))


def report(failure: Failure, as_json: bool) -> None:
    """Print it: problems are a command's result, so on stdout; any other failure is on stderr."""
    if as_json:
        print_json(as_object(failure))
    if failure.problems:
        if not as_json:
            print(f"INVALID: {counted(failure.problems)}")
            print_problems(failure.problems)
        return
    print("Error: " + plain(failure.message, keep="\n"), file=sys.stderr)


def as_object(failure: Failure) -> dict[str, Any]:
    """The failure as `--json` shows it."""
    if failure.problems:
        return {"status": "INVALID", "problems": [problem_object(problem) for problem in failure.problems]}
    return {"status": "FAILED", "error": {"code": failure.code, "node": "", "message": failure.message}}


def problem_object(problem: Problem) -> dict[str, Any]:
    """A problem as `--json` shows it."""
    shown: dict[str, Any] = {"code": problem.code, "node": problem.node or None, "message": problem.message}
    if problem.field:
        shown["field"] = problem.field
    return shown | {"severity": str(problem.severity)}


def print_problems(problems: list[Problem]) -> None:
    """One problem a line, the grave ones first."""
    for problem in sorted(problems, key=lambda each: each.severity != Severity.ERROR):
        where = f" [{problem.node}]" if problem.node else ""
        print(plain(f"  {problem.severity.lower():7} {problem.code}{where}: {problem.message}"))


def counted(problems: list[Problem]) -> str:
    """How many problems there are, in words."""
    errors = sum(problem.severity == Severity.ERROR for problem in problems)
    warnings = len(problems) - errors
    parts = [
        f"{count} {word}{'s' * (count != 1)}" for count, word in ((errors, "error"), (warnings, "warning")) if count
    ]
    return ", ".join(parts) or "no problems"


def print_json(value: dict[str, Any]) -> None:
    """The one JSON object that a command with `--json` prints; numbers stay exact."""
    print_text(exact_json.dumps(value))


def print_text(text: str) -> None:
    """Text for programs: UTF-8 on stdout, whatever the locale says."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode() + b"\n")
    sys.stdout.buffer.flush()


def plain(text: str, keep: str = "") -> str:
    """The text with everything unprintable spelled out, so that no name moves a terminal's cursor."""
    return "".join(
        char if char.isprintable() or char in keep else char.encode("unicode_escape", "replace").decode()
        for char in text
    )
