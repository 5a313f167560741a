"""`migrate`, `serve` and `worker`: processes of their own, told where everything is by the environment."""

import base64
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.store.keyring import new_key
from temporal.dev_server import DevServer, find_binary, free_port
from tests.certificates import Authority

SECRET_KEY = "k1:" + "A" * 43 + "="
EMAIL, PASSWORD = "ada@example.org", "correct horse battery"
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(cli_at: Any) -> Iterator[Start]:
    """Starts a role in the background and ends it after the test."""
    started: list[subprocess.Popen[str]] = []

    def starting(*arguments: str) -> "subprocess.Popen[str]":
        started.append(cli_at(None).start(*arguments))
        return started[-1]

    yield starting
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def environment(
    monkeypatch: pytest.MonkeyPatch, postgres_url: str, temporal_server: DevServer, tmp_path: Path
) -> dict[str, str]:
    """What an operator sets."""
    set_to = {
        "DATABASE_URL": postgres_url,
        "TEMPORAL_ADDRESS": temporal_server.address,
        "GRPC_HOST": "127.0.0.1",
        "GRPC_PORT": str(free_port()),
        "HTTP_PORT": "0",
        "SECRET_KEY": SECRET_KEY,
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "ORCHESTRATOR_TASK_QUEUE": f"roles-{time.monotonic_ns()}",
    }
    for name, value in set_to.items():
        monkeypatch.setenv(name, value)
    return set_to


