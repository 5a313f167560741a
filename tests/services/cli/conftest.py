"""The real command, and one `orchestrator dev` that tests share."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from services.cli.app import app

ORCHESTRATOR = str(Path(sys.executable).with_name("orchestrator"))
LONG = 120


@dataclass
class Dev:
    """A running `orchestrator dev`."""

    process: "subprocess.Popen[str]"
    addresses: dict[str, str] = field(default_factory=dict)

    def stop(self) -> int:
        """Ends it as a service manager would; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=LONG)
        return self.process.returncode


@dataclass
class Cli:
    """Runs the command against one server, or against none."""

    address: str | None

    def environment(self) -> dict[str, str]:
        """What the command finds in its environment."""
        known = {name: value for name, value in os.environ.items() if name != "ORCHESTRATOR_ADDRESS"}
        return known | ({"ORCHESTRATOR_ADDRESS": self.address} if self.address else {})

    def __call__(self, *arguments: str | Path) -> Result:
        """Runs the command in this process, which saves its start; whatever happens, it prints no traceback."""
        environment = {"ORCHESTRATOR_ADDRESS": self.address}
        done = CliRunner().invoke(app, [str(each) for each in arguments], env=environment)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        assert "Traceback" not in done.output
        return done

    def command(self, *arguments: str | Path) -> list[str]:
        """The command as a user's shell starts it."""
        return [ORCHESTRATOR, *map(str, arguments)]

    def process(self, *arguments: str | Path, typed: str | None = None) -> "subprocess.CompletedProcess[str]":
        """Runs the command as a user does; `typed` is what its standard input brings."""
        command = self.command(*arguments)
        done = subprocess.run(
            command, env=self.environment(), input=typed, capture_output=True, text=True, timeout=LONG, check=False
        )
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        return done

    def start(self, *arguments: str | Path) -> "subprocess.Popen[str]":
        """Starts the command as a user does, without waiting for its end."""
        return subprocess.Popen(self.command(*arguments), env=self.environment(), stdout=subprocess.PIPE, text=True)

    def json(self, *arguments: str | Path, code: int = 0) -> dict[str, Any]:
        """The one JSON object that it prints with --json; `code` is the exit code it must have."""
        done = self(*arguments, "--json")
        assert done.exit_code == code, done.stdout + done.stderr
        assert done.stdout.count("\n") == 1
        shown: dict[str, Any] = json.loads(done.stdout)
        return shown


def start_dev(data: Path, *options: str, stderr: Any = subprocess.PIPE) -> Dev:
    """Starts it and waits until it says that it is ready."""
    command = [ORCHESTRATOR, "dev", "--data", str(data), "--grpc-port", "0", "--temporal-port", "0"]
    command += ["--http-port", "0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True)
    dev = Dev(process)
    assert process.stdout
    for line in process.stdout:
        name, _, value = line.strip().partition("  ")
        if line.startswith("  "):
            dev.addresses[name] = value.strip()
        elif dev.addresses:
            return dev
    raise AssertionError(process.communicate()[1])


@pytest.fixture(scope="session")
def shared_dev(make_data_folder: Callable[[], Path]) -> Iterator[Dev]:
    """One stack for all tests that only talk to it."""
    dev = start_dev(make_data_folder(), "--no-ui")
    yield dev
    assert dev.stop() == 0


@pytest.fixture
def launch() -> Iterator[Callable[..., Dev]]:
    """Starts stacks of the test's own, and makes sure that none is left."""
    started: list[Dev] = []

    def launched(data: Path, *options: str) -> Dev:
        started.append(start_dev(data, *options))
        return started[-1]

    yield launched
    for dev in started:
        if dev.process.poll() is None:
            dev.stop()


@pytest.fixture
def cli(shared_dev: Dev) -> Cli:
    """The command, talking to the shared stack."""
    return Cli(shared_dev.addresses["API"])


@pytest.fixture
def cli_at() -> type[Cli]:
    """The command, talking to the server of one's choice."""
    return Cli


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a workflow's file: a chain of nodes behind a manual trigger."""

    def written(name: str, *nodes: dict[str, Any], **more: Any) -> Path:
        trigger = {"id": "start", "name": "Start", "type": "TRIGGER_NODE", "subtype": "MANUAL", "parameters": {}}
        chain = [trigger, *nodes]
        arrows = {
            source["name"]: {
                "connection_types": {"main": {"connections": [{"node": target["name"], "type": "MAIN", "index": 0}]}}
            }
            for source, target in pairwise(chain)
        }
        file = tmp_path / f"{name}.json"
        file.write_text(json.dumps({"name": name, "nodes": chain, "connections": {"connections": arrows}} | more))
        return file

    return written


def node(name: str, subtype: str, parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
    """One node of the FLOW or ACTION family."""
    flow = ("IF", "FILTER", "SWITCH", "MERGE", "LOOP", "WAIT", "SUBWORKFLOW", "STOP")
    family = "FLOW_NODE" if subtype in flow else "ACTION_NODE"
    return {"id": name, "name": name, "type": family, "subtype": subtype, "parameters": parameters} | more


@pytest.fixture
def made() -> Callable[..., dict[str, Any]]:
    """Makes nodes."""
    return node
