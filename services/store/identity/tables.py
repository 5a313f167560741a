"""The tables of who may come in: workspaces, their members, sessions and API keys."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from services.store.tables import CASCADE, Base

_ROLES = "role IN ('OWNER', 'EDITOR', 'OPERATOR', 'APPROVER', 'VIEWER')"


class WorkspaceRow(Base):
    """What belongs together, and whose members share it."""

    __tablename__ = "workspaces"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class MembershipRow(Base):
    """What a user may do in a workspace."""

    __tablename__ = "memberships"
    __table_args__ = (
        CheckConstraint(_ROLES, name="role"),
        Index("ix_memberships_user_id", "user_id"),
    )

    workspace: Mapped[str] = mapped_column(ForeignKey("workspaces.id", ondelete=CASCADE), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete=CASCADE), primary_key=True)
    role: Mapped[str]
    joined_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SignedInRow(Base):
    """A session: from signing in until signing out, or until it has lasted long enough."""

    __tablename__ = "sessions"
    __table_args__ = (Index("ix_sessions_user_id", "user_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete=CASCADE))
    address: Mapped[str] = mapped_column(server_default="")
    via: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    revoked_for: Mapped[str] = mapped_column(server_default="")


class RefreshTokenRow(Base):
    """A refresh token that was given out, by its hash; `used_at` once it was exchanged."""

    __tablename__ = "refresh_tokens"
    __table_args__ = (Index("ix_refresh_tokens_session_id", "session_id"),)

    sha256: Mapped[str] = mapped_column(primary_key=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id", ondelete=CASCADE))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    used_at: Mapped[datetime | None]


class ApiKeyRow(Base):
    """A key for programs, by its hash; `prefix` is what it begins with, to tell it by."""

    __tablename__ = "api_keys"
    __table_args__ = (
        CheckConstraint(_ROLES, name="role"),
        Index("ix_api_keys_workspace", "workspace", "created_at", "id", postgresql_where=text("revoked_at IS NULL")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    workspace: Mapped[str] = mapped_column(ForeignKey("workspaces.id", ondelete=CASCADE))
    created_by: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete=CASCADE), index=True)
    name: Mapped[str]
    prefix: Mapped[str]
    sha256: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class LoginRow(Base):
    """A sign-in by the OpenID provider that was begun: what the state of its redirect stands for."""

    __tablename__ = "oidc_logins"

    state_sha256: Mapped[str] = mapped_column(primary_key=True)
    redirect_uri: Mapped[str]
    verifier: Mapped[bytes]
    nonce: Mapped[str]
    expires_at: Mapped[datetime]
