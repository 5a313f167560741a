"""TLS of the API and the gateway: who is let in, what a mistake is called, renewal without a restart."""

import shutil
import ssl
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from workflow_engine.v1.workflow_service_pb2 import ListWorkflowsRequest

from services import wiring
from services.cli.failure import Failure
from services.cli.server import connected
from services.settings import Settings, SettingsError, load_settings
from services.tls import Certificate, TlsError, TlsFiles
from tests.certificates import Authority, Files

if TYPE_CHECKING:
    from temporalio.client import Client

    from services.wiring import Server


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("stranger"), "stranger")


Serve = Callable[..., Any]


@pytest.fixture
def serve(module_postgres_url: str, temporal_client: "Client", settings_for: Callable[..., Settings]) -> Serve:
    """Starts a server with these settings for a block."""

    @asynccontextmanager
    async def serving(**settings: Any) -> "AsyncIterator[Server]":
        given = settings_for(module_postgres_url, **{name: str(value) for name, value in settings.items()})
        server = wiring.build_server(given, temporal_client, role=wiring.ServerRole(local=True))
        try:
            await server.start()
            yield server
        finally:
            await server.stop()

    return serving


def trust(monkeypatch: pytest.MonkeyPatch, **variables: object) -> None:
    """What a user sets, and nothing else."""
    for name in ("TLS", "TLS_CA", "TLS_CERT", "TLS_KEY"):
        monkeypatch.delenv(f"ORCHESTRATOR_{name}", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(f"ORCHESTRATOR_{name.upper()}", str(value))


def mode(path: Path) -> int:
    """What kind of file it is, and for whom; 0 if there is none."""
    return path.stat().st_mode if path.exists() else 0


async def call(address: str) -> None:
    async with connected(address) as stub:
        await stub.ListWorkflows(ListWorkflowsRequest(), timeout=30)


async def refusal(address: str) -> str:
    with pytest.raises(Failure) as caught:
        await call(address)
    return caught.value.message


async def test_the_api_over_tls(serve: Serve, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = authority.certificate("api")
    async with serve(grpc_tls_cert=shown.cert, grpc_tls_key=shown.key) as server:
        trust(monkeypatch, tls_ca=authority.path)
        await call(server.address)
        await call(f"localhost:{server.grpc.port}")
        trust(monkeypatch, tls="1")  # the authority isn't one of the system's
        assert "isn't trusted" in await refusal(server.address)
        trust(monkeypatch)
        assert "ORCHESTRATOR_TLS=1" in await refusal(server.address)
        # The gateway asks the API by a way of its own, on which nobody else can come.
        socket = Path(server.grpc.internal.removeprefix("unix:"))
        assert stat.S_ISSOCK(mode(socket))
        assert stat.S_IMODE(mode(socket.parent)) == 0o700
        async with httpx.AsyncClient() as http:
            assert (await http.get(f"{server.http.url}/readyz", timeout=30)).status_code == 200
    assert mode(socket.parent) == 0


async def test_a_long_path_to_temporary_files(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / ("long" * 30)))
    async with serve() as server, httpx.AsyncClient() as http:
        assert (await http.get(f"{server.http.url}/readyz", timeout=30)).status_code == 200


@pytest.mark.parametrize(("kind", "said"), [("stranger", "isn't trusted"), ("host", "isn't for 127.0.0.1")])
async def test_certificates_that_clients_refuse(
    serve: Serve, authority: Authority, stranger: Authority, monkeypatch: pytest.MonkeyPatch, kind: str, said: str
) -> None:
    shown = stranger.certificate("api") if kind == "stranger" else authority.certificate("other", "other.example")
    async with serve(grpc_tls_cert=shown.cert, grpc_tls_key=shown.key) as server:
        trust(monkeypatch, tls_ca=authority.path)
        assert said in await refusal(server.address)


async def test_tls_where_there_is_none(serve: Serve, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serve() as server:
        trust(monkeypatch, tls_ca=authority.path)
        assert "doesn't speak TLS" in await refusal(server.address)
        trust(monkeypatch, tls_ca=authority.path, tls="0")
        await call(server.address)


async def test_clients_show_certificates(
    serve: Serve, authority: Authority, stranger: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, mine, theirs = authority.certificate("api"), authority.certificate("me"), stranger.certificate("me")
    expired = authority.certificate("was", days=-1)
    files = {"grpc_tls_cert": shown.cert, "grpc_tls_key": shown.key, "grpc_tls_client_ca": authority.path}
    async with serve(**files) as server:
        trust(monkeypatch, tls_ca=authority.path, tls_cert=mine.cert, tls_key=mine.key)
        await call(server.address)
        for bad in (theirs, expired):
            trust(monkeypatch, tls_ca=authority.path, tls_cert=bad.cert, tls_key=bad.key)
            assert "ORCHESTRATOR_TLS_CERT" in await refusal(server.address)
        trust(monkeypatch, tls_ca=authority.path)
        assert "ORCHESTRATOR_TLS_CERT" in await refusal(server.address)
        async with httpx.AsyncClient() as http:
            assert (await http.get(f"{server.http.url}/readyz", timeout=30)).status_code == 200


def renew(place: Files, new: Files) -> None:
    shutil.copy(new.key, place.key)
    shutil.copy(new.cert, place.cert)


async def test_renewed_certificates_are_taken_without_a_restart(
    serve: Serve, authority: Authority, stranger: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.tls._LOOK_EVERY", 0.0)
    place = Files(tmp_path / "cert.pem", tmp_path / "key.pem")
    renew(place, stranger.certificate("before"))
    tls = {"grpc_tls_cert": place.cert, "grpc_tls_key": place.key}
    async with serve(**tls, http_tls_cert=place.cert, http_tls_key=place.key) as server:
        trust(monkeypatch, tls_ca=authority.path)
        context = ssl.create_default_context(cafile=str(authority.path))
        assert server.http.url.startswith("https://")
        assert "isn't trusted" in await refusal(server.address)
        async with httpx.AsyncClient(verify=context) as http:
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await http.get(f"{server.http.url}/healthz", timeout=30)
        # A broken pair changes nothing: the first goes on.
        place.cert.write_text("half written")
        assert "isn't trusted" in await refusal(server.address)
        renew(place, authority.certificate("after"))
        await call(server.address)
        async with httpx.AsyncClient(verify=context) as http:
            assert (await http.get(f"{server.http.url}/healthz", timeout=30)).text == "ok\n"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
async def test_old_tls_is_refused(serve: Serve, authority: Authority) -> None:
    shown = authority.certificate("web")
    old = ssl.create_default_context(cafile=str(authority.path))
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    async with serve(http_tls_cert=shown.cert, http_tls_key=shown.key) as server:
        async with httpx.AsyncClient(verify=old) as http:
            with pytest.raises(httpx.ConnectError):
                await http.get(f"{server.http.url}/healthz", timeout=30)
        async with httpx.AsyncClient(verify=ssl.create_default_context(cafile=str(authority.path))) as http:
            assert (await http.get(f"{server.http.url}/healthz", timeout=30)).status_code == 200


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"grpc_tls_cert": "c.pem"}, "GRPC_TLS_CERT: GRPC_TLS_KEY"),
        ({"grpc_tls_key": "k.pem"}, "GRPC_TLS_KEY: GRPC_TLS_CERT"),
        ({"http_tls_cert": "c.pem"}, "HTTP_TLS_CERT: HTTP_TLS_KEY"),
        ({"grpc_tls_client_ca": "ca.pem"}, "GRPC_TLS_CLIENT_CA: GRPC_TLS_CERT"),
    ],
)
def test_settings_that_lack_their_other_half(given: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load_settings(**given)


def test_files_that_can_not_be_used(authority: Authority, tmp_path: Path) -> None:
    good, other, expired = authority.certificate("a"), authority.certificate("b"), authority.certificate("c", days=-1)
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("nothing")
    cases = [
        (good.cert, tmp_path / "absent", "", "GRPC_TLS_KEY.*absent can't be read: No such file"),
        (tmp_path, good.key, "", "GRPC_TLS_CERT.*can't be read"),
        (nothing, good.key, "", "GRPC_TLS_CERT.*no certificate"),
        (good.cert, nothing, "", "GRPC_TLS_KEY.*no private key"),
        (good.cert, other.key, "", "GRPC_TLS_KEY.*isn't the key of the certificate"),
        (expired.cert, expired.key, "", "GRPC_TLS_CERT.*expired at"),
        (good.cert, good.key, nothing, "GRPC_TLS_CLIENT_CA.*no certificate"),
    ]
    for cert, key, authority_file, said in cases:
        with pytest.raises(TlsError, match=said):
            Certificate(TlsFiles("GRPC_TLS", str(cert), str(key), str(authority_file)))


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"tls": "perhaps"}, "ORCHESTRATOR_TLS is 1 or 0"),
        ({"tls_cert": "me.pem"}, "belong together"),
        ({"tls_ca": "/absent.pem"}, "ORCHESTRATOR_TLS_CA: /absent.pem can't be read"),
        ({"tls_ca": __file__}, "holds nothing in PEM"),
    ],
)
async def test_settings_of_clients(variables: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    trust(monkeypatch, **variables)
    assert said in await refusal("127.0.0.1:1")
