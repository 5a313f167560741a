"""`orchestrator doctor`: looks the deployment over that the environment describes."""

import asyncio
import sys
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from services import logging
from services.cli.console import status, table
from services.cli.failure import Exit, plain, print_json
from services.doctor.finding import Finding, Level, examine, failed, worst
from services.doctor.machine import Machine
from services.doctor.postgresql import PostgreSql
from services.doctor.temporal import Temporal
from services.settings import Settings, SettingsError, load_settings

_HIDDEN = "[redacted]"


async def doctor(as_json: bool) -> Exit:
    """The whole command: exit code 1 if something doesn't work."""
    # What is wrong is in the report.
    logging.configure("CRITICAL", "console", "doctor")
    try:
        settings = load_settings()
    except SettingsError as error:
        findings = [failed("settings", line, "correct it") for line in str(error).split("; ")]
    else:
        with status("Looking at PostgreSQL, Temporal and this machine …"):
            findings = [_without_secrets(finding, settings) for finding in await _examined(settings)]
    level = worst(findings)
    if as_json:
        checks = [
            {"check": one.subject, "status": str(one.level), "message": one.message, "advice": one.advice}
            for one in findings
        ]
        print_json({"status": str(level), "checks": checks})
    else:
        _print(findings)
    return Exit.FAILED if level is Level.FAILED else Exit.OK


async def _examined(settings: Settings) -> list[Finding]:
    parts = (
        ("PostgreSQL", PostgreSql(settings).check),
        ("Temporal", Temporal(settings).check),
        ("this machine", Machine(settings).check),
    )
    found = await asyncio.gather(*(examine(subject, check) for subject, check in parts))
    return [finding for findings in found for finding in findings]


def _print(findings: list[Finding]) -> None:
    table(("check", "status", "found"), [(one.subject, one.level, one.message) for one in findings])
    to_do = [one for one in findings if one.level is not Level.OK]
    if to_do:
        print("\nWhat to do:")
    for one in to_do:
        print(plain(f"  {one.subject}: {one.advice}"))
    sys.stdout.flush()


def _without_secrets(finding: Finding, settings: Settings) -> Finding:
    message, advice = finding.message, finding.advice
    for secret in _secrets(settings):
        message, advice = message.replace(secret, _HIDDEN), advice.replace(secret, _HIDDEN)
    return Finding(finding.subject, finding.level, message, advice)


def _secrets(settings: Settings) -> Iterable[str]:
    """Every secret of the settings, whole and as the password within a URL, the longest first."""
    found: set[str] = set()
    for value in settings.model_dump().values():
        if isinstance(value, SecretStr):
            text = value.get_secret_value()
            password = urlsplit(text).password if "://" in text else None
            found |= {text, *(part.partition(":")[2] for part in text.split(",") if "://" not in text)}
            found |= {password, unquote(password)} if password else set()
    found.add(urlsplit(settings.orchestrator_files_url).password or "")
    return sorted((secret for secret in found if len(secret) > 3), key=len, reverse=True)
