"""The tables, as SQLAlchemy maps them; user data is kept as text, so that key order and digits survive."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    MetaData,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

CASCADE = "CASCADE"


class Base(DeclarativeBase):
    """All tables; constraints are named, so that migrations can refer to them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012
        str: Text(),
        datetime: DateTime(timezone=True),
        bytes: LargeBinary(),
        list[str]: ARRAY(Text()),
    }


class User(Base):
    """A person who signs in, with a password (its hash) or by an OpenID provider (issuer and subject), or both."""

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("oidc_issuer", "oidc_subject"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    email: Mapped[str | None] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(server_default="")
    password_hash: Mapped[str | None]
    oidc_issuer: Mapped[str | None]
    oidc_subject: Mapped[str | None]
    disabled_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class WorkflowRow(Base):
    """A workflow; what its latest version says is repeated here for lists."""

    __tablename__ = "workflows"
    __table_args__ = (
        Index("ix_workflows_listed", "created_at", "id", postgresql_where=text("deleted_at IS NULL")),
        Index("ix_workflows_user_id", "user_id", "created_at", "id"),
        Index("ix_workflows_workspace", "workspace", "created_at", "id", postgresql_where=text("deleted_at IS NULL")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    workspace: Mapped[str] = mapped_column(server_default="default")
    user_id: Mapped[str] = mapped_column(server_default="")
    name: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="")
    tags: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    node_count: Mapped[int] = mapped_column(server_default="0")
    version: Mapped[int]
    version_id: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    deleted_at: Mapped[datetime | None]


class VersionRow(Base):
    """One immutable definition; without a workflow, but with a user, when a node of an unsaved one is tested."""

    __tablename__ = "workflow_versions"
    __table_args__ = (UniqueConstraint("workflow_id", "version"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    workspace: Mapped[str] = mapped_column(server_default="default")
    workflow_id: Mapped[str | None] = mapped_column(ForeignKey("workflows.id", ondelete=CASCADE))
    user_id: Mapped[str] = mapped_column(server_default="")
    version: Mapped[int]
    name: Mapped[str] = mapped_column(server_default="")
    node_count: Mapped[int] = mapped_column(server_default="0")
    definition: Mapped[str]
    plan: Mapped[str | None]
    valid: Mapped[bool]
    problems: Mapped[str] = mapped_column(server_default="[]")
    restored_from: Mapped[int] = mapped_column(server_default="0")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ExecutionRow(Base):
    """One run. `start` is what Temporal was given without the plan; `last_sequence` numbers the run's events."""

    __tablename__ = "workflow_executions"
    __table_args__ = (
        UniqueConstraint("workflow_id", "request_id"),
        Index("ix_workflow_executions_started_at", "started_at", "id"),
        # With the status before the time: a list by status reads none but the rows that it shows.
        Index("ix_workflow_executions_workflow_id", "workflow_id", "status", "started_at", "id"),
        Index("ix_workflow_executions_workspace", "workspace", "status", "started_at", "id"),
        Index("ix_workflow_executions_version_id", "version_id"),
        Index(
            "ix_workflow_executions_open",
            "started_at",
            "id",
            postgresql_where=text("status IN ('RUNNING', 'PAUSED')"),
        ),
        CheckConstraint(
            "status IN ('RUNNING', 'PAUSED', 'COMPLETED', 'FAILED', 'CANCELED', 'TIMED_OUT')", name="status"
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    workspace: Mapped[str] = mapped_column(server_default="default")
    workflow_id: Mapped[str | None] = mapped_column(ForeignKey("workflows.id"))
    version_id: Mapped[str] = mapped_column(ForeignKey("workflow_versions.id"))
    workflow_name: Mapped[str] = mapped_column(server_default="")
    version: Mapped[int]
    mode: Mapped[str]
    status: Mapped[str]
    trigger: Mapped[str] = mapped_column(server_default="")
    user_id: Mapped[str] = mapped_column(server_default="")
    request_id: Mapped[str | None]
    parent_execution_id: Mapped[str] = mapped_column(server_default="")
    start: Mapped[str | None]
    error: Mapped[str | None]
    outputs: Mapped[str | None]
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime | None]
    last_sequence: Mapped[int] = mapped_column(BigInteger, server_default="1")
    status_sequence: Mapped[int | None] = mapped_column(BigInteger)
    status_at: Mapped[datetime | None]


class NodeRunRow(Base):
    """One run of one node. Its sequence numbers place it among the run's events."""

    __tablename__ = "node_runs"
    __table_args__ = (
        Index("ix_node_runs_last_sequence", "execution_id", "last_sequence"),
        CheckConstraint(
            "status IN ('RUNNING', 'WAITING', 'RETRYING', 'COMPLETED', 'FAILED', 'CANCELED')", name="status"
        ),
    )

    execution_id: Mapped[str] = mapped_column(ForeignKey("workflow_executions.id", ondelete=CASCADE), primary_key=True)
    node: Mapped[str] = mapped_column(primary_key=True)
    run_index: Mapped[int] = mapped_column(primary_key=True)
    status: Mapped[str]
    attempt: Mapped[int] = mapped_column(server_default="1")
    started_at: Mapped[datetime | None]
    waiting_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    inputs: Mapped[str | None]
    outputs: Mapped[str | None]
    error: Mapped[str | None]
    logs: Mapped[str | None]
    reused: Mapped[bool] = mapped_column(server_default=text("false"))
    cached: Mapped[bool] = mapped_column(server_default=text("false"))
    parent: Mapped[str] = mapped_column(server_default="")
    usage: Mapped[str | None]
    started_sequence: Mapped[int] = mapped_column(BigInteger)
    waiting_sequence: Mapped[int | None] = mapped_column(BigInteger)
    finished_sequence: Mapped[int | None] = mapped_column(BigInteger)
    last_sequence: Mapped[int] = mapped_column(BigInteger)


class AttemptRow(Base):
    """A failed attempt at a node run that was repeated; `item` is -1 where no single item was at fault."""

    __tablename__ = "node_attempts"
    __table_args__ = (
        ForeignKeyConstraint(
            ["execution_id", "node", "run_index"],
            ["node_runs.execution_id", "node_runs.node", "node_runs.run_index"],
            ondelete=CASCADE,
        ),
    )

    execution_id: Mapped[str] = mapped_column(primary_key=True)
    node: Mapped[str] = mapped_column(primary_key=True)
    run_index: Mapped[int] = mapped_column(primary_key=True)
    item: Mapped[int] = mapped_column(primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True)
    failed_at: Mapped[datetime]
    error: Mapped[str]


class ConversationRow(Base):
    """One thing said in an agent's conversation; what is written once stays."""

    __tablename__ = "conversation_entries"

    execution_id: Mapped[str] = mapped_column(ForeignKey("workflow_executions.id", ondelete=CASCADE), primary_key=True)
    agent: Mapped[str] = mapped_column(primary_key=True)
    run_index: Mapped[int] = mapped_column(primary_key=True)
    item: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str]


class HumanTaskRow(Base):
    """Something that a run asks people; `subject` is the JSON of what they decide about.

    `form` is the JSON list of the fields to fill in, `labels` what people read for each option. `delivery` is the JSON
    of where the task lies in its channel, by the credential `credential`. `required` people must agree.
    """

    __tablename__ = "human_tasks"
    __table_args__ = (
        Index("ix_human_tasks_execution_id", "execution_id"),
        Index("ix_human_tasks_listed", "workspace", "created_at", "id"),
        Index("ix_human_tasks_open", "created_at", "id", postgresql_where=text("status = 'OPEN'")),
        Index(
            "ix_human_tasks_assignees",
            "assignees",
            postgresql_using="gin",
            postgresql_where=text("status = 'OPEN'"),
        ),
        CheckConstraint("status IN ('OPEN', 'ANSWERED', 'CANCELED', 'EXPIRED')", name="status"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    workspace: Mapped[str]
    execution_id: Mapped[str] = mapped_column(ForeignKey("workflow_executions.id", ondelete=CASCADE))
    node: Mapped[str]
    title: Mapped[str]
    message: Mapped[str] = mapped_column(server_default="")
    subject: Mapped[str | None]
    options: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    assignees: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    decision: Mapped[str | None]
    answered_by: Mapped[str] = mapped_column(server_default="")
    answered_at: Mapped[datetime | None]
    fields: Mapped[str | None]
    comment: Mapped[str] = mapped_column(server_default="")
    status: Mapped[str] = mapped_column(server_default="OPEN")
    channel: Mapped[str] = mapped_column(server_default="TOOL")
    credential: Mapped[str] = mapped_column(server_default="")
    labels: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    form: Mapped[str | None]
    run_index: Mapped[int] = mapped_column(server_default="0")
    item: Mapped[int] = mapped_column(server_default="0")
    deadline: Mapped[datetime | None]
    on_timeout: Mapped[str] = mapped_column(server_default="")
    required: Mapped[int] = mapped_column(server_default="1")
    requester: Mapped[str] = mapped_column(server_default="")
    excluded: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    delivery: Mapped[str | None]
    answered_via: Mapped[str] = mapped_column(server_default="")


class CheckpointRow(Base):
    """The outputs of one item that a per-item node run has finished."""

    __tablename__ = "checkpoints"

    execution_id: Mapped[str] = mapped_column(ForeignKey("workflow_executions.id", ondelete=CASCADE), primary_key=True)
    node: Mapped[str] = mapped_column(primary_key=True)
    run_index: Mapped[int] = mapped_column(primary_key=True)
    item: Mapped[int] = mapped_column(primary_key=True)
    outputs: Mapped[str]


class PayloadRow(Base):
    """A body kept once, under its content hash."""

    __tablename__ = "payloads"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    body: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class PayloadLinkRow(Base):
    """Says that an execution refers to a payload."""

    __tablename__ = "payload_links"
    __table_args__ = (Index("ix_payload_links_sha256", "sha256"),)

    execution_id: Mapped[str] = mapped_column(ForeignKey("workflow_executions.id", ondelete=CASCADE), primary_key=True)
    sha256: Mapped[str] = mapped_column(ForeignKey("payloads.sha256"), primary_key=True)


class IntegrationRow(Base):
    """A stored connection to a third party. What counts is sealed; hosts and fields beside it are to be shown."""

    __tablename__ = "integrations"
    __table_args__ = (Index("ix_integrations_workspace", "workspace", "created_at", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    workspace: Mapped[str] = mapped_column(server_default="default")
    name: Mapped[str]
    type: Mapped[str]
    hosts: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    shown_fields: Mapped[str] = mapped_column(server_default="{}")
    sealed: Mapped[bytes]
    # How many calls the third party takes in so many seconds; 0 for any number.
    rate_count: Mapped[int] = mapped_column(server_default="0")
    rate_seconds: Mapped[int] = mapped_column(server_default="0")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class OAuthTokenRow(Base):
    """The tokens of an integration that uses OAuth 2, sealed by the application."""

    __tablename__ = "oauth_tokens"

    id: Mapped[str] = mapped_column(primary_key=True)
    integration_id: Mapped[str] = mapped_column(ForeignKey("integrations.id", ondelete=CASCADE), unique=True)
    access_token: Mapped[bytes]
    refresh_token: Mapped[bytes | None]
    scopes: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class AuthorizationRow(Base):
    """A user's consent that was asked for and hasn't come yet: what the state of an OAuth 2 redirect stands for."""

    __tablename__ = "oauth_authorizations"

    state_sha256: Mapped[str] = mapped_column(primary_key=True)
    integration_id: Mapped[str] = mapped_column(ForeignKey("integrations.id", ondelete=CASCADE), index=True)
    redirect_uri: Mapped[str]
    verifier: Mapped[bytes]
    expires_at: Mapped[datetime]


class AuditRow(Base):
    """Who did what to which object, when, from where, and what changed; the database refuses to change a row."""

    __tablename__ = "audit_log"
    __table_args__ = (
        Index("ix_audit_log_workspace", "workspace", "at", "id"),
        Index("ix_audit_log_actor", "workspace", "actor", "at", "id"),
        Index("ix_audit_log_action", "workspace", "action", "at", "id"),
        Index("ix_audit_log_object_id", "object_id", "at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    workspace: Mapped[str] = mapped_column(server_default="")
    actor: Mapped[str] = mapped_column(server_default="")
    action: Mapped[str]
    object_type: Mapped[str] = mapped_column(server_default="")
    object_id: Mapped[str] = mapped_column(server_default="")
    address: Mapped[str] = mapped_column(server_default="")
    via: Mapped[str] = mapped_column(server_default="")
    before: Mapped[str] = mapped_column(server_default="")
    after: Mapped[str] = mapped_column(server_default="")
