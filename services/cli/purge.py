"""What `orchestrator executions purge` does, on the database itself."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from nodes.files.store import FileStore
from orchestrator.record import Status
from services.cli.failure import Exit, Failure, print_json, print_text
from services.cli.operating import operated
from services.usecases.retention import ENDED, Cleaner

_AGE = re.compile(r"(\d{1,6})([dh])")


async def purge(older_than: str, statuses: Sequence[str], workspace: str, dry_run: bool, as_json: bool) -> Exit:
    """Remove the runs, or count them."""
    age, chosen = _age(older_than), [_status(name) for name in statuses] or ENDED
    async with operated("purge") as (settings, database):
        cleaner = Cleaner(database, FileStore(settings.orchestrator_files_url))
        many = await cleaner.purge(datetime.now(UTC) - age, chosen, workspace, dry_run=dry_run)
    if as_json:
        print_json({"executions": many, "dry_run": dry_run})
    else:
        print_text(f"{many} run{'' if many == 1 else 's'} {'would be ' if dry_run else ''}deleted.")
    return Exit.OK


def _age(text: str) -> timedelta:
    match = _AGE.fullmatch(text.strip())
    if match is None or int(match[1]) == 0:
        raise Failure(f"--older-than: {text[:40]!r} isn't an age; write 30d or 12h", "BAD_AGE")
    number = int(match[1])
    try:
        age = timedelta(days=number) if match[2] == "d" else timedelta(hours=number)
        datetime.now(UTC) - age
    except OverflowError:
        raise Failure(f"--older-than: {text[:40]!r} is before all time", "BAD_AGE") from None
    return age


def _status(name: str) -> Status:
    found = next((status for status in ENDED if status.value == name.upper()), None)
    if found is None:
        known = ", ".join(ENDED)
        raise Failure(f"--status: {name[:40]!r} isn't one of {known}", "BAD_STATUS")
    return found
