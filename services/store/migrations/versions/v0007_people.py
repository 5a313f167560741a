"""Keep how people are asked, reminded and what they did."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_TEXTS = ("credential", "on_timeout", "requester", "answered_via")
_ADDED = (
    *_TEXTS,
    "status",
    "channel",
    "labels",
    "form",
    "run_index",
    "item",
    "deadline",
    "required",
    "excluded",
    "delivery",
)


def upgrade() -> None:
    for name in _TEXTS:
        op.add_column("human_tasks", sa.Column(name, sa.Text(), server_default="", nullable=False))
    op.add_column("human_tasks", sa.Column("status", sa.Text(), server_default="OPEN", nullable=False))
    op.add_column("human_tasks", sa.Column("channel", sa.Text(), server_default="TOOL", nullable=False))
    for name in ("labels", "excluded"):
        texts: sa.Column[list[str]] = sa.Column(
            name, postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False
        )
        op.add_column("human_tasks", texts)
    for name, default in (("run_index", "0"), ("item", "0"), ("required", "1")):
        op.add_column("human_tasks", sa.Column(name, sa.Integer(), server_default=default, nullable=False))
    for name in ("form", "delivery"):
        op.add_column("human_tasks", sa.Column(name, sa.Text(), nullable=True))
    op.add_column("human_tasks", sa.Column("deadline", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE human_tasks SET status = 'ANSWERED' WHERE decision IS NOT NULL")
    op.create_check_constraint("status", "human_tasks", "status IN ('OPEN', 'ANSWERED', 'CANCELED', 'EXPIRED')")
    is_open = sa.text("status = 'OPEN'")
    op.create_index("ix_human_tasks_open", "human_tasks", ["created_at", "id"], postgresql_where=is_open)
    op.create_index(
        "ix_human_tasks_assignees", "human_tasks", ["assignees"], postgresql_using="gin", postgresql_where=is_open
    )
    _create_events()
    _create_links()


def downgrade() -> None:
    op.drop_table("task_links")
    op.drop_table("human_task_events")
    op.drop_index("ix_human_tasks_assignees", "human_tasks")
    op.drop_index("ix_human_tasks_open", "human_tasks")
    op.drop_constraint(op.f("ck_human_tasks_status"), "human_tasks", type_="check")
    for name in _ADDED:
        op.drop_column("human_tasks", name)


def _create_events() -> None:
    op.create_table(
        "human_task_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), server_default="", nullable=False),
        sa.Column("channel", sa.Text(), server_default="", nullable=False),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["task_id"], ["human_tasks.id"], name=op.f("fk_human_task_events_task_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_human_task_events")),
        sa.UniqueConstraint("task_id", "key", name=op.f("uq_human_task_events_task_id_key")),
    )


def _create_links() -> None:
    op.create_table(
        "task_links",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("code_hash", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["task_id"], ["human_tasks.id"], name=op.f("fk_task_links_task_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_task_links")),
    )
    op.create_index("ix_task_links_task_id", "task_links", ["task_id"])