def wait_until_serving(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        grpc.channel_ready_future(channel).result(timeout=60)
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=30)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_server_and_worker_run_a_workflow_together_and_stop_when_told(
    start: Start,
    environment: dict[str, str],
    cli_at: Any,
    write: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address = f"127.0.0.1:{environment['GRPC_PORT']}"
    roles = [start("serve"), start("worker", "--queues", "default,code")]
    wait_until_serving(address)
    unsigned = cli_at(address).json("run", write("w"), code=1)
    assert unsigned["error"]["code"] == "SIGN_IN_FIRST"
    owner = first_owner(cli_at(None))
    monkeypatch.setenv("ORCHESTRATOR_API_KEY", owner["api_key"])
    assert cli_at(address).json("run", write("w"))["status"] == "COMPLETED"
    for role in roles:
        role.send_signal(signal.SIGTERM)
    assert [role.wait(timeout=60) for role in roles] == [0, 0]


def first_owner(cli: Any) -> dict[str, Any]:
    """Made as an operator makes the first user of all."""
    made = cli.process("users", "create", EMAIL, "--owner", "--api-key", "--json", typed=f"{PASSWORD}\n")
    assert made.returncode == 0, made.stderr
    shown: dict[str, Any] = json.loads(made.stdout)
    return shown


def test_people_sign_in_and_manage_what_others_may(start: Start, environment: dict[str, str], cli_at: Any) -> None:
    address = f"127.0.0.1:{environment['GRPC_PORT']}"
    start("serve")
    wait_until_serving(address)
    owner, cli = first_owner(cli_at(None)), cli_at(address)
    assert cli.process("users", "create", EMAIL, typed=f"{PASSWORD}\n").returncode == 1
    wrong = cli.process("sign-in", EMAIL, typed="wrong\n")
    assert (wrong.returncode, "the password is wrong" in wrong.stderr) == (1, True)
    signed = cli.process("sign-in", EMAIL, "--password-stdin", typed=f"{PASSWORD}\n")
    assert "default (OWNER)" in signed.stdout
    kept = Path(environment["XDG_CONFIG_HOME"]) / "orchestrator" / "sessions.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert cli.json("whoami")["email"] == EMAIL

    assert cli.json("workspaces", "create", "second")["id"] == "second"
    assert {each["id"] for each in cli.json("workspaces", "list")["workspaces"]} == {"default", "second"}
    added = cli.process("members", "add", "bob@example.org", "viewer", typed="bob's password\n")
    assert added.returncode == 0, added.stderr
    bob = next(each for each in cli.json("members", "list")["members"] if each["email"] == "bob@example.org")
    assert cli.process("members", "set-role", bob["user_id"], "editor").returncode == 0
    assert cli.process("members", "set-role", bob["user_id"], "boss").returncode == 1
    assert cli.process("members", "remove", bob["user_id"]).returncode == 0

    key = cli.json("api-keys", "create", "ci", "--role", "viewer", "--days", "3")
    assert {each["name"] for each in cli.json("api-keys", "list")["api_keys"]} == {"made with the user", "ci"}
    assert cli.process("api-keys", "revoke", key["id"]).returncode == 0

    nothing = {"days": None, "failed_days": None}
    assert cli.json("retention", "show") == {"own": nothing, "applying": {"days": 0, "failed_days": 0}}
    shown = cli.json("retention", "set", "--days", "30", "--failed-days", "90")
    assert shown["own"] == {"days": 30, "failed_days": 90}
    assert cli.json("retention", "set", "--failed-days", "-1")["own"] == {"days": 30, "failed_days": None}
    assert cli.process("retention", "set").returncode == 1
    told = [each["action"] for each in cli.json("audit", "--actor", owner["user_id"])["events"]]
    assert {"api_key.create", "api_key.revoke", "member.remove", "retention.set", "session.begin"} <= set(told)

    assert {each["email"] for each in cli.json("users", "list")["users"]} == {EMAIL, "bob@example.org"}
    assert cli.process("sign-out").returncode == 0
    assert cli.json("whoami", code=1)["error"]["code"] == "SIGN_IN_FIRST"
    assert cli.process("sign-out").returncode == 1

    assert cli.process("users", "set-password", EMAIL, typed="another password\n").returncode == 0
    assert cli.process("users", "disable", EMAIL).returncode == 0
    assert cli.process("sign-in", EMAIL, typed="another password\n").returncode == 1
    assert cli.process("users", "enable", EMAIL).returncode == 0
    assert cli.process("sign-in", EMAIL, typed="another password\n").returncode == 0


def test_a_token_that_ends_soon_is_renewed(start: Start, environment: dict[str, str], cli_at: Any) -> None:
    address = f"127.0.0.1:{environment['GRPC_PORT']}"
    start("serve")
    wait_until_serving(address)
    first_owner(cli_at(None))
    cli = cli_at(address)
    assert cli.process("sign-in", EMAIL, typed=f"{PASSWORD}\n").returncode == 0
    kept = Path(environment["XDG_CONFIG_HOME"]) / "orchestrator" / "sessions.json"
    sessions = json.loads(kept.read_text())
    before = sessions[address]["refresh_token"]
    sessions[address] |= {"access_token": "expired", "expires_at": 0}
    kept.write_text(json.dumps(sessions))
    assert cli.json("whoami")["email"] == EMAIL
    assert json.loads(kept.read_text())[address]["refresh_token"] != before


def test_serving_others_needs_a_key(cli_at: Any, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SECRET_KEY")
    done = cli_at(None).process("serve")
    assert (done.returncode, "SECRET_KEY isn't set" in done.stderr) == (1, True)
    assert "credentials new-key" in done.stderr


def test_migrate_makes_the_tables(
    cli_at: Any, empty_postgres_url: str, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_postgres_url)
    behind = cli_at(None).process("serve")
    assert behind.returncode == 1
    assert "orchestrator migrate" in behind.stderr
    for _ in range(2):
        done = cli_at(None).process("migrate")
        assert done.returncode == 0, done.stderr


def test_only_a_build_whose_workers_are_there_is_promoted(
    cli_at: Any, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = cli_at(None).process("promote")
    assert (done.returncode, "workers of all releases share their tasks" in done.stdout) == (0, True)
    monkeypatch.setenv("ORCHESTRATOR_BUILD_ID", "1.4.0")
    done = cli_at(None).process("promote", "--seconds", "1")
    queue = environment["ORCHESTRATOR_TASK_QUEUE"]
    assert done.returncode == 1
    assert f"no worker of the build 1.4.0 has asked for work on: {queue}, {queue}-ai, {queue}-code" in done.stderr


@pytest.mark.parametrize("command", ["serve", "worker", "migrate"])
def test_a_database_that_is_not_there(
    command: str, cli_at: Any, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:pa55word@127.0.0.1:1/none")
    done = cli_at(None).process(command)
    assert done.returncode == 1
    assert "PostgreSQL can't be reached" in done.stderr
    assert "pa55word" not in done.stdout + done.stderr


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_temporal_that_is_not_there(
    command: str, cli_at: Any, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    done = cli_at(None).process(command)
    assert done.returncode == 1
    assert "TEMPORAL_ADDRESS" in done.stderr


@pytest.mark.parametrize(
    ("name", "value"), [("GRPC_PORT", "many"), ("DATABASE_URL", "mysql://u:pa55word@h/d"), ("LOG_LEVEL", "loud")]
)
def test_a_bad_setting_is_named(
    name: str, value: str, cli_at: Any, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    done = cli_at(None).process("serve")
    assert done.returncode == 1
    assert name in done.stderr
    assert "pa55word" not in done.stderr


@pytest.mark.parametrize(
    ("setting", "role"),
    [("GRPC_PORT", "serve"), ("ORCHESTRATOR_METRICS_PORT", "serve"), ("ORCHESTRATOR_METRICS_PORT", "worker")],
)
def test_a_port_in_use_is_named(
    cli_at: Any, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, setting: str, role: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv(setting, str(taken.getsockname()[1]))
        done = cli_at(None).process(role)
    assert done.returncode == 1
    assert f"can't listen on 127.0.0.1:{os.environ[setting]}" in done.stderr
    assert f"and {setting}" in done.stderr
    assert "Traceback" not in done.stderr


def test_over_tls_with_what_temporal_keeps_sealed(
    start: Start,
    environment: dict[str, str],
    cli_at: Any,
    write: Callable[..., Path],
    temporal_server: DevServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    authority = Authority(tmp_path)
    shown, mine = authority.certificate("server"), authority.certificate("client")
    given = {
        "GRPC_TLS_CERT": shown.cert,
        "GRPC_TLS_KEY": shown.key,
        "GRPC_TLS_CLIENT_CA": authority.path,
        "ORCHESTRATOR_TEMPORAL_KEYS": new_key(),
        "ORCHESTRATOR_TLS_CA": authority.path,
        "ORCHESTRATOR_TLS_CERT": mine.cert,
        "ORCHESTRATOR_TLS_KEY": mine.key,
    }
    for name, value in given.items():
        monkeypatch.setenv(name, str(value))
    address = f"localhost:{environment['GRPC_PORT']}"
    start("serve")
    start("worker")
    credentials = grpc.ssl_channel_credentials(
        authority.path.read_bytes(), mine.key.read_bytes(), mine.cert.read_bytes()
    )
    with grpc.secure_channel(address, credentials) as channel:
        grpc.channel_ready_future(channel).result(timeout=60)
    monkeypatch.setenv("ORCHESTRATOR_API_KEY", first_owner(cli_at(None))["api_key"])
    result = cli_at(address).json("run", write("sealed"), "--input", '{"word": "canary-9"}')
    assert result["status"] == "COMPLETED"
    command = [
        find_binary() or "temporal",
        "workflow",
        "show",
        "--output",
        "json",
        "--address",
        temporal_server.address,
    ]
    command += ["--workflow-id", result["execution_id"], "--no-json-shorthand-payloads"]
    history = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "YmluYXJ5L2VuY3J5cHRlZA==" in history  # binary/encrypted
    assert base64.b64encode(b"canary-9")[:-4].decode() not in history


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"GRPC_TLS_CERT": "/absent.pem"}, "GRPC_TLS_CERT: GRPC_TLS_KEY"),
        ({"GRPC_TLS_CERT": "/absent.pem", "GRPC_TLS_KEY": "/absent.key"}, "GRPC_TLS_CERT: /absent.pem can't be read"),
        ({"HTTP_TLS_CERT": __file__, "HTTP_TLS_KEY": __file__}, "HTTP_TLS_CERT"),
        ({"ORCHESTRATOR_TEMPORAL_KEYS": "k:hunter2"}, "ORCHESTRATOR_TEMPORAL_KEYS"),
        ({"ORCHESTRATOR_TEMPORAL_UI_ORIGIN": "temporal/ui"}, "ORCHESTRATOR_TEMPORAL_UI_ORIGIN"),
    ],
)
def test_keys_and_certificates_that_can_not_be_used(
    given: dict[str, str], said: str, cli_at: Any, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    done = cli_at(None).process("serve")
    assert done.returncode == 1
    assert said in done.stderr
    assert "hunter2" not in done.stderr
