"""Conversations: messages in the order in which they were appended, the oldest dropped."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from nodes.memory.request import Caller, Json, Message
from orchestrator import exact_json
from services.store.memory.listing import iso
from services.store.memory.tables import MessageRow, SessionRow
from services.store.memory.work import LIST_BYTES, Work, rows_of


class StoredBuffers:
    """See `nodes.memory.store.Buffers`."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def append(
        self, caller: Caller, session_key: str, messages: Sequence[Message], keep: int, keep_tokens: int | None
    ) -> Json:
        """See Buffers."""
        workspace = caller.workspace
        return await self._work.once(
            caller, lambda session: append(session, workspace, session_key, messages, keep, keep_tokens)
        )

    async def read(self, caller: Caller, session_key: str, limit: int, max_tokens: int | None) -> Json:
        """See Buffers."""
        async with self._work.reading() as session:
            return await read(session, caller.workspace, session_key, limit, max_tokens)

    async def clear(self, caller: Caller, session_key: str) -> Json:
        """See Buffers."""
        return await self._work.once(caller, lambda session: clear(session, caller.workspace, session_key))


async def append(
    session: AsyncSession,
    workspace: str,
    session_key: str,
    messages: Sequence[Message],
    keep: int,
    keep_tokens: int | None,
) -> Json:
    """Adds messages at the end and drops the oldest; tells how many there are now."""
    last = await _take_positions(session, workspace, session_key, len(messages))
    first = last - len(messages) + 1
    place = {"workspace": workspace, "session_key": session_key}
    rows = [
        {**place, "position": first + index, "role": one.role, "content": one.content, "tokens": one.tokens}
        for index, one in enumerate(messages)
    ]
    await session.execute(insert(MessageRow).values(rows))
    old = (*_of(workspace, session_key), MessageRow.position < first)
    await rows_of(session, delete(MessageRow).where(*old, MessageRow.position <= last - keep))
    if keep_tokens is not None:
        beyond = _newest(workspace, session_key).subquery()
        too_much = select(beyond.c.position).where(beyond.c.sum_of_tokens > keep_tokens)
        await rows_of(session, delete(MessageRow).where(*old, MessageRow.position.in_(too_much)))
    count = await session.scalar(select(func.count()).where(*_of(workspace, session_key)))
    return {"session_key": session_key, "appended": len(messages), "count": count}


async def read(session: AsyncSession, workspace: str, session_key: str, limit: int, max_tokens: int | None) -> Json:
    """The last messages that fit all limits, the oldest first."""
    newest = _newest(workspace, session_key).subquery()
    query = select(newest).where(newest.c.sum_of_bytes <= LIST_BYTES)
    if max_tokens is not None:
        query = query.where(newest.c.sum_of_tokens <= max_tokens)
    rows = (await session.execute(query.order_by(newest.c.position.desc()).limit(limit))).all()
    messages = [
        {"role": row.role, "content": exact_json.loads(row.content), "at": iso(row.at)} for row in reversed(rows)
    ]
    tokens = rows[-1].sum_of_tokens if rows else 0
    return {"session_key": session_key, "messages": messages, "count": len(messages), "tokens": int(tokens)}


async def clear(session: AsyncSession, workspace: str, session_key: str) -> Json:
    """Removes every message, and the conversation itself."""
    # Its lock comes first, as whoever appends takes it: so nothing is appended in between.
    place = (SessionRow.workspace == workspace, SessionRow.session_key == session_key)
    await session.execute(select(SessionRow.last_position).where(*place).with_for_update())
    cleared = await rows_of(session, delete(MessageRow).where(*_of(workspace, session_key)))
    await session.execute(delete(SessionRow).where(*place))
    return {"session_key": session_key, "cleared": cleared}


async def _take_positions(session: AsyncSession, workspace: str, session_key: str, count: int) -> int:
    """The last of the next positions; the conversation stays locked, so that they become visible in order."""
    new = insert(SessionRow).values(workspace=workspace, session_key=session_key, last_position=count)
    taken = new.on_conflict_do_update(
        index_elements=SessionRow.__table__.primary_key,
        set_={"last_position": SessionRow.last_position + count, "updated_at": func.now()},
    )
    last: int = (await session.scalars(taken.returning(SessionRow.last_position))).one()
    return last


def _of(workspace: str, session_key: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return (MessageRow.workspace == workspace, MessageRow.session_key == session_key)


def _newest(workspace: str, session_key: str) -> Select[*tuple[Any, ...]]:
    """The messages, with the sum of tokens and bytes from the newest down to each."""
    down: dict[str, Any] = {"order_by": MessageRow.position.desc(), "rows": (None, 0)}
    return select(
        MessageRow.position,
        MessageRow.role,
        MessageRow.content,
        MessageRow.at,
        func.sum(MessageRow.tokens).over(**down).label("sum_of_tokens"),
        func.sum(func.octet_length(MessageRow.content)).over(**down).label("sum_of_bytes"),
    ).where(*_of(workspace, session_key))
