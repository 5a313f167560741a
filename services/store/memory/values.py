"""JSON values by key, with an expiry, changed atomically."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from nodes.action.transformation.statistics import total
from nodes.errors import PermanentError
from nodes.memory.request import Caller, Condition, Json, Page
from nodes.values import kind, shown
from orchestrator import exact_json
from services.store.ids import new_id
from services.store.memory.listing import iso, page_of
from services.store.memory.tables import ValueRow
from services.store.memory.work import Work, rows_of, unexpired


class StoredValues:
    """See `nodes.memory.store.Values`."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def get(self, caller: Caller, namespace: str, key: str) -> Json:
        """See Values."""
        async with self._work.reading() as session:
            return await get(session, caller.workspace, namespace, key)

    async def set(
        self, caller: Caller, namespace: str, key: str, value: str, ttl: float | None, condition: Condition
    ) -> Json:
        """See Values."""
        new = {"workspace": caller.workspace, "namespace": namespace, "key": key, "value": value}
        return await self._work.once(caller, lambda session: put(session, new, ttl, condition))

    async def increment(self, caller: Caller, namespace: str, key: str, by: Any, ttl: float | None) -> Json:
        """See Values."""
        return await self._work.once(
            caller, lambda session: increment(session, caller.workspace, namespace, key, by, ttl)
        )

    async def delete(self, caller: Caller, namespace: str, key: str) -> Json:
        """See Values."""
        return await self._work.once(caller, lambda session: remove(session, caller.workspace, namespace, key))

    async def list(self, caller: Caller, namespace: str, page: Page) -> Json:
        """See Values."""
        async with self._work.reading() as session:
            return await listed(session, caller.workspace, namespace, page)


async def get(session: AsyncSession, workspace: str, namespace: str, key: str) -> Json:
    """The value, if there is one that hasn't expired."""
    query = select(*_SHOWN).where(*_at(workspace, namespace, key), unexpired(ValueRow.expires_at))
    row = (await session.execute(query)).one_or_none()
    return {"key": key, "found": False, "value": None} if row is None else {**_entry(row), "found": True}


async def put(session: AsyncSession, new: Json, ttl: float | None, condition: Condition) -> Json:
    """Stores a value if the condition holds; tells the version that is there now."""
    place = _at(new["workspace"], new["namespace"], new["key"])
    changed = {"value": new["value"], "version": new_id(), "expires_at": _expiry(ttl), "updated_at": func.now()}
    if condition.if_version is not None:
        same = (*place, ValueRow.version == condition.if_version, unexpired(ValueRow.expires_at))
        stored = await session.scalar(update(ValueRow).where(*same).values(changed).returning(ValueRow.version))
    else:
        free = ~unexpired(ValueRow.expires_at) if condition.if_absent else None
        upsert = insert(ValueRow).values({**new, **changed})
        upsert = upsert.on_conflict_do_update(index_elements=ValueRow.__table__.primary_key, set_=changed, where=free)
        stored = await session.scalar(upsert.returning(ValueRow.version))
    if stored is None:
        current = select(ValueRow.version).where(*place, unexpired(ValueRow.expires_at))
        return {"key": new["key"], "stored": False, "version": await session.scalar(current)}
    return {"key": new["key"], "stored": True, "version": stored}


async def increment(
    session: AsyncSession, workspace: str, namespace: str, key: str, by: Any, ttl: float | None
) -> Json:
    """Adds to a number while the row is locked; PermanentError if it is no number."""
    row = await _locked(session, workspace, namespace, key)
    gone = row.expires_at is not None and row.expires_at <= row.clock
    current = 0 if gone else exact_json.loads(row.value)
    if kind(current) != "number":
        raise PermanentError(
            f'the value of the key "{key[:100]}" is {shown(current)}; only a number can be incremented',
            code="NOT_A_NUMBER",
            hint="use another key, or set it to a number first",
        )
    value = total([(0, current), (0, by)], "value")
    fresh = gone or row.version == ""
    expires_at = _expiry(ttl) if fresh else row.expires_at
    change = update(ValueRow).where(*_at(workspace, namespace, key))
    version = new_id()
    await session.execute(
        change.values(value=_text(value), version=version, expires_at=expires_at, updated_at=func.now())
    )
    return {"key": key, "value": value, "version": version}


async def remove(session: AsyncSession, workspace: str, namespace: str, key: str) -> Json:
    """Removes a value, if there is one."""
    place = _at(workspace, namespace, key)
    found = await rows_of(session, delete(ValueRow).where(*place, unexpired(ValueRow.expires_at)))
    if not found:
        await session.execute(delete(ValueRow).where(*place))
    return {"key": key, "deleted": bool(found)}


async def listed(session: AsyncSession, workspace: str, namespace: str, page: Page) -> Json:
    """Values in the order of their keys, and where to go on."""
    query = select(*(_SHOWN if page.contents else (ValueRow.key,)))
    query = query.where(
        ValueRow.workspace == workspace, ValueRow.namespace == namespace, unexpired(ValueRow.expires_at)
    )
    rows, following = await page_of(session, query, ValueRow.key, ValueRow.value, page)
    return {"entries": [_entry(row) if page.contents else {"key": row.key} for row in rows], "next": following}


_SHOWN = (ValueRow.key, ValueRow.value, ValueRow.version, ValueRow.expires_at, ValueRow.updated_at)


async def _locked(session: AsyncSession, workspace: str, namespace: str, key: str) -> Row[Any]:
    """The row, made if there is none (then without a version), and held until the transaction ends."""
    new = {"workspace": workspace, "namespace": namespace, "key": key, "value": "0", "version": ""}
    made = (
        insert(ValueRow)
        .values(new)
        .on_conflict_do_update(index_elements=ValueRow.__table__.primary_key, set_={"key": key})
    )
    columns = (ValueRow.value, ValueRow.version, ValueRow.expires_at, func.clock_timestamp().label("clock"))
    return (await session.execute(made.returning(*columns))).one()


def _at(workspace: str, namespace: str, key: str) -> Sequence[Any]:
    return (ValueRow.workspace == workspace, ValueRow.namespace == namespace, ValueRow.key == key)


def _expiry(ttl: float | None) -> Any:
    return None if ttl is None else func.clock_timestamp() + timedelta(seconds=ttl)


def _text(value: Any) -> str:
    try:
        return exact_json.dumps(value)
    except exact_json.NotJson as error:
        raise PermanentError(f"the sum can't be kept: {error.message}", code="INVALID_VALUE") from None


def _entry(row: Any) -> Json:
    return {
        "key": row.key,
        "value": exact_json.loads(row.value),
        "version": row.version,
        "expires_at": iso(row.expires_at),
        "updated_at": iso(row.updated_at),
    }
