"""Make the tables of what starts workflows by itself."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "activations",
        sa.Column("workflow_id", sa.Text(), nullable=False),
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("version_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("activated_by", sa.Text(), server_default="", nullable=False),
        sa.Column("activated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["workflow_id"], ["workflows.id"], name=op.f("fk_activations_workflow_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["version_id"], ["workflow_versions.id"], name=op.f("fk_activations_version_id")),
        sa.PrimaryKeyConstraint("workflow_id", name=op.f("pk_activations")),
    )
    op.create_index("ix_activations_workspace", "activations", ["workspace"])
    op.create_table(
        "trigger_bindings",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("workflow_id", sa.Text(), nullable=False),
        sa.Column("version_id", sa.Text(), nullable=False),
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("subtype", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("parameters", sa.Text(), server_default="{}", nullable=False),
        sa.Column("last_started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_execution_id", sa.Text(), server_default="", nullable=False),
        sa.Column("problem", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["workflow_id"],
            ["activations.workflow_id"],
            name=op.f("fk_trigger_bindings_workflow_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trigger_bindings")),
        sa.UniqueConstraint("workflow_id", "node", name=op.f("uq_trigger_bindings_workflow_id_node")),
        sa.UniqueConstraint("address", name=op.f("uq_trigger_bindings_address")),
    )
    op.create_table(
        "trigger_unsettled",
        sa.Column("binding_id", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("binding_id", name=op.f("pk_trigger_unsettled")),
    )
    op.create_table(
        "trigger_paths",
        sa.Column("workflow_id", sa.Text(), nullable=False),
        sa.Column("node_id", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workflow_id"], ["workflows.id"], name=op.f("fk_trigger_paths_workflow_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("workflow_id", "node_id", name=op.f("pk_trigger_paths")),
        sa.UniqueConstraint("path", name=op.f("uq_trigger_paths_path")),
    )
    op.create_table(
        "chat_turns",
        sa.Column("execution_id", sa.Text(), nullable=False),
        sa.Column("workflow_id", sa.Text(), nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("reply", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["workflow_executions.id"],
            name=op.f("fk_chat_turns_execution_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("execution_id", name=op.f("pk_chat_turns")),
    )
    op.create_index("ix_chat_turns_session", "chat_turns", ["workflow_id", "session", "created_at"])


def downgrade() -> None:
    op.drop_table("chat_turns")
    op.drop_table("trigger_paths")
    op.drop_table("trigger_unsettled")
    op.drop_table("trigger_bindings")
    op.drop_table("activations")
