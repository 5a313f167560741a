"""Make the tables of users' memberships, sessions and API keys; scope everything by workspace."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_ROLES = "role IN ('OWNER', 'EDITOR', 'OPERATOR', 'APPROVER', 'VIEWER')"
_SCOPED = ("workflows", "workflow_versions", "workflow_executions")
# What was kept by user was, until now, kept by workspace: a user's id, and "default" for nobody's.
_BACKFILL = (
    "UPDATE workflows SET workspace = coalesce(nullif(user_id, ''), 'default')",
    "UPDATE workflow_versions SET workspace = coalesce(nullif(user_id, ''), 'default') WHERE workflow_id IS NULL",
    "UPDATE workflow_versions v SET workspace = w.workspace FROM workflows w WHERE w.id = v.workflow_id",
    "UPDATE workflow_executions e SET workspace = v.workspace FROM workflow_versions v WHERE v.id = e.version_id",
)
_AUDIT_COLUMNS = ("workspace", "object_type", "address", "via", "before", "after")
_APPEND_ONLY = """
CREATE FUNCTION audit_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the audit log is append-only: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END $$"""
_GUARDS = (
    "CREATE TRIGGER audit_log_rows BEFORE UPDATE OR DELETE ON audit_log "
    "FOR EACH ROW EXECUTE FUNCTION audit_log_is_append_only()",
    "CREATE TRIGGER audit_log_whole BEFORE TRUNCATE ON audit_log "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_log_is_append_only()",
)


def upgrade() -> None:
    _users()
    _workspaces()
    _sessions()
    _api_keys()
    for table in _SCOPED:
        op.add_column(table, sa.Column("workspace", sa.Text(), server_default="default", nullable=False))
    for statement in _BACKFILL:
        op.execute(statement)
    op.create_index(
        "ix_workflows_workspace",
        "workflows",
        ["workspace", "created_at", "id"],
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_workflow_executions_workspace", "workflow_executions", ["workspace", "status", "started_at", "id"]
    )
    op.drop_index("ix_workflow_executions_workflow_id", "workflow_executions")
    op.create_index(
        "ix_workflow_executions_workflow_id", "workflow_executions", ["workflow_id", "status", "started_at", "id"]
    )
    _audit_log()


def downgrade() -> None:
    op.execute("DROP TRIGGER audit_log_whole ON audit_log")
    op.execute("DROP TRIGGER audit_log_rows ON audit_log")
    op.execute("DROP FUNCTION audit_log_is_append_only")
    op.drop_index("ix_audit_log_object_id", "audit_log")
    for name in ("ix_audit_log_action", "ix_audit_log_actor", "ix_audit_log_workspace"):
        op.drop_index(name, "audit_log")
    for name in _AUDIT_COLUMNS:
        op.drop_column("audit_log", name)
    op.alter_column("audit_log", "actor", new_column_name="user_id")
    op.alter_column("audit_log", "object_id", new_column_name="subject")
    op.add_column("audit_log", _text("detail", server_default=""))
    op.create_index(op.f("ix_audit_log_at"), "audit_log", ["at"])
    op.drop_index("ix_workflow_executions_workflow_id", "workflow_executions")
    op.create_index("ix_workflow_executions_workflow_id", "workflow_executions", ["workflow_id", "started_at", "id"])
    op.drop_index("ix_workflow_executions_workspace", "workflow_executions")
    op.drop_index("ix_workflows_workspace", "workflows")
    for table in _SCOPED:
        op.drop_column(table, "workspace")
    for table in ("oidc_logins", "api_keys", "refresh_tokens", "sessions", "memberships", "workspaces"):
        op.drop_table(table)
    op.drop_constraint(op.f("uq_users_oidc_issuer_oidc_subject"), "users")
    for name in ("password_hash", "oidc_issuer", "oidc_subject", "disabled_at"):
        op.drop_column("users", name)


def _users() -> None:
    for name in ("password_hash", "oidc_issuer", "oidc_subject"):
        op.add_column("users", sa.Column(name, sa.Text(), nullable=True))
    op.add_column("users", _time("disabled_at", nullable=True))
    op.create_unique_constraint(op.f("uq_users_oidc_issuer_oidc_subject"), "users", ["oidc_issuer", "oidc_subject"])


def _workspaces() -> None:
    op.create_table(
        "workspaces",
        _text("id"),
        _text("name", server_default=""),
        _time("created_at", server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workspaces")),
    )
    op.create_table(
        "memberships",
        _text("workspace"),
        _text("user_id"),
        _text("role"),
        _time("joined_at", server_default=sa.text("now()")),
        sa.CheckConstraint(_ROLES, name=op.f("ck_memberships_role")),
        _reference("memberships", "workspace", "workspaces"),
        _reference("memberships", "user_id", "users"),
        sa.PrimaryKeyConstraint("workspace", "user_id", name=op.f("pk_memberships")),
    )
    op.create_index("ix_memberships_user_id", "memberships", ["user_id"])


def _sessions() -> None:
    op.create_table(
        "sessions",
        _text("id"),
        _text("user_id"),
        _text("address", server_default=""),
        _text("via", server_default=""),
        _time("created_at", server_default=sa.text("now()")),
        _time("expires_at"),
        _time("revoked_at", nullable=True),
        _text("revoked_for", server_default=""),
        _reference("sessions", "user_id", "users"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_table(
        "refresh_tokens",
        _text("sha256"),
        _text("session_id"),
        _time("created_at", server_default=sa.text("now()")),
        _time("used_at", nullable=True),
        _reference("refresh_tokens", "session_id", "sessions"),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_refresh_tokens")),
    )
    op.create_index("ix_refresh_tokens_session_id", "refresh_tokens", ["session_id"])
    op.create_table(
        "oidc_logins",
        _text("state_sha256"),
        _text("redirect_uri"),
        sa.Column("verifier", sa.LargeBinary(), nullable=False),
        _text("nonce"),
        _time("expires_at"),
        sa.PrimaryKeyConstraint("state_sha256", name=op.f("pk_oidc_logins")),
    )


def _api_keys() -> None:
    op.create_table(
        "api_keys",
        _text("id"),
        _text("workspace"),
        _text("created_by"),
        _text("name"),
        _text("prefix"),
        _text("sha256"),
        _text("role"),
        _time("created_at", server_default=sa.text("now()")),
        _time("expires_at", nullable=True),
        _time("last_used_at", nullable=True),
        _time("revoked_at", nullable=True),
        sa.CheckConstraint(_ROLES, name=op.f("ck_api_keys_role")),
        _reference("api_keys", "workspace", "workspaces"),
        _reference("api_keys", "created_by", "users"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("sha256", name=op.f("uq_api_keys_sha256")),
    )
    op.create_index(op.f("ix_api_keys_created_by"), "api_keys", ["created_by"])
    op.create_index(
        "ix_api_keys_workspace",
        "api_keys",
        ["workspace", "created_at", "id"],
        postgresql_where=sa.text("revoked_at IS NULL"),
    )


def _audit_log() -> None:
    op.alter_column("audit_log", "user_id", new_column_name="actor")
    op.alter_column("audit_log", "subject", new_column_name="object_id")
    op.drop_column("audit_log", "detail")
    for name in _AUDIT_COLUMNS:
        op.add_column("audit_log", _text(name, server_default=""))
    op.drop_index(op.f("ix_audit_log_at"), "audit_log")
    op.create_index("ix_audit_log_workspace", "audit_log", ["workspace", "at", "id"])
    op.create_index("ix_audit_log_actor", "audit_log", ["workspace", "actor", "at", "id"])
    op.create_index("ix_audit_log_action", "audit_log", ["workspace", "action", "at", "id"])
    op.create_index("ix_audit_log_object_id", "audit_log", ["object_id", "at"])
    op.execute(_APPEND_ONLY)
    for statement in _GUARDS:
        op.execute(statement)


def _text(name: str, **options: Any) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, **options)


def _time(name: str, *, nullable: bool = False, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, **options)


def _reference(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}"), ondelete="CASCADE")
