"""What a check found, and how checks are carried out."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import StrEnum

Check = Callable[[], AsyncIterator["Finding"]]
# A server that doesn't answer holds the others' report up no longer.
_PATIENCE = 30.0


class Level(StrEnum):
    """How grave a finding is."""

    OK = "OK"
    WARNING = "WARNING"
    FAILED = "FAILED"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: how it is, and what to do where it isn't right."""

    subject: str
    level: Level
    message: str
    advice: str = ""


def ok(subject: str, message: str) -> Finding:
    """All is well."""
    return Finding(subject, Level.OK, message)


def warning(subject: str, message: str, advice: str) -> Finding:
    """It works, but not well, or not everything does."""
    return Finding(subject, Level.WARNING, message, advice)


def failed(subject: str, message: str, advice: str) -> Finding:
    """It doesn't work."""
    return Finding(subject, Level.FAILED, message, advice)


async def examine(subject: str, check: Check) -> list[Finding]:
    """What a check finds; also that it doesn't end, or that it breaks."""
    found: list[Finding] = []
    try:
        async with asyncio.timeout(_PATIENCE):
            async for finding in check():
                found.append(finding)
    except TimeoutError:
        found.append(failed(subject, f"no answer within {_PATIENCE:.0f} seconds", "is it there, and reachable?"))
    except Exception as error:  # noqa: BLE001 - whatever it is, the report must say it and go on
        said = f"the check broke: {type(error).__name__}: {str(error)[:300]}"
        found.append(failed(subject, said, "mend what it names, or report it"))
    return found


def worst(findings: list[Finding]) -> Level:
    """The gravest level among them."""
    order = list(Level)
    return max((finding.level for finding in findings), key=order.index, default=Level.OK)
