"""Runs a model server beside the tests: in a thread, or in a process that outlives what is killed."""

import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn

from tests.model_server.application import Answering, Kept, Model
from tests.model_server.conversation import Json
from tests.model_server.script import scripted

ROOT = Path(__file__).parents[2]


@dataclass
class ModelServer:
    """A running server; `model.answering` may be changed at any time."""

    port: int
    model: Model = field(default_factory=Model)

    @property
    def openai_url(self) -> str:
        """The `base_url` of the provider openai."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def anthropic_url(self) -> str:
        """The `base_url` of the provider anthropic."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def kept(self) -> list[Kept]:
        """What it was asked."""
        return self.model.kept


@contextmanager
def serving(answering: Answering = scripted, keys: Collection[str] = ()) -> Iterator[ModelServer]:
    """A server in a thread of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        running = ModelServer(listening.getsockname()[1], Model(answering, keys))
        server = uvicorn.Server(configured(running.model))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield running
        finally:
            # Answers that are still waiting to be given aren't waited for.
            server.should_exit = server.force_exit = True
            thread.join(5)


def configured(model: Model) -> uvicorn.Config:
    """How the server is run: what it cuts off on purpose isn't logged."""
    return uvicorn.Config(model.application(), log_level="critical", lifespan="off", ws="none")


@dataclass(frozen=True)
class ModelProcess:
    """A server in a process of its own, which answers by the script that its users' messages hold."""

    url: str
    process: subprocess.Popen[str]

    @property
    def openai_url(self) -> str:
        """The `base_url` of the provider openai."""
        return f"{self.url}/v1"

    @property
    def anthropic_url(self) -> str:
        """The `base_url` of the provider anthropic."""
        return self.url

    def requests(self) -> Json:
        """What it was asked, as `GET /_requests` tells."""
        with urllib.request.urlopen(f"{self.url}/_requests", timeout=10) as answer:
            found: Json = json.load(answer)
        return found


@contextmanager
def serving_process() -> Iterator[ModelProcess]:
    """A server that a killed worker leaves alone."""
    command = [sys.executable, "-m", "tests.model_server", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield ModelProcess(process.stdout.readline().strip(), process)
        finally:
            process.kill()
