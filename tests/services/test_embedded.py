"""The embedded PostgreSQL: its folder belongs to one process, survives kills, and never outlives us."""

import asyncio
import contextlib
import os
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import psycopg
import pytest

from services.embedded import DataFolderInUse, EmbeddedPostgres
from temporal.server_process import ServerError


async def _answer(url: str, statement: str) -> object:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        cursor = await connection.execute(statement)
        row = await cursor.fetchone() if cursor.description else None
        return row[0] if row else None


async def test_keeps_its_data_over_a_restart(data_folder: Path) -> None:
    server = EmbeddedPostgres(data_folder)
    await _answer(await server.start(), "CREATE TABLE kept AS SELECT 7 AS seven")
    await server.stop()
    assert await _answer(await server.start(), "SELECT seven FROM kept") == 7
    await server.stop()


async def test_stores_any_text(postgres: EmbeddedPostgres) -> None:
    assert await _answer(postgres.url(), "SHOW server_encoding") == "UTF8"


async def test_listens_on_no_port(postgres: EmbeddedPostgres) -> None:
    assert await _answer(postgres.url(), "SHOW listen_addresses") == ""


def test_only_its_owner_gets_to_the_socket(postgres: EmbeddedPostgres) -> None:
    with psycopg.connect(postgres.url()) as connection:
        row = connection.execute("SHOW unix_socket_directories").fetchone()
    assert row
    folder = Path(row[0])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


async def test_a_path_too_long_for_a_socket_works(data_folder: Path) -> None:
    server = EmbeddedPostgres(data_folder / ("long" * 30), durable=False)
    assert await _answer(await server.start(), "SELECT 1") == 1
    await server.stop()


async def test_a_second_one_on_the_folder_is_refused(data_folder: Path) -> None:
    server = EmbeddedPostgres(data_folder, durable=False)
    server.lock()
    with pytest.raises(DataFolderInUse, match=f"in use by process {os.getpid()}"):
        await EmbeddedPostgres(data_folder).start()
    await server.stop()
    EmbeddedPostgres(data_folder).lock()


async def test_quotes_the_log_when_it_does_not_start(data_folder: Path) -> None:
    server = EmbeddedPostgres(data_folder, durable=False)
    await server.start()
    await server.stop()
    (data_folder / "postgres" / "postgresql.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(ServerError, match=r"(?s)ended while starting.*no_such_setting"):
        await server.start()


async def test_notices_that_it_was_killed(data_folder: Path) -> None:
    server = EmbeddedPostgres(data_folder, durable=False)
    await server.start()
    os.kill(server.pid, signal.SIGKILL)
    assert await asyncio.wait_for(server.died(), 10) == "PostgreSQL ended (killed by SIGKILL)"
    await server.stop()
    assert await _answer(await server.start(), "SELECT 1") == 1
    await server.stop()


async def test_starts_after_its_process_was_killed(data_folder: Path) -> None:
    """The killed process leaves a lock, a postmaster.pid and for a moment a running server."""
    script = textwrap.dedent(
        f"""
        import asyncio
        from pathlib import Path
        from services.embedded import EmbeddedPostgres

        async def main():
            server = EmbeddedPostgres(Path({str(data_folder)!r}))
            await server.start()
            print(server.pid, flush=True)
            await asyncio.sleep(60)

        asyncio.run(main())
        """
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    orphan = psutil.Process(int(await parent.stdout.readline()))
    parent.kill()
    await parent.wait()
    server = EmbeddedPostgres(data_folder)
    assert await _answer(await server.start(), "SELECT 1") == 1
    with contextlib.suppress(psutil.TimeoutExpired):
        await asyncio.to_thread(orphan.wait, 10)  # until whoever took its dead parent's place has buried it
    assert not orphan.is_running()
    await server.stop()


async def test_a_stale_pid_file_that_names_a_stranger_harms_nobody(data_folder: Path) -> None:
    server = EmbeddedPostgres(data_folder, durable=False)
    await server.start()
    await server.stop()
    stranger = await asyncio.create_subprocess_exec("sleep", "60")
    (data_folder / "postgres" / "postmaster.pid").write_text(f"{stranger.pid}\n")
    assert await _answer(await server.start(), "SELECT 1") == 1
    assert stranger.returncode is None
    stranger.kill()
    await stranger.wait()
    await server.stop()
