"""What `orchestrator reconcile` does: after a restore, on the database and Temporal themselves."""

from collections.abc import Sequence

from temporalio.service import RPCError

from services.cli.failure import Exit, Failure, print_json, print_text
from services.cli.operating import operated, temporal
from services.usecases.restoring import Ledger, restore_agreement
from temporal.client import Runs

_SHOWN = 20


async def reconcile(dry_run: bool, as_json: bool) -> Exit:
    """Close, terminate and settle what the two sides disagree on, and say what it was."""
    async with operated("reconcile") as (settings, database):
        runs = Runs(await temporal(settings), settings.orchestrator_task_queue)
        try:
            found = await restore_agreement(Ledger(database, runs), dry_run=dry_run)
        except RPCError as error:
            raise Failure(f"Temporal refused: {error.message}", "UNAVAILABLE") from None
    if as_json:
        print_json(
            {
                "dry_run": dry_run,
                "closed": list(found.closed),
                "unknown": list(found.unknown),
                "repeated": list(found.repeated),
                "triggers": found.triggers,
            }
        )
        return Exit.OK
    would = "would be " if dry_run else ""
    print_text(f"{_runs(found.closed)} open on record but not in Temporal: {would}closed")
    print_text(f"{_runs(found.unknown)} in Temporal without a record: {would}terminated")
    print_text(f"{_runs(found.repeated)} in Temporal but ended on record: {would}terminated")
    print_text(f"{found.triggers} triggers: {would}told to Temporal anew, by the servers")
    return Exit.OK


def _runs(ids: Sequence[str]) -> str:
    shown = ", ".join(ids[:_SHOWN]) + (", …" if len(ids) > _SHOWN else "")
    return f"{len(ids)} run{'' if len(ids) == 1 else 's'}" + (f" ({shown})" if ids else "")
