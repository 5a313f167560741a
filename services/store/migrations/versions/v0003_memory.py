"""Make the tables of what workflows remember, and pgvector's extension where the database may have it."""

import logging
from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

logger = logging.getLogger(__name__)
TABLES = (
    "memory_documents",
    "memory_document_collections",
    "memory_vectors",
    "memory_vector_collections",
    "memory_triples",
    "memory_messages",
    "memory_sessions",
    "memory_values",
    "memory_writes",
)


def upgrade() -> None:
    _create_extension()
    _create_values()
    _create_messages()
    _create_triples()
    _create_vectors()
    _create_documents()


def downgrade() -> None:
    # The extension stays: it may have been there before, and others may use it.
    for table in TABLES:
        op.drop_table(table)


def _create_extension() -> None:
    """Makes the extension; without it everything but vectors works, so its absence is no failure."""
    connection = op.get_bind()
    try:
        with connection.begin_nested():
            connection.execute(sa.text("CREATE EXTENSION IF NOT EXISTS vector"))
    except DBAPIError as error:
        logger.warning("VECTOR_STORE won't work before CREATE EXTENSION vector does: %s", str(error.orig)[:300])


def _text(name: str, *, nullable: bool = False, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default=default, nullable=nullable)


def _key(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(collation="C"), nullable=False)


def _time(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)


def _create_values() -> None:
    op.create_table(
        "memory_writes",
        _text("workspace"),
        _text("key"),
        _text("result", default=""),
        _time("at"),
        sa.PrimaryKeyConstraint("workspace", "key", name=op.f("pk_memory_writes")),
    )
    op.create_index("ix_memory_writes_at", "memory_writes", ["at"])
    op.create_table(
        "memory_values",
        _text("workspace"),
        _text("namespace"),
        _key("key"),
        _text("value"),
        _text("version"),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        _time("updated_at"),
        sa.PrimaryKeyConstraint("workspace", "namespace", "key", name=op.f("pk_memory_values")),
    )
    op.create_index(
        "ix_memory_values_expires_at",
        "memory_values",
        ["expires_at"],
        postgresql_where=sa.text("expires_at IS NOT NULL"),
    )


def _create_messages() -> None:
    op.create_table(
        "memory_sessions",
        _text("workspace"),
        _text("session_key"),
        sa.Column("last_position", sa.BigInteger(), nullable=False),
        _time("updated_at"),
        sa.PrimaryKeyConstraint("workspace", "session_key", name=op.f("pk_memory_sessions")),
    )
    op.create_table(
        "memory_messages",
        _text("workspace"),
        _text("session_key"),
        sa.Column("position", sa.BigInteger(), nullable=False),
        _text("role"),
        _text("content"),
        sa.Column("tokens", sa.Integer(), nullable=False),
        _time("at"),
        sa.ForeignKeyConstraint(
            ["workspace", "session_key"],
            ["memory_sessions.workspace", "memory_sessions.session_key"],
            name=op.f("fk_memory_messages_workspace_session_key"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("workspace", "session_key", "position", name=op.f("pk_memory_messages")),
    )


def _create_triples() -> None:
    op.create_table(
        "memory_triples",
        _text("workspace"),
        _text("namespace"),
        _text("digest"),
        _key("subject"),
        _key("predicate"),
        _key("object"),
        _text("execution_id", default=""),
        _text("workflow_id", default=""),
        _text("node", default=""),
        _time("added_at"),
        sa.PrimaryKeyConstraint("workspace", "namespace", "digest", name=op.f("pk_memory_triples")),
    )
    for part in ("subject", "predicate", "object"):
        op.create_index(f"ix_memory_triples_{part}", "memory_triples", ["workspace", "namespace", part])


def _create_vectors() -> None:
    op.create_table(
        "memory_vector_collections",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        _text("workspace"),
        _text("name"),
        sa.Column("dimensions", sa.Integer(), nullable=False),
        _text("metric"),
        _text("model", default=""),
        _time("created_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_memory_vector_collections")),
        sa.UniqueConstraint("workspace", "name", name=op.f("uq_memory_vector_collections_workspace_name")),
    )
    op.create_table(
        "memory_vectors",
        sa.Column("collection_id", sa.BigInteger(), nullable=False),
        _key("id"),
        sa.Column("embedding", postgresql.ARRAY(sa.REAL()), nullable=False),
        _text("text", nullable=True),
        _text("metadata"),
        sa.Column("filterable", postgresql.JSONB(), nullable=False),
        _time("updated_at"),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["memory_vector_collections.id"],
            name=op.f("fk_memory_vectors_collection_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("collection_id", "id", name=op.f("pk_memory_vectors")),
    )
    # Floats don't compress; to try costs time with every write.
    op.execute("ALTER TABLE memory_vectors ALTER COLUMN embedding SET STORAGE EXTERNAL")


def _create_documents() -> None:
    op.create_table(
        "memory_document_collections",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        _text("workspace"),
        _text("name"),
        _text("language"),
        _time("created_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_memory_document_collections")),
        sa.UniqueConstraint("workspace", "name", name=op.f("uq_memory_document_collections_workspace_name")),
    )
    op.create_table(
        "memory_documents",
        sa.Column("collection_id", sa.BigInteger(), nullable=False),
        _key("id"),
        _text("document"),
        _text("body"),
        sa.Column("search", postgresql.TSVECTOR(), nullable=False),
        _time("created_at"),
        _time("updated_at"),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["memory_document_collections.id"],
            name=op.f("fk_memory_documents_collection_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("collection_id", "id", name=op.f("pk_memory_documents")),
    )
    op.create_index("ix_memory_documents_search", "memory_documents", ["search"], postgresql_using="gin")
