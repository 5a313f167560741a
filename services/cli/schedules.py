"""What `orchestrator schedules …` does, on the database and Temporal themselves: they are the operator's to steer."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from temporalio.service import RPCError, RPCStatusCode

from services.cli.console import table
from services.cli.failure import Exit, Failure, plain, print_json
from services.cli.operating import operated, temporal
from services.identity.caller import Caller, Role
from services.store.audit import audit
from services.store.engine import Database
from services.store.triggers.tables import BindingRow
from services.usecases.activating import TIMED
from temporal.schedules import OVERLAPS, Steering, TimerView


async def show(workflow_id: str, as_json: bool) -> Exit:
    """List the schedules."""
    async with _operated() as (database, schedules):
        rows = await _bindings(database, workflow_id)
        views = await schedules.describe([row.id for row in rows])
    return _print([(row, views.get(row.id, TimerView())) for row in rows], as_json)


async def pause(workflow_id: str, trigger: str, reason: str, as_json: bool) -> Exit:
    """Have them start nothing."""

    async def act(schedules: Steering, row: BindingRow) -> None:
        await schedules.pause(row.id, reason)

    return await _steer(workflow_id, trigger, "pause", act, {"reason": reason}, as_json)


async def resume(workflow_id: str, trigger: str, reason: str, as_json: bool) -> Exit:
    """Have them go on."""

    async def act(schedules: Steering, row: BindingRow) -> None:
        await schedules.resume(row.id, reason)

    return await _steer(workflow_id, trigger, "resume", act, {"reason": reason}, as_json)


async def backfill(workflow_id: str, trigger: str, period: tuple[str, str], overlap: str, as_json: bool) -> Exit:
    """Make up for a period."""
    begin, end = (_time(text) for text in period)
    if not begin < end <= datetime.now(UTC):
        raise Failure("--from must lie before --to, and --to must not lie in the future", "BAD_PERIOD")
    if overlap not in OVERLAPS:
        raise Failure(f"--overlap is one of {', '.join(OVERLAPS)}", "BAD_OVERLAP")

    async def act(schedules: Steering, row: BindingRow) -> None:
        await schedules.backfill(row.id, begin, end, overlap)

    told = {"from": begin.isoformat(), "to": end.isoformat(), "overlap": overlap}
    return await _steer(workflow_id, trigger, "backfill", act, told, as_json, subtypes=frozenset({"CRON"}))


async def _steer(
    workflow_id: str,
    trigger: str,
    deed: str,
    act: Callable[[Steering, BindingRow], Awaitable[None]],
    told: Mapping[str, str],
    as_json: bool,
    subtypes: frozenset[str] = TIMED,
) -> Exit:
    async with _operated() as (database, schedules):
        rows = [
            row
            for row in await _bindings(database, workflow_id)
            if row.subtype in subtypes and trigger in ("", row.node)
        ]
        if not rows:
            named = f"no trigger {trigger!r}" if trigger else "no trigger"
            message = f"the workflow {workflow_id!r} has {named} that is active and of {' or '.join(sorted(subtypes))}"
            raise Failure(plain(message), "NO_SCHEDULE")
        for row in rows:
            # What isn't done isn't told: Temporal's refusal takes the entry back.
            async with database.transaction() as session:
                by = Caller("", row.workspace, Role.OWNER, via="cli")
                after = {"trigger": row.node, **told}
                audit(session, by, f"schedule.{deed}", "workflow", workflow_id, after=after, actor="operator")
                await session.flush()
                await act(schedules, row)
        views = await schedules.describe([row.id for row in rows])
    return _print([(row, views.get(row.id, TimerView())) for row in rows], as_json)


@asynccontextmanager
async def _operated() -> AsyncIterator[tuple[Database, Steering]]:
    async with operated("schedules") as (settings, database):
        schedules = Steering(await temporal(settings))
        try:
            yield database, schedules
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                message = "a trigger has no schedule yet; a server that runs makes it within half a minute"
                raise Failure(message, "NO_SCHEDULE") from None
            raise Failure(f"Temporal refused: {error.message}", "UNAVAILABLE") from None


async def _bindings(database: Database, workflow_id: str) -> Sequence[BindingRow]:
    query = select(BindingRow).where(BindingRow.subtype.in_(TIMED)).order_by(BindingRow.workflow_id, BindingRow.node)
    if workflow_id:
        query = query.where(BindingRow.workflow_id == workflow_id)
    async with database.reading() as session:
        return (await session.scalars(query)).all()


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Failure(f"{plain(text)!r} is no time; write it as 2026-11-01T09:30:00+01:00", "BAD_TIME") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _print(found: Sequence[tuple[BindingRow, TimerView]], as_json: bool) -> Exit:
    if as_json:
        print_json({"schedules": [_shown(row, view) for row, view in found]})
        return Exit.OK
    rows = [(row.workflow_id, row.node, row.subtype, _next(view), view.schedule_id) for row, view in found]
    table(("WORKFLOW", "TRIGGER", "TYPE", "NEXT", "SCHEDULE"), rows)
    return Exit.OK


def _next(view: TimerView) -> str:
    if not view.schedule_id:
        return "not made yet"
    times = [moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") for moment in view.next_times[:1]]
    return "paused" if view.paused else "".join(times)


def _shown(row: BindingRow, view: TimerView) -> dict[str, Any]:
    return {
        "workflow_id": row.workflow_id,
        "node": row.node,
        "subtype": row.subtype,
        "schedule_id": view.schedule_id,
        "paused": view.paused,
        "next_times": [moment.isoformat() for moment in view.next_times],
    }
