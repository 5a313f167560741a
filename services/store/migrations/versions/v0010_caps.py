"""Limit the size of what runs work on, and the number of their node runs."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_LIMITS = ("max_payload_bytes", "max_node_runs")


def upgrade() -> None:
    for name in _LIMITS:
        op.add_column("workspace_limits", sa.Column(name, sa.Integer(), nullable=True))


def downgrade() -> None:
    for name in _LIMITS:
        op.drop_column("workspace_limits", name)
