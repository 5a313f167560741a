"""The tables of active workflows and their triggers."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from services.store.tables import CASCADE, Base


class ActivationRow(Base):
    """The version of a workflow whose triggers are turned on."""

    __tablename__ = "activations"
    __table_args__ = (Index("ix_activations_workspace", "workspace"),)

    workflow_id: Mapped[str] = mapped_column(ForeignKey("workflows.id", ondelete=CASCADE), primary_key=True)
    workspace: Mapped[str]
    version_id: Mapped[str] = mapped_column(ForeignKey("workflow_versions.id"))
    version: Mapped[int]
    activated_by: Mapped[str] = mapped_column(server_default="")
    activated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class BindingRow(Base):
    """A trigger that is turned on.

    `address` is what it is called by, such as `webhook:orders`; one binding at a time has it. `parameters` is the JSON
    of the trigger's parameters. `problem` is what went wrong last, and empty again once it goes well.
    """

    __tablename__ = "trigger_bindings"
    __table_args__ = (UniqueConstraint("workflow_id", "node"), UniqueConstraint("address"))

    id: Mapped[str] = mapped_column(primary_key=True)
    workflow_id: Mapped[str] = mapped_column(ForeignKey("activations.workflow_id", ondelete=CASCADE))
    version_id: Mapped[str]
    workspace: Mapped[str]
    node: Mapped[str]
    subtype: Mapped[str]
    address: Mapped[str | None]
    parameters: Mapped[str] = mapped_column(server_default="{}")
    last_started_at: Mapped[datetime | None]
    last_execution_id: Mapped[str] = mapped_column(server_default="")
    problem: Mapped[str] = mapped_column(server_default="")


class UnsettledRow(Base):
    """A binding, there or gone, of which Temporal has still to be told: written with the change, removed once it is."""

    __tablename__ = "trigger_unsettled"

    binding_id: Mapped[str] = mapped_column(primary_key=True)
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())


class PathRow(Base):
    """The path that a trigger without one of its own got; its node keeps it over versions and activations."""

    __tablename__ = "trigger_paths"

    workflow_id: Mapped[str] = mapped_column(ForeignKey("workflows.id", ondelete=CASCADE), primary_key=True)
    node_id: Mapped[str] = mapped_column(primary_key=True)
    path: Mapped[str] = mapped_column(unique=True)


class ChatTurnRow(Base):
    """A message in a chat, and the reply once it is known; `session` is the part of its id that isn't a signature."""

    __tablename__ = "chat_turns"
    __table_args__ = (Index("ix_chat_turns_session", "workflow_id", "session", "created_at"),)

    execution_id: Mapped[str] = mapped_column(ForeignKey("workflow_executions.id", ondelete=CASCADE), primary_key=True)
    workflow_id: Mapped[str]
    session: Mapped[str]
    message: Mapped[str]
    reply: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
