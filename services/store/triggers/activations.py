"""Activations and the bindings of their triggers: what is turned on, replaced and turned off in one transaction."""

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from activities.triggers.ports import Binding
from orchestrator import exact_json
from services.store.triggers.tables import ActivationRow, BindingRow, PathRow, UnsettledRow
from services.store.workflows import version_name

_UNIQUE_ADDRESS = "uq_trigger_bindings_address"


class AddressTakenError(ValueError):
    """An address is another workflow's: which."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


@dataclass(frozen=True)
class Wanted:
    """A trigger that is to be turned on: by time, or at an address."""

    id: str
    node: str
    subtype: str
    parameters: str
    address: str | None = None


async def find(session: AsyncSession, workflow_id: str) -> ActivationRow | None:
    """The activation of a workflow."""
    return await session.get(ActivationRow, workflow_id)


async def bindings(session: AsyncSession, workflow_id: str) -> Sequence[BindingRow]:
    """The triggers of a workflow that are turned on."""
    query = select(BindingRow).where(BindingRow.workflow_id == workflow_id).order_by(BindingRow.node)
    return (await session.scalars(query)).all()


async def active_versions(session: AsyncSession, workflow_ids: Sequence[str]) -> Mapping[str, int]:
    """The active versions of those of the workflows that have one."""
    if not workflow_ids:
        return {}
    query = select(ActivationRow.workflow_id, ActivationRow.version).where(ActivationRow.workflow_id.in_(workflow_ids))
    return {row.workflow_id: row.version for row in await session.execute(query)}


async def at_address(session: AsyncSession, address: str) -> Binding | None:
    """The trigger that is called by an address."""
    query = select(BindingRow, ActivationRow.activated_by).join(ActivationRow)
    found = (await session.execute(query.where(BindingRow.address == address))).one_or_none()
    return None if found is None else as_binding(found[0], activated_by=found[1])


async def replace(
    session: AsyncSession, activation: ActivationRow, wanted: Sequence[Wanted], timed: Collection[str]
) -> Sequence[str]:
    """Turns these triggers on in place of those that were on; AddressTakenError if an address is another's.

    Notes, and gives, the bindings that Temporal has to hear of: those of the `timed` subtypes, old and new.
    """
    known = {row.id: row for row in await bindings(session, activation.workflow_id)}
    await _check_addresses(session, activation.workflow_id, wanted)
    await session.merge(activation)
    await session.flush()
    await session.execute(delete(BindingRow).where(BindingRow.workflow_id == activation.workflow_id))
    for row in known.values():
        session.expunge(row)
    session.add_all(_row(activation, one, known.get(one.id)) for one in wanted)
    try:
        await session.flush()
    except IntegrityError as error:
        if _UNIQUE_ADDRESS not in str(error.orig):
            raise
        # Another activation was faster by a moment.
        raise AddressTakenError("") from error
    changed = {row.id for row in known.values() if row.subtype in timed}
    changed |= {one.id for one in wanted if one.subtype in timed}
    return await _unsettle(session, changed)


async def remove(session: AsyncSession, workflow_id: str, timed: Collection[str]) -> Sequence[str]:
    """Turns off what is on; notes, and gives, the bindings that Temporal has to hear of."""
    known = [row.id for row in await bindings(session, workflow_id) if row.subtype in timed]
    await session.execute(delete(ActivationRow).where(ActivationRow.workflow_id == workflow_id))
    return await _unsettle(session, known)


async def _unsettle(session: AsyncSession, binding_ids: Iterable[str]) -> Sequence[str]:
    values = [{"binding_id": binding_id, "changed_at": datetime.now(UTC)} for binding_id in sorted(binding_ids)]
    if values:
        statement = insert(UnsettledRow).values(values)
        changed = {"changed_at": statement.excluded.changed_at}
        await session.execute(statement.on_conflict_do_update(index_elements=["binding_id"], set_=changed))
    return [str(value["binding_id"]) for value in values]


async def unsettle_all(session: AsyncSession, *, dry_run: bool = False) -> int:
    """Has Temporal told of every trigger that is turned on, as if each had just changed; how many there are."""
    known = (await session.scalars(select(BindingRow.id))).all()
    if not dry_run:
        await _unsettle(session, known)
    return len(known)


async def unsettled(session: AsyncSession) -> Sequence[str]:
    """The bindings that Temporal has to hear of, the oldest change first."""
    return (await session.scalars(select(UnsettledRow.binding_id).order_by(UnsettledRow.changed_at))).all()


async def take_unsettled(session: AsyncSession, binding_id: str) -> bool:
    """Whether it is still to be told, and nobody else is telling it; until the transaction ends, it stands still."""
    query = select(UnsettledRow.binding_id).where(UnsettledRow.binding_id == binding_id)
    return await session.scalar(query.with_for_update(skip_locked=True)) is not None


async def settled(session: AsyncSession, binding_id: str) -> None:
    """Temporal has heard of it."""
    await session.execute(delete(UnsettledRow).where(UnsettledRow.binding_id == binding_id))


async def binding(session: AsyncSession, binding_id: str) -> Binding | None:
    """A trigger that is turned on."""
    row = await session.get(BindingRow, binding_id, populate_existing=True)
    activation = await session.get(ActivationRow, row.workflow_id) if row else None
    if row is None or activation is None:
        return None
    return as_binding(row, await version_name(session, row.version_id), activation.activated_by)


def as_binding(row: BindingRow, workflow_name: str = "", activated_by: str = "") -> Binding:
    """A row as activities see it."""
    parameters = exact_json.loads(row.parameters)
    return Binding(
        row.id,
        row.workflow_id,
        row.version_id,
        row.workspace,
        row.node,
        row.subtype,
        parameters,
        workflow_name,
        activated_by,
    )


async def own_path(session: AsyncSession, workflow_id: str, node_id: str) -> str:
    """The path that a node keeps, made now if it has none: 144 bits that nobody guesses."""
    values = {"workflow_id": workflow_id, "node_id": node_id, "path": secrets.token_urlsafe(18)}
    await session.execute(insert(PathRow).values(values).on_conflict_do_nothing())
    found = await session.get_one(PathRow, (workflow_id, node_id), populate_existing=True)
    return found.path


async def _check_addresses(session: AsyncSession, workflow_id: str, wanted: Sequence[Wanted]) -> None:
    addresses = [one.address for one in wanted if one.address]
    query = select(BindingRow.address).where(BindingRow.address.in_(addresses), BindingRow.workflow_id != workflow_id)
    taken = await session.scalar(query.limit(1)) if addresses else None
    if taken is not None:
        raise AddressTakenError(taken)


def _row(activation: ActivationRow, wanted: Wanted, known: BindingRow | None) -> BindingRow:
    return BindingRow(
        id=wanted.id,
        workflow_id=activation.workflow_id,
        version_id=activation.version_id,
        workspace=activation.workspace,
        node=wanted.node,
        subtype=wanted.subtype,
        address=wanted.address,
        parameters=wanted.parameters,
        last_started_at=known.last_started_at if known else None,
        last_execution_id=known.last_execution_id if known else "",
        problem="",
    )
