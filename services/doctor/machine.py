"""Looks at what is around: files, Redis, bubblewrap, certificates, and whether the server is reached."""

import asyncio
import platform
import ssl
import tempfile
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from urllib.parse import unquote, urlsplit

import fsspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from nodes.sandbox import bubblewrap
from services.doctor.finding import Finding, failed, ok, warning
from services.settings import Settings, grpc_tls, http_tls
from services.tls import TlsError

_SOON = timedelta(days=14)
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "[::]": "::1"}


class Machine:
    """The checks of what isn't PostgreSQL or Temporal."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def check(self) -> AsyncIterator[Finding]:
        """All of them."""
        versions = ", ".join(f"{name} {version(name)}" for name in ("orchestrator", "temporalio", "grpcio"))
        yield ok("versions", f"{versions}, Python {platform.python_version()}")
        yield await self._files()
        if self._settings.redis_url:
            yield await self._redis(self._settings.redis_url.get_secret_value())
        yield await asyncio.to_thread(self._isolation)
        for files in (grpc_tls(self._settings), http_tls(self._settings)):
            if files.cert:
                yield self._certificate(files.name)
        yield await self._api()
        yield await self._gateway()

    async def _files(self) -> Finding:
        url = self._settings.orchestrator_files_url
        if not url:
            return warning(
                "files", "no place for files is set: nodes that keep files fail", "set ORCHESTRATOR_FILES_URL"
            )
        try:
            await asyncio.to_thread(_write_and_remove, url)
        except Exception as error:  # noqa: BLE001 - each kind of store has errors of its own
            said = f"{_shown(url)} can't be written: {type(error).__name__}: {str(error)[:200]}"
            return failed("files", said, "check ORCHESTRATOR_FILES_URL, and what its store asks for")
        return ok("files", f"{_shown(url)} can be written")

    async def _redis(self, url: str) -> Finding:
        try:
            redis = Redis.from_url(url, socket_connect_timeout=5, socket_timeout=5)
            async with redis:
                await redis.ping()
        except (RedisError, OSError, ValueError) as error:
            said = f"it can't be reached: {type(error).__name__}: {str(error)[:200]}"
            return warning("Redis", said, "check REDIS_URL; everything works without it, more slowly")
        return ok("Redis", "it answers")

    def _isolation(self) -> Finding:
        isolation = self._settings.orchestrator_code_isolation
        if bubblewrap.works():
            if isolation == "process":
                advice = "set ORCHESTRATOR_CODE_ISOLATION=bwrap"
                return warning("bubblewrap", "it works, and isn't used for users' code", advice)
            return ok("bubblewrap", "it works, and keeps users' code apart")
        advice = "install bubblewrap where code runs, and allow user namespaces"
        if isolation == "bwrap":
            return failed("bubblewrap", "it is demanded for users' code, and doesn't work here", advice)
        return warning("bubblewrap", "it doesn't work here: users' code is kept apart less well", advice)

    def _certificate(self, name: str) -> Finding:
        files = grpc_tls(self._settings) if name == "GRPC_TLS" else http_tls(self._settings)
        try:
            ends = files.read().ends
        except TlsError as error:
            return failed(name, str(error), "put the right files there")
        left = ends - datetime.now(UTC)
        says = f"the certificate is good until {ends:%Y-%m-%d}"
        if left < _SOON:
            return warning(name, says, "renew it; servers take the new files without a restart")
        return ok(name, says)

    async def _api(self) -> Finding:
        host, port = _ANYWHERE.get(self._settings.grpc_host, self._settings.grpc_host), self._settings.grpc_port
        if await _reached(host, port):
            return ok("API", f"something listens at {host}:{port}")
        advice = "start `orchestrator serve`, if it should run on this machine"
        return warning("API", f"nothing listens at {host}:{port}", advice)

    async def _gateway(self) -> Finding:
        settings = self._settings
        scheme = "https" if settings.http_tls_cert else "http"
        own = f"{scheme}://{_ANYWHERE.get(settings.http_host, settings.http_host)}:{settings.http_port}"
        url = settings.orchestrator_public_url or own
        try:
            status = await _status(url)
        except (OSError, ssl.SSLError, ValueError, asyncio.IncompleteReadError) as error:
            said = f"{url} can't be reached from here: {str(error)[:200] or type(error).__name__}"
            return warning("gateway", said, "is the server running, and ORCHESTRATOR_PUBLIC_URL right?")
        if status != 200:
            advice = "does ORCHESTRATOR_PUBLIC_URL lead to this server's gateway?"
            return warning("gateway", f"{url}/healthz answers {status}", advice)
        return ok("gateway", f"{url} answers")


def _write_and_remove(url: str) -> None:
    if "://" not in url or url.startswith("file:"):
        folder = Path(unquote(urlsplit(url).path) if "://" in url else url)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as file:
            file.write(b"x")
        return
    system, path = fsspec.url_to_fs(url)
    probe = f"{path.rstrip('/')}/.doctor-{uuid.uuid4()}"
    system.pipe_file(probe, b"x")
    system.rm_file(probe)


def _shown(url: str) -> str:
    """The place without user names, passwords and queries."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}" if "://" in url else url


async def _reached(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(5):
            _, writer = await asyncio.open_connection(host.strip("[]"), port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def _status(url: str) -> int:
    """What `/healthz` beneath the URL answers."""
    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection(host, port, ssl=ssl.create_default_context() if secure else None)
        request = f"GET {parts.path.rstrip('/')}/healthz HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n"
        writer.write(request.encode())
        line = await reader.readuntil(b"\n")
        writer.close()
    return int(line.split()[1])
