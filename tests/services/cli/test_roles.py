"""`migrate`, `serve` and `worker`: processes of their own, told where everything is by the environment."""

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

from temporal.dev_server import DevServer, free_port

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
def environment(monkeypatch: pytest.MonkeyPatch, postgres_url: str, temporal_server: DevServer) -> dict[str, str]:
    """What an operator sets."""
    set_to = {
        "DATABASE_URL": postgres_url,
        "TEMPORAL_ADDRESS": temporal_server.address,
        "GRPC_HOST": "127.0.0.1",
        "GRPC_PORT": str(free_port()),
        "HTTP_PORT": "0",
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
    start: Start, environment: dict[str, str], cli_at: Any, write: Callable[..., Path]
) -> None:
    address = f"127.0.0.1:{environment['GRPC_PORT']}"
    roles = [start("serve"), start("worker", "--queues", "default,code")]
    wait_until_serving(address)
    assert cli_at(address).json("run", write("w"))["status"] == "COMPLETED"
    for role in roles:
        role.send_signal(signal.SIGTERM)
    assert [role.wait(timeout=60) for role in roles] == [0, 0]


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


def test_a_port_in_use_is_named(cli_at: Any, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("GRPC_PORT", str(taken.getsockname()[1]))
        done = cli_at(None).process("serve")
    assert done.returncode == 1
    assert f"can't listen on 127.0.0.1:{os.environ['GRPC_PORT']}" in done.stderr
