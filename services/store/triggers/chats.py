"""What was said in chats."""

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.store.triggers.tables import ChatTurnRow


async def add(session: AsyncSession, workflow_id: str, chat: str, execution_id: str, message: str) -> None:
    """Keeps a message with the run that answers it, once."""
    values = {"execution_id": execution_id, "workflow_id": workflow_id, "session": chat, "message": message}
    await session.execute(insert(ChatTurnRow).values(values).on_conflict_do_nothing())


async def reply(session: AsyncSession, execution_id: str, text: str) -> None:
    """Keeps what the answer was."""
    await session.execute(update(ChatTurnRow).where(ChatTurnRow.execution_id == execution_id).values(reply=text))


async def turns(session: AsyncSession, workflow_id: str, chat: str, limit: int) -> Sequence[ChatTurnRow]:
    """The latest turns of a chat, the oldest of them first."""
    query = select(ChatTurnRow).where(ChatTurnRow.workflow_id == workflow_id, ChatTurnRow.session == chat)
    found = await session.scalars(query.order_by(ChatTurnRow.created_at.desc()).limit(limit))
    return list(reversed(found.all()))
