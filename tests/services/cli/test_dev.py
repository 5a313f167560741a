"""`orchestrator dev` and the embedded `run`: they start everything, and leave nothing behind."""

import base64
import json
import os
import re
import signal
import socket
import subprocess
import time

import httpx
import psutil
import psycopg
import pytest

from services.store.keyring import new_key
from temporal.dev_server import find_binary


def servers(process: "subprocess.Popen[str]") -> dict[str, psutil.Process]:
    """The servers that the command started, by the name of their program."""
    return {child.name(): child for child in psutil.Process(process.pid).children()}


def test_starts_all_and_stops_all(launch, cli_at, write, data_folder) -> None:
    dev = launch(data_folder, "--ui-port", "0")
    assert dev.addresses.keys() >= {"API", "Web and REST", "Temporal", "Web UI", "PostgreSQL", "Data"}
    assert cli_at(dev.addresses["API"]).json("run", write("w"))["status"] == "COMPLETED"
    page = httpx.get(dev.addresses["Web and REST"] + "/api/v1/workflows", timeout=60)
    assert page.json()["workflows"]
    children = psutil.Process(dev.process.pid).children(recursive=True)
    assert dev.stop() == 0
    assert psutil.wait_procs(children, timeout=10)[1] == []


def test_with_keys_it_seals_and_opens_for_this_machine(launch, cli_at, write, data_folder, monkeypatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_TEMPORAL_KEYS", new_key())
    for name in ("GRPC_TLS_CERT", "GRPC_TLS_KEY", "HTTP_TLS_CERT", "HTTP_TLS_KEY"):
        monkeypatch.setenv(name, "/of/another/server.pem")  # not for the loopback interface
    dev = launch(data_folder, "--ui-port", "0", "--http-port", "0")
    ran = cli_at(dev.addresses["API"]).json("run", write("w"), "--input", '{"word": "canary-4"}')
    addresses = "\n".join(f"{name} {value}" for name, value in dev.addresses.items())
    web, ui = (re.search(rf"{name} +(http\S+)", addresses)[1] for name in ("Web and REST", "Web UI"))
    show = [find_binary(), "workflow", "show", "--workflow-id", ran["execution_id"], "--output", "json"]
    show += ["--address", dev.addresses["Temporal"], "--namespace", "default"]
    for more, seen in (([], False), (["--codec-endpoint", f"{web}/codec"], True)):
        printed = subprocess.run([*show, *more], capture_output=True, text=True, timeout=60, check=True).stdout
        found = b"".join(base64.b64decode(data) for data in re.findall(r'"data": "([A-Za-z0-9+/=]+)"', printed))
        assert (b"canary-4" in found) == seen
    asked = {"origin": ui, "access-control-request-method": "POST"}
    assert httpx.options(f"{web}/codec/decode", headers=asked).headers["access-control-allow-origin"] == ui


def test_keeps_its_data(launch, cli_at, write, data_folder) -> None:
    first = launch(data_folder, "--no-ui")
    ran = cli_at(first.addresses["API"]).json("run", write("w"))
    first.stop()
    second = launch(data_folder, "--no-ui")
    again = cli_at(second.addresses["API"])
    assert again.json("executions", "show", ran["execution_id"])["output"] == ran["output"]
    assert again.json("run", write("w"))["version"] == 1


@pytest.mark.parametrize(("program", "name"), [("postgres", "PostgreSQL"), ("temporal", "Temporal")])
def test_says_which_part_died_and_stops(launch, program, name, data_folder) -> None:
    dev = launch(data_folder, "--no-ui")
    parts = servers(dev.process)
    os.kill(parts[program].pid, signal.SIGKILL)
    error = dev.process.communicate(timeout=60)[1]
    assert dev.process.returncode == 1
    assert name in error
    assert "killed by SIGKILL" in error
    assert "Traceback" not in error
    assert psutil.wait_procs(parts.values(), timeout=10)[1] == []


def test_killed_it_takes_its_servers_along_and_can_start_again(launch, cli_at, write, data_folder) -> None:
    dev = launch(data_folder, "--no-ui")
    parts = servers(dev.process)
    dev.process.kill()
    dev.process.communicate()
    assert psutil.wait_procs(parts.values(), timeout=20)[1] == []
    again = launch(data_folder, "--no-ui")
    assert cli_at(again.addresses["API"]).json("run", write("w"))["status"] == "COMPLETED"


def test_a_second_one_on_the_same_data_is_refused(cli_at, shared_dev) -> None:
    done = cli_at(None).process("dev", "--data", shared_dev.addresses["Data"], "--grpc-port", "0", "--no-ui")
    assert done.returncode == 1
    assert f"in use by process {shared_dev.process.pid}" in done.stderr


def test_data_of_another_version_is_refused(launch, cli_at, data_folder) -> None:
    dev = launch(data_folder, "--no-ui")
    with psycopg.connect(dev.addresses["PostgreSQL"]) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
    dev.stop()
    done = cli_at(None).process("dev", "--data", data_folder, "--grpc-port", "0", "--no-ui")
    assert done.returncode == 1
    assert "is of another version" in done.stderr
    assert "ffffffffffff" in done.stderr


def test_a_port_in_use_is_named(cli_at, data_folder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = cli_at(None).process("dev", "--data", data_folder, "--grpc-port", str(port), "--no-ui")
    assert done.returncode == 1
    assert str(port) in done.stderr


def test_a_run_without_a_server_starts_its_own(cli_at, write, data_folder, monkeypatch) -> None:
    monkeypatch.setenv("TMPDIR", str(data_folder))
    monkeypatch.setenv("ORCHESTRATOR_TLS", "1")  # of another server
    done = cli_at(None).process("run", write("w"), "--input", '{"a": 1}', "--json")
    assert done.returncode == 0
    assert done.stderr == ""
    shown = json.loads(done.stdout)
    assert shown["status"] == "COMPLETED"
    assert shown["output"] == {"Start": [{"a": 1}]}
    assert list(data_folder.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_start_leaves_nothing(cli_at, write, data_folder, monkeypatch, number) -> None:
    monkeypatch.setenv("TMPDIR", str(data_folder))
    process = cli_at(None).start("run", write("w"))
    while not (logs := list(data_folder.glob("*/postgres.new"))):
        assert process.poll() is None
        time.sleep(0.01)
    assert logs
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    assert process.wait(60) == 130
    assert psutil.wait_procs(children, timeout=10)[1] == []
    assert list(data_folder.iterdir()) == []


def test_an_invalid_run_without_a_server(cli_at, write, made) -> None:
    done = cli_at(None).process("run", write("w", made("A", "NO_SUCH", {})), "--json")
    assert done.returncode == 2
    shown = json.loads(done.stdout)
    assert shown["status"] == "INVALID"
    assert [problem["code"] for problem in shown["problems"]] == ["UNKNOWN_SUBTYPE"]
