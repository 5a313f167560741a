"""Give integrations a workspace and the fields that may be shown, and keep authorizations that are under way."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.drop_index("ix_integrations_user_id", table_name="integrations")
    op.alter_column("integrations", "user_id", new_column_name="workspace", server_default="default")
    op.execute("UPDATE integrations SET workspace = 'default' WHERE workspace = ''")
    # Nothing could be sealed before this migration, so there is no row that an empty value would spoil.
    op.execute("DELETE FROM integrations WHERE sealed IS NULL")
    op.alter_column("integrations", "sealed", existing_type=sa.LargeBinary(), nullable=False)
    op.add_column("integrations", sa.Column("shown_fields", sa.Text(), server_default="{}", nullable=False))
    op.create_index("ix_integrations_workspace", "integrations", ["workspace", "created_at", "id"], unique=False)
    op.add_column("workflow_versions", sa.Column("user_id", sa.Text(), server_default="", nullable=False))
    op.create_table(
        "oauth_authorizations",
        sa.Column("state_sha256", sa.Text(), nullable=False),
        sa.Column("integration_id", sa.Text(), nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("verifier", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["integration_id"],
            ["integrations.id"],
            name=op.f("fk_oauth_authorizations_integration_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("state_sha256", name=op.f("pk_oauth_authorizations")),
    )
    op.create_index(
        op.f("ix_oauth_authorizations_integration_id"), "oauth_authorizations", ["integration_id"], unique=False
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_oauth_authorizations_integration_id"), table_name="oauth_authorizations")
    op.drop_table("oauth_authorizations")
    op.drop_column("workflow_versions", "user_id")
    op.drop_index("ix_integrations_workspace", table_name="integrations")
    op.drop_column("integrations", "shown_fields")
    op.alter_column("integrations", "sealed", existing_type=sa.LargeBinary(), nullable=True)
    op.alter_column("integrations", "workspace", new_column_name="user_id", server_default="")
    op.create_index("ix_integrations_user_id", "integrations", ["user_id"], unique=False)
