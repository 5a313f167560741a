"""The tables of what workflows remember; all go by workspace."""

from datetime import datetime

from sqlalchemy import (
    REAL,
    BigInteger,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from services.store.tables import CASCADE, Base

# Keys are ordered by their bytes, in every database alike; and so an index serves prefixes.
KEY = Text(collation="C")


class WriteRow(Base):
    """A write that was made, by its idempotency key, and what it answered: a repeated one isn't made again."""

    __tablename__ = "memory_writes"
    __table_args__ = (Index("ix_memory_writes_at", "at"),)

    workspace: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    result: Mapped[str] = mapped_column(server_default="")
    at: Mapped[datetime] = mapped_column(server_default=func.now())


class ValueRow(Base):
    """A JSON value by its key; `version` is new with every change."""

    __tablename__ = "memory_values"
    __table_args__ = (
        Index("ix_memory_values_expires_at", "expires_at", postgresql_where=text("expires_at IS NOT NULL")),
    )

    workspace: Mapped[str] = mapped_column(primary_key=True)
    namespace: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(KEY, primary_key=True)
    value: Mapped[str]
    version: Mapped[str]
    expires_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SessionRow(Base):
    """A conversation; `last_position` numbers its messages."""

    __tablename__ = "memory_sessions"

    workspace: Mapped[str] = mapped_column(primary_key=True)
    session_key: Mapped[str] = mapped_column(primary_key=True)
    last_position: Mapped[int] = mapped_column(BigInteger)
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class MessageRow(Base):
    """A message of a conversation; its content is JSON."""

    __tablename__ = "memory_messages"
    __table_args__ = (
        ForeignKeyConstraint(
            ["workspace", "session_key"],
            ["memory_sessions.workspace", "memory_sessions.session_key"],
            ondelete=CASCADE,
        ),
    )

    workspace: Mapped[str] = mapped_column(primary_key=True)
    session_key: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    role: Mapped[str]
    content: Mapped[str]
    tokens: Mapped[int]
    at: Mapped[datetime] = mapped_column(server_default=func.now())


class TripleRow(Base):
    """A statement, and which node run was the first to make it."""

    __tablename__ = "memory_triples"
    __table_args__ = (
        Index("ix_memory_triples_subject", "workspace", "namespace", "subject"),
        Index("ix_memory_triples_predicate", "workspace", "namespace", "predicate"),
        Index("ix_memory_triples_object", "workspace", "namespace", "object"),
    )

    workspace: Mapped[str] = mapped_column(primary_key=True)
    namespace: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(KEY)
    predicate: Mapped[str] = mapped_column(KEY)
    object: Mapped[str] = mapped_column(KEY)
    execution_id: Mapped[str] = mapped_column(server_default="")
    workflow_id: Mapped[str] = mapped_column(server_default="")
    node: Mapped[str] = mapped_column(server_default="")
    added_at: Mapped[datetime] = mapped_column(server_default=func.now())


class VectorCollectionRow(Base):
    """Vectors that can be compared: of one dimension, by one metric and, where it is known, of one model."""

    __tablename__ = "memory_vector_collections"
    __table_args__ = (UniqueConstraint("workspace", "name"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    workspace: Mapped[str]
    name: Mapped[str]
    dimensions: Mapped[int]
    metric: Mapped[str]
    model: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class VectorRow(Base):
    """A vector, as PostgreSQL's own array: pgvector's types come in by casts, so the table needs no extension.

    `metadata` is kept twice: as it was written, and as JSONB to filter by.
    """

    __tablename__ = "memory_vectors"

    collection_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("memory_vector_collections.id", ondelete=CASCADE), primary_key=True
    )
    id: Mapped[str] = mapped_column(KEY, primary_key=True)
    embedding: Mapped[list[float]] = mapped_column(ARRAY(REAL))
    text: Mapped[str | None]
    written: Mapped[str] = mapped_column("metadata")
    filterable: Mapped[object] = mapped_column(JSONB)
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class DocumentCollectionRow(Base):
    """Documents that are searched together, by the rules of one language."""

    __tablename__ = "memory_document_collections"
    __table_args__ = (UniqueConstraint("workspace", "name"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    workspace: Mapped[str]
    name: Mapped[str]
    language: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class DocumentRow(Base):
    """A document: the JSON it was given as, the text that is in it, and that text's words."""

    __tablename__ = "memory_documents"
    __table_args__ = (Index("ix_memory_documents_search", "search", postgresql_using="gin"),)

    collection_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("memory_document_collections.id", ondelete=CASCADE), primary_key=True
    )
    id: Mapped[str] = mapped_column(KEY, primary_key=True)
    document: Mapped[str]
    body: Mapped[str]
    search: Mapped[str] = mapped_column(TSVECTOR)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
