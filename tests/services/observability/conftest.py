"""`orchestrator dev` under observation: with metrics, traces to a collector of the test's own, and a log in JSON."""

import json
import os
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)

from temporal.dev_server import free_port
from tests.services.cli.conftest import start_dev

CANARY = "canary-5e1f"
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


class Collector(TraceServiceServicer):
    """Takes spans by OTLP."""

    def __init__(self) -> None:
        self.spans: list[Any] = []

    def Export(self, request: Any, context: Any) -> ExportTraceServiceResponse:
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                self.spans.extend(scope.spans)
        return ExportTraceServiceResponse()


class _Site(BaseHTTPRequestHandler):
    """Fails the first time that it is asked under a path, if that says so, and notes the headers."""

    seen: dict[str, list[dict[str, str]]] = {}  # noqa: RUF012 - shared on purpose

    def do_GET(self) -> None:
        calls = self.seen.setdefault(self.path, [])
        calls.append(dict(self.headers.items()))
        status = 503 if "flaky" in self.path and len(calls) == 1 else 400 if "broken" in self.path else 200
        body = json.dumps({"said": CANARY}).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@dataclass
class Observed:
    """A stack that has worked."""

    rest: str
    metrics: str
    log: Path
    collector: Collector
    site: str
    seen: dict[str, list[dict[str, str]]]
    runs: dict[str, str] = field(default_factory=dict)

    def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> Any:
        """What the REST API answers."""
        request = urllib.request.Request(
            f"{self.rest}/api/v1{path}",
            json.dumps(body).encode(),
            {"content-type": "application/json", **(headers or {})},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def get(self, path: str) -> Any:
        """What the REST API answers."""
        with urllib.request.urlopen(f"{self.rest}/api/v1{path}", timeout=60) as answer:
            return json.load(answer)

    def scrape(self) -> str:
        """All metrics."""
        with urllib.request.urlopen(f"{self.metrics}/metrics", timeout=60) as answer:
            return str(answer.read().decode())

    def events(self, run: str, **headers: str) -> str:
        """A run's events, as they are sent, to its end."""
        request = urllib.request.Request(f"{self.rest}/api/v1/executions/{run}/events", headers=headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return str(answer.read().decode())

    def knock(self, path: str, method: str = "POST") -> int:
        """The status at a webhook's address."""
        request = urllib.request.Request(f"{self.rest}/webhook/{path}", b"{}" if method == "POST" else None)
        request.method = method
        request.add_header("content-type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def run(self, workflow: Any, **headers: str) -> str:
        """The id of a run, once it has ended."""
        made = self.post("/workflows", workflow)["workflow"]["id"]
        body = {"input": {"json": json.dumps([{"json": {"secret": CANARY}}])}}
        run: str = self.post(f"/workflows/{made}:execute", body, headers)["executionId"]
        eventually(lambda: self.get(f"/executions/{run}")["execution"]["status"] not in ("RUNNING", "PAUSED"))
        return run


def eventually(found: Callable[[], Any], seconds: float = 90) -> Any:
    """What is found, once there is something."""
    until = time.monotonic() + seconds
    while not (it := found()):
        assert time.monotonic() < until, "it never came"
        time.sleep(0.2)
    return it


def workflow(name: str, *nodes: dict[str, Any], trigger: str = "MANUAL") -> dict[str, Any]:
    """A chain of nodes behind a trigger."""
    every = [{"id": "t", "name": "T", "type": "TRIGGER_NODE", "subtype": trigger}, *nodes]
    arrows = {
        one["name"]: {"connection_types": {"main": {"connections": [{"node": two["name"], "type": "MAIN"}]}}}
        for one, two in pairwise(every)
    }
    return {"name": name, "nodes": every, "connections": {"connections": arrows}}


def node(name: str, subtype: str, kind: str = "ACTION_NODE", **more: Any) -> dict[str, Any]:
    """A node."""
    parameters = more.pop("parameters", {})
    return {"id": name.lower(), "name": name, "type": kind, "subtype": subtype, "parameters": parameters, **more}


@pytest.fixture(scope="session")
def observed(make_data_folder: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    """A stack on which runs have completed, failed, retried and called each other."""
    collector, server = Collector(), grpc.server(ThreadPoolExecutor(4))
    add_TraceServiceServicer_to_server(collector, server)
    otlp = server.add_insecure_port("127.0.0.1:0")
    server.start()
    site = ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    threading.Thread(target=site.serve_forever, daemon=True).start()
    port, http = free_port(), free_port()
    environment = {
        "LOG_FORMAT": "json",
        "LOG_LEVEL": "INFO",
        "ORCHESTRATOR_METRICS_PORT": str(port),
        "ORCHESTRATOR_EGRESS_ALLOW": "127.0.0.0/8",
        "ORCHESTRATOR_TRACE_HOSTS": "localhost",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{otlp}",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
    }
    log = tmp_path_factory.mktemp("observed") / "log"
    with pytest.MonkeyPatch.context() as patch, log.open("w") as stderr:
        for name, value in environment.items():
            patch.setenv(name, value)
        dev = start_dev(make_data_folder(), "--no-ui", "--http-port", str(http), stderr=stderr)
    stack = Observed(
        f"http://127.0.0.1:{http}",
        f"http://127.0.0.1:{port}",
        log,
        collector,
        f"http://{{host}}:{site.server_address[1]}",
        _Site.seen,
    )
    _work(stack)
    yield stack
    assert dev.stop() == 0
    site.shutdown()
    server.stop(None)


def _work(stack: Observed) -> None:
    def ask(name: str, path: str, host: str = "localhost", **more: Any) -> dict[str, Any]:
        url = stack.site.format(host=host) + path
        return node(name, "HTTP_REQUEST", parameters={"url": url, "method": "GET"}, **more)

    retry = {"max_attempts": 3, "initial_interval": "100ms"}
    child = workflow("child", ask("Inner", f"/inner?key={CANARY}"), trigger="SUBWORKFLOW")
    child_id = stack.post("/workflows", child)["workflow"]["id"]
    call = node("Call", "SUBWORKFLOW", "FLOW_NODE", parameters={"workflow_id": child_id})
    traced = workflow("traced", ask("Flaky", "/flaky", retry=retry), call, ask("Untold", "/untold", "127.0.0.1"))
    stack.runs["traced"] = stack.run(traced, traceparent=f"00-{TRACE}-{PARENT}-01")
    stack.events(stack.runs["traced"], traceparent=f"00-{TRACE}-{PARENT}-01")
    stack.runs["broken"] = stack.run(workflow("broken", ask("Broken", "/broken")))
    code = node("Code", "RUN_CODE", parameters={"language": "python", "code": "return items"})
    stack.runs["code"] = stack.run(workflow("code", code))
    hook = workflow(
        "hook",
        node("Kept", "DATA_TRANSFORMATION", parameters={"operation": "set", "fields": {"a": 1}}),
        trigger="WEBHOOK",
    )
    hook["nodes"][0]["parameters"] = {"path": "observed"}
    hook_id = stack.post("/workflows", hook)["workflow"]["id"]
    stack.post(f"/workflows/{hook_id}:activate", {})
    assert [stack.knock("observed"), stack.knock("observed", "PUT"), stack.knock("nowhere")] == [202, 405, 404]


def start_prometheus(folder: Path, config: Path) -> "tuple[subprocess.Popen[bytes], str]":
    """A server of Debian's."""
    port = free_port()
    command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder}"]
    process = subprocess.Popen(
        [*command, f"--web.listen-address=127.0.0.1:{port}"], stderr=subprocess.DEVNULL, env=dict(os.environ)
    )
    return process, f"http://127.0.0.1:{port}"
