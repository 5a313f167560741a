"""The tables of what happened to tasks, and of the links to them."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from services.store.tables import CASCADE, Base


class TaskEventRow(Base):
    """One thing that happened to a task; rows are only ever added. Those of one `key` are the same happening."""

    __tablename__ = "human_task_events"
    __table_args__ = (UniqueConstraint("task_id", "key"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    task_id: Mapped[str] = mapped_column(ForeignKey("human_tasks.id", ondelete=CASCADE))
    key: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    kind: Mapped[str]
    by: Mapped[str] = mapped_column(server_default="")
    channel: Mapped[str] = mapped_column(server_default="")
    text: Mapped[str] = mapped_column(server_default="")


class TaskLinkRow(Base):
    """A link by which one person answers one task; neither its token nor its code is kept, only their hashes.

    `attempts` counts wrong codes.
    """

    __tablename__ = "task_links"
    __table_args__ = (Index("ix_task_links_task_id", "task_id"),)

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    task_id: Mapped[str] = mapped_column(ForeignKey("human_tasks.id", ondelete=CASCADE))
    recipient: Mapped[str]
    code_hash: Mapped[str]
    attempts: Mapped[int] = mapped_column(server_default="0")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
