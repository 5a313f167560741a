"""Make the table of how long workspaces keep runs; let the audit log be deleted from after its days, if it has any."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_GUARD = """
CREATE OR REPLACE FUNCTION audit_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  kept integer;
BEGIN
  IF TG_OP = 'DELETE' THEN
    SELECT audit_days INTO kept FROM retention_days WHERE workspace = '';
    IF kept > 0 AND OLD.at < now() - make_interval(days => kept) THEN
      RETURN OLD;
    END IF;
  END IF;
  RAISE EXCEPTION 'the audit log is append-only: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END $$"""
_FORMER_GUARD = """
CREATE OR REPLACE FUNCTION audit_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the audit log is append-only: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END $$"""


def upgrade() -> None:
    op.create_table(
        "retention_days",
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=True),
        sa.Column("failed_days", sa.Integer(), nullable=True),
        sa.Column("audit_days", sa.Integer(), server_default="0", nullable=False),
        sa.Column("updated_by", sa.Text(), server_default="", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("workspace", name=op.f("pk_retention_days")),
    )
    op.execute(_GUARD)


def downgrade() -> None:
    op.execute(_FORMER_GUARD)
    op.drop_table("retention_days")
