"""Reads what the command line names: a workflow's file, and a run's input."""

import contextlib
import os
import stat
import sys
from pathlib import Path
from typing import Any

from orchestrator import exact_json
from orchestrator.definition import MAX_BYTES, read_json
from orchestrator.errors import DefinitionError, Problem
from orchestrator.items import OUTPUT_LIMIT
from orchestrator.model import Workflow
from services.cli.failure import from_definition, invalid

_SECRETS_BYTES = 256 * 1024


def read_workflow(path: Path) -> Workflow:
    """The workflow in a file; whatever the file holds, a Failure lists what is wrong."""
    content = _read(path, MAX_BYTES, "UNREADABLE_FILE", "DEFINITION_TOO_LARGE")
    try:
        return read_json(content)
    except DefinitionError as error:
        raise from_definition(error) from None


def read_input(argument: str | None) -> str:
    """The JSON text of a run's input, given as it is or as @FILE; empty without one."""
    if argument is None:
        return ""
    text = _input_text(argument)
    try:
        value = exact_json.loads(text)
    except exact_json.NotJson as error:
        raise _bad_input(f"the input isn't JSON: {error}") from None
    if not isinstance(value, dict) and not (isinstance(value, list) and all(isinstance(item, dict) for item in value)):
        raise _bad_input("the input must be one JSON object, or a list of objects")
    return text


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file of secrets; a Failure never shows what is in it."""
    content = _read(path, _SECRETS_BYTES, "UNREADABLE_FILE", "UNREADABLE_FILE")
    try:
        value = exact_json.loads(content)
    except exact_json.NotJson:
        value = None
    if not isinstance(value, dict):
        message = f"{_shown(path)} doesn't hold a JSON object with the secret fields by name"
        raise invalid([Problem("INVALID_SECRETS", message)])
    return value


def _input_text(argument: str) -> str:
    if not argument.startswith("@"):
        return argument
    content = _read(Path(argument[1:]), OUTPUT_LIMIT, "INVALID_INPUT", "INVALID_INPUT")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise _bad_input(f"{_shown(Path(argument[1:]))} isn't UTF-8 text: {error.reason}") from None


def _bad_input(message: str) -> Exception:
    return invalid([Problem("INVALID_INPUT", f"{message}. Write it as JSON, or @FILE to read a file", field="input")])


def _read(path: Path, limit: int, unreadable: str, too_large: str) -> bytes:
    """At most `limit` bytes of a file; "-" is the standard input."""
    try:
        with contextlib.ExitStack() as stack:
            file = sys.stdin.buffer if str(path) == "-" else stack.enter_context(path.open("rb"))
            status = os.fstat(file.fileno())
            size = status.st_size if stat.S_ISREG(status.st_mode) else 0
            content = b"" if size > limit else file.read(limit + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise invalid([Problem(unreadable, f"can't read {_shown(path)}: {reason}")]) from None
    size = max(size, len(content))
    if size > limit:
        raise invalid([Problem(too_large, f"{_shown(path)} is larger than {limit:,} bytes, the most that is read")])
    return content


def _shown(path: Path) -> str:
    """A path that may be printed anywhere, whatever bytes it is made of."""
    return str(path).encode("utf-8", "replace").decode()
