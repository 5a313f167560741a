"""Starts everything on this machine, runs the workflows beside this file, and says where to look.

With ORCHESTRATOR_ADDRESS set it runs them on that server instead.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

EXAMPLES = Path(__file__).parent
DATA = EXAMPLES.parent / ".data"
LOG = DATA / "dev.log"
ORCHESTRATOR = str(Path(sys.executable).with_name("orchestrator"))
ORDERS = [
    {"id": "A-1", "total": 250},
    {"id": "A-2", "total": 4200},
    {"id": "A-3", "total": 80},
    {"id": "A-4", "total": 910},
    {"id": "A-5", "total": 1300},
]
SOLD_OUT = "A-3"
WITH_A_KEY = "What is on my calendar today?"
# The model without a key has no mind of its own: each line says what it does in a turn.
WITHOUT_A_KEY = "call list {}\nsay I asked the calendar, and it said: {result}"


class Shop(BaseHTTPRequestHandler):
    """A shop that is too busy the first time it hears of an order, and has sold one thing out."""

    calls: ClassVar[Counter[str]] = Counter()

    def do_POST(self) -> None:
        """Reserves what an order needs."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        order = body["order"]
        self.calls[order] += 1
        if order == SOLD_OUT:
            self._answer(409, {"error": "sold out"})
        elif self.calls[order] == 1:
            self._answer(503, {"error": "too busy, try again"})
        else:
            self._answer(200, {"order": order, "reserved": True})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """What happened is told at the end."""


@contextmanager
def shop() -> Iterator[str]:
    """The shop's address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@contextmanager
def model() -> Iterator[dict[str, str]]:
    """Where agents find a model: OpenAI's, if there is a key, else one that does as the prompt says."""
    if os.environ.get("OPENAI_API_KEY"):
        yield {}
        return
    command = [sys.executable, "-m", "tests.model_server"]
    with subprocess.Popen(command, cwd=EXAMPLES.parent, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield {"OPENAI_API_KEY": "any", "OPENAI_BASE_URL": f"{process.stdout.readline().strip()}/v1"}
        finally:
            process.terminate()
            process.communicate()


@contextmanager
def orchestrator(settings: dict[str, str]) -> Iterator[dict[str, str]]:
    """The addresses of everything; started here unless the environment names a server."""
    if os.environ.get("ORCHESTRATOR_ADDRESS"):
        yield {"API": os.environ["ORCHESTRATOR_ADDRESS"]}
        return
    say("Starting PostgreSQL, Temporal, the API and a worker")
    DATA.mkdir(exist_ok=True)
    command = [ORCHESTRATOR, "dev", "--data", str(DATA), "--grpc-port", "0"]
    # The shop and the model are on this machine, where nodes may call nothing unless they are allowed to.
    environment = os.environ | {"ORCHESTRATOR_EGRESS_ALLOW": "127.0.0.1"} | settings
    with (
        LOG.open("w") as log,
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        try:
            yield addresses(process)
        finally:
            process.terminate()
            process.communicate()


def addresses(process: "subprocess.Popen[str]") -> dict[str, str]:
    """What `orchestrator dev` prints once it is ready."""
    found: dict[str, str] = {}
    for line in process.stdout or ():
        print(line, end="", flush=True)
        if line.startswith("  "):
            name, _, value = line.strip().partition("  ")
            found[name] = value.strip()
        elif found:
            return found
    print(LOG.read_text(), file=sys.stderr)
    sys.exit(f"`orchestrator dev` ended with exit code {process.wait()} before it was ready")


def run(file: str, given: Any, address: str) -> None:
    """Runs one workflow as a user would."""
    say(f"orchestrator run examples/{file} --input '{json.dumps(given)[:100]}'")
    command = [ORCHESTRATOR, "run", str(EXAMPLES / file), "--input", json.dumps(given)]
    ended = subprocess.run(command, env=os.environ | {"ORCHESTRATOR_ADDRESS": address}, check=False)
    if ended.returncode:
        sys.exit(f"{file} ended with exit code {ended.returncode}")


def say(text: str) -> None:
    """A heading."""
    print(f"\n=== {text}", flush=True)


def main() -> None:
    """The whole demonstration."""
    began = time.monotonic()
    with shop() as shop_url, model() as settings, orchestrator(settings) as where:
        address = where["API"]
        run("secretary.json", {"message": "Please book a meeting with Ann tomorrow"}, address)
        prompt = WITH_A_KEY if os.environ.get("OPENAI_API_KEY") else WITHOUT_A_KEY
        run("ai_secretary.json", {"message": prompt}, address)
        run("orders.json", {"shop": shop_url, "orders": ORDERS}, address)
        say("What the shop saw: each order's first call was refused, so the engine tried again")
        for order, calls in sorted(Shop.calls.items()):
            print(f"  {order}: {calls} calls" + (" (sold out: not retried)" if order == SOLD_OUT else ""))
        say("orchestrator executions list")
        environment = os.environ | {"ORCHESTRATOR_ADDRESS": address}
        subprocess.run([ORCHESTRATOR, "executions", "list", "--limit", "5"], env=environment, check=True)
    say(f"Done in {time.monotonic() - began:.0f} s")
    if "Data" in where:
        print(f"The runs are kept in {where['Data']}. `make dev` starts everything again; then look at")
        print("  Temporal's Web UI   http://127.0.0.1:8233")
        print("  the command line    .venv/bin/orchestrator executions list")


if __name__ == "__main__":
    main()
