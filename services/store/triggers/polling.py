"""Keeps what polling triggers know; implements the protocol of `activities.triggers.ports`."""

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from activities.triggers.ports import Binding, PollState, TriggerGoneError
from orchestrator import exact_json
from services.store.adapters import outages_named
from services.store.engine import Database
from services.store.triggers.polling_tables import PollingRow
from services.store.triggers.tables import BindingRow


class StoredPolls:
    """What is known, by binding: that of a node is the same in every version."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self, binding: Binding) -> PollState | None:
        """What is known."""
        async with outages_named(), self._database.reading() as session:
            row = await session.get(PollingRow, binding.id)
        if row is None:
            return None
        state = None if row.state is None else exact_json.loads(row.state)
        return PollState(row.source, state, row.failures, row.retry_at)

    async def save(self, binding: Binding, state: PollState) -> None:
        """Keeps what is known; TriggerGoneError if the trigger is turned off, so that it leaves nothing behind."""
        values = {
            "source": state.source,
            "state": None if state.state is None else exact_json.dumps(dict(state.state)),
            "failures": state.failures,
            "retry_at": state.retry_at,
        }
        statement = insert(PollingRow).values(binding_id=binding.id, **values)
        upsert = statement.on_conflict_do_update(index_elements=["binding_id"], set_=values)
        # Whoever turns it off waits for this, and then deletes what was kept.
        there = select(BindingRow.id).where(BindingRow.id == binding.id).with_for_update(read=True, key_share=True)
        async with outages_named(), self._database.transaction() as session:
            if await session.scalar(there) is None:
                raise TriggerGoneError(f"the trigger {binding.id!r} isn't turned on any more")
            await session.execute(upsert)

    async def forget(self, binding_id: str) -> None:
        """Forgets it."""
        async with outages_named(), self._database.transaction() as session:
            await session.execute(delete(PollingRow).where(PollingRow.binding_id == binding_id))
