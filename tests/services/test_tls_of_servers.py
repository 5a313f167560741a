"""Connections to Temporal and PostgreSQL that speak TLS, by proxies that end it before the real servers."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy.exc import OperationalError
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest

from services.store.engine import Database
from services.store.listen import Listener
from temporal.client import connect
from tests.certificates import Authority

if TYPE_CHECKING:
    from temporal.dev_server import DevServer

_SSL_REQUEST = bytes.fromhex("0000000804d2162f")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while piece := await source.read(65536):
            sink.write(piece)
            await sink.drain()
    except (OSError, ssl.SSLError):
        return
    finally:
        sink.close()


async def _join(
    a: tuple[asyncio.StreamReader, asyncio.StreamWriter], b: tuple[asyncio.StreamReader, asyncio.StreamWriter]
) -> None:
    await asyncio.gather(_copy(a[0], b[1]), _copy(b[0], a[1]))


@asynccontextmanager
async def temporal_proxy(server: "DevServer", context: ssl.SSLContext) -> AsyncIterator[int]:
    """TLS before Temporal."""
    host, _, port = server.address.partition(":")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _join((reader, writer), await asyncio.open_connection(host, int(port)))

    context.set_alpn_protocols(["h2"])
    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()


@asynccontextmanager
async def postgres_proxy(socket: Path, context: ssl.SSLContext) -> AsyncIterator[int]:
    """TLS before PostgreSQL, asked for as its protocol has it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if await reader.readexactly(8) != _SSL_REQUEST:
                writer.close()
                return
            writer.write(b"S")
            await writer.start_tls(context)
        except (OSError, ssl.SSLError, asyncio.IncompleteReadError):
            writer.close()
            return
        await _join((reader, writer), await asyncio.open_unix_connection(str(socket)))

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()


def shown(authority: Authority, file: str, *hosts: str, clients: bool = False) -> ssl.SSLContext:
    files = authority.certificate(file, *hosts)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.cert, files.key)
    if clients:
        context.load_verify_locations(authority.path)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def test_temporal_by_its_own_environment(
    temporal_server: "DevServer", authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = authority.certificate("worker")
    async with temporal_proxy(temporal_server, shown(authority, "temporal", "localhost", clients=True)) as port:
        monkeypatch.setenv("TEMPORAL_ADDRESS", f"localhost:{port}")
        with pytest.raises(RuntimeError):  # no TLS
            await connect()
        monkeypatch.setenv("TEMPORAL_TLS_SERVER_CA_CERT_PATH", str(authority.path))
        with pytest.raises(RuntimeError):  # no certificate of one's own
            await connect()
        monkeypatch.setenv("TEMPORAL_TLS_CLIENT_CERT_PATH", str(mine.cert))
        monkeypatch.setenv("TEMPORAL_TLS_CLIENT_KEY_PATH", str(mine.key))
        client = await connect()
        found = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace="default"))
        assert found.namespace_info.name == "default"
        monkeypatch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{port}")  # the certificate isn't for this name
        with pytest.raises(RuntimeError):
            await connect()
        monkeypatch.setenv("TEMPORAL_TLS_SERVER_NAME", "localhost")
        await connect()


async def test_an_authority_that_temporal_is_not_of(
    temporal_server: "DevServer", authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with temporal_proxy(temporal_server, shown(authority, "temporal", "localhost")) as port:
        monkeypatch.setenv("TEMPORAL_ADDRESS", f"localhost:{port}")
        monkeypatch.setenv("TEMPORAL_TLS_SERVER_CA_CERT_PATH", str(Authority(tmp_path, "stranger").path))
        with pytest.raises(RuntimeError):
            await connect()


def _by_tcp(url: str, port: int, host: str = "localhost", **parameters: object) -> str:
    database = urlsplit(url).path
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    return f"postgresql://postgres@{host}:{port}{database}?{query}"


def _socket(url: str) -> Path:
    return Path(parse_qs(urlsplit(url).query)["host"][0]) / ".s.PGSQL.5432"


async def _ask(url: str) -> str:
    """All three ways in which we connect; empty, or what PostgreSQL's library says."""
    listener = Listener(url)
    async with Database(url) as database:
        try:
            await database.ping()
            async with database.driver() as connection:
                await connection.execute("SELECT 1")
        except OperationalError as error:
            return str(error.orig)
    await listener.start()
    await listener.stop()
    return ""


async def test_postgresql_by_sslmode(
    postgres_url: str, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = Authority(tmp_path, "stranger")
    async with postgres_proxy(_socket(postgres_url), shown(authority, "postgres", "localhost")) as port:
        verified = {"sslmode": "verify-full", "sslrootcert": authority.path}
        assert await _ask(_by_tcp(postgres_url, port, **verified)) == ""
        assert await _ask(_by_tcp(postgres_url, port, sslmode="require")) == ""
        wrong = verified | {"sslrootcert": stranger.path}
        assert "certificate verify failed" in await _ask(_by_tcp(postgres_url, port, **wrong))
        assert "does not match host name" in await _ask(_by_tcp(postgres_url, port, "127.0.0.1", **verified))


async def test_a_postgresql_that_has_no_tls(postgres_url: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _join((reader, writer), await asyncio.open_unix_connection(str(_socket(postgres_url))))

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        port = listening.sockets[0].getsockname()[1]
        assert "server does not support SSL" in await _ask(_by_tcp(postgres_url, port, sslmode="require"))
    finally:
        listening.close()
