"""The schema's history ends at the declared tables, forwards and backwards."""

import asyncio

import psycopg
import pytest

from services.store import migrate
from services.store.engine import database_url
from services.store.tables import Base


def _tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    return {row[0] for row in rows}


def test_migrations_make_exactly_the_declared_tables(empty_postgres_url: str) -> None:
    migrate.upgrade(empty_postgres_url)
    assert _tables(empty_postgres_url) == set(Base.metadata.tables) | {"alembic_version"}
    assert migrate.differences(empty_postgres_url) == []
    migrate.require_current(empty_postgres_url)


def test_migrations_can_be_undone_and_repeated(empty_postgres_url: str) -> None:
    migrate.upgrade(empty_postgres_url)
    migrate.downgrade(empty_postgres_url, "base")
    assert _tables(empty_postgres_url) == {"alembic_version"}
    migrate.upgrade(empty_postgres_url)
    migrate.upgrade(empty_postgres_url)
    assert migrate.differences(empty_postgres_url) == []


def test_what_was_a_users_is_in_the_workspace_of_that_name(empty_postgres_url: str) -> None:
    migrate.upgrade(empty_postgres_url, "0004")
    with psycopg.connect(empty_postgres_url) as connection:
        connection.execute(
            "INSERT INTO workflows (id, user_id, name, version, version_id) VALUES ('w', 'ada', 'n', 1, 'v')"
        )
        connection.execute(
            "INSERT INTO workflows (id, user_id, name, version, version_id) VALUES ('x', '', 'n', 1, 'y')"
        )
        for version, workflow, user in (("v", "w", ""), ("y", "x", ""), ("unsaved", None, "bob")):
            connection.execute(
                "INSERT INTO workflow_versions (id, workflow_id, user_id, version, definition, valid) "
                "VALUES (%s, %s, %s, 1, '{}', true)",
                [version, workflow, user],
            )
            connection.execute(
                "INSERT INTO workflow_executions (id, workflow_id, version_id, version, mode, status, user_id) "
                "VALUES (%s, %s, %s, 1, 'MANUAL', 'COMPLETED', 'whoever')",
                [f"run of {version}", workflow, version],
            )
        connection.execute("INSERT INTO audit_log (id, user_id, action, subject) VALUES ('a', 'ada', 'done', 'w')")
    migrate.upgrade(empty_postgres_url)
    with psycopg.connect(empty_postgres_url) as connection:
        found = connection.execute(
            "SELECT id, workspace FROM workflows UNION ALL SELECT id, workspace FROM workflow_versions "
            "UNION ALL SELECT id, workspace FROM workflow_executions"
        ).fetchall()
        assert dict(found) == {
            "w": "ada",
            "v": "ada",
            "run of v": "ada",
            "x": "default",
            "y": "default",
            "run of y": "default",
            "unsaved": "bob",
            "run of unsaved": "bob",
        }
        assert connection.execute("SELECT actor, object_id FROM audit_log").fetchall() == [("ada", "w")]


def test_a_database_of_the_next_release_will_do(empty_postgres_url: str) -> None:
    migrate.upgrade(empty_postgres_url)
    assert not migrate.is_ahead(empty_postgres_url)
    with psycopg.connect(empty_postgres_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    assert migrate.is_ahead(empty_postgres_url)
    migrate.require_current(empty_postgres_url)


def test_an_unmigrated_database_is_named(empty_postgres_url: str) -> None:
    with pytest.raises(migrate.SchemaBehind, match="orchestrator migrate"):
        migrate.require_current(empty_postgres_url)


async def test_two_migrations_at_once_wait_for_each_other(empty_postgres_url: str) -> None:
    await asyncio.gather(*(asyncio.to_thread(migrate.upgrade, empty_postgres_url) for _ in range(3)))
    assert migrate.differences(empty_postgres_url) == []


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:p@h:5432/d", "postgresql+psycopg://u:p@h:5432/d"),
        ("postgres://u@h/d", "postgresql+psycopg://u@h/d"),
        ("postgresql:///d?host=/run/pg", "postgresql+psycopg:///d?host=/run/pg"),
    ],
)
def test_database_urls(url: str, expected: str) -> None:
    assert database_url(url).render_as_string(hide_password=False) == expected.replace("/run/pg", "%2Frun%2Fpg")


@pytest.mark.parametrize("url", ["mysql://root:hunter2@h/d", "hunter2", "", "http://hunter2"])
def test_other_urls_are_refused_without_showing_them(url: str) -> None:
    with pytest.raises(ValueError, match="postgresql://") as caught:
        database_url(url)
    assert "hunter2" not in str(caught.value)
