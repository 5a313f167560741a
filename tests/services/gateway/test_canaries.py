"""No secret of a request is in a log line, a span or an error's answer: every endpoint is asked, in every way.

What an address of the API names (ids) is no secret; what a caller shows, and where outsiders call, is.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import add_TraceServiceServicer_to_server
from starlette.routing import Route

from services.gateway import contract
from services.gateway.app import make_app
from services.gateway.paths import is_for_outsiders
from services.gateway.rest_table import TABLE
from services.gateway.site import Site
from services.store.keyring import read_keys
from temporal.dev_server import DevServer, free_port
from tests.graphs import sets, trigger, workflow
from tests.services.conftest import SECRET_KEY
from tests.services.gateway.conftest import UNUSED
from tests.services.observability.conftest import Collector

CANARY = "canary1f3b5d7e9a"
SHOWN = {
    "authorization": f"Bearer {CANARY}",
    "cookie": "; ".join(
        f"{name}={CANARY}"
        for name in (
            "orchestrator_access",
            "orchestrator_refresh",
            "orchestrator_signin",
            "orchestrator_next",
            "orchestrator_chat",
            "task_page",
        )
    ),
    "x-csrf-token": CANARY,
    "x-api-key": CANARY,
    "x-delivery": CANARY,
    "x-hub-signature-256": f"sha256={CANARY}",
    "x-slack-signature": f"v0={CANARY}",
    "x-slack-request-timestamp": str(int(time.time())),
    "x-signature-ed25519": CANARY.encode().hex().ljust(128, "0"),
    "x-signature-timestamp": str(int(time.time())),
    "x-telegram-bot-api-secret-token": CANARY,
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "referer": f"http://127.0.0.1/task/{CANARY}",
}
# The page for signing in shows an e-mail address again, and leads to where it was asked to.
FIELDS = ("token", "code", "state", "error", "error_description", "password", "csrf", "message")
JSON = {"content-type": "application/json"}


@dataclass
class Observed:
    """A server of its own, and all that it tells."""

    url: str
    log: Path
    collector: Collector
    api_key: str


@pytest.fixture(scope="module")
def observed(module_postgres_url: str, temporal_server: DevServer, tmp_path_factory: Any) -> Iterator[Observed]:
    folder: Path = tmp_path_factory.mktemp("canaries")
    collector, otlp = Collector(), grpc.server(ThreadPoolExecutor(2))
    add_TraceServiceServicer_to_server(collector, otlp)
    spans = otlp.add_insecure_port("127.0.0.1:0")
    otlp.start()
    port = free_port("127.0.0.1")
    environment = os.environ | {
        "DATABASE_URL": module_postgres_url,
        "TEMPORAL_ADDRESS": temporal_server.address,
        "GRPC_HOST": "127.0.0.1",
        "GRPC_PORT": str(free_port("127.0.0.1")),
        "HTTP_PORT": str(port),
        "SECRET_KEY": SECRET_KEY,
        "LOG_LEVEL": "DEBUG",
        "LOG_FORMAT": "json",
        "ORCHESTRATOR_RATE_LIMIT": "0",
        "ORCHESTRATOR_SHUTDOWN_SECONDS": "1",
        "ORCHESTRATOR_EGRESS_ALLOW": "127.0.0.0/8",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{spans}",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
    }
    command = str(Path(sys.executable).with_name("orchestrator"))
    creating = [command, "users", "create", "owner@example.org", "--owner", "--api-key", "--json"]
    made = subprocess.run(
        creating, env=environment, input="correct horse battery\n", capture_output=True, text=True, check=True
    )
    log = folder / "log"
    with log.open("wb") as output:
        server = subprocess.Popen([command, "serve"], env=environment, stdout=output, stderr=output)
    url = f"http://127.0.0.1:{port}"
    try:
        _until(lambda: _ready(url), log)
        yield Observed(url, log, collector, json.loads(made.stdout)["api_key"])
    finally:
        server.terminate()
        server.wait(30)
        otlp.stop(0)


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz").status_code == 200
    except httpx.TransportError:
        return False


def _until(found: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + 60
    while not found():
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.1)


def endpoints() -> list[tuple[str, str]]:
    """Every method and path of the gateway; what outsiders' addresses name is a canary."""
    channel = grpc.aio.insecure_channel("127.0.0.1:1")
    site = Site(UNUSED, channel, "http://127.0.0.1", read_keys(SECRET_KEY), services=contract.KNOWN)
    found = []
    for route in make_app(site).routes:
        assert isinstance(route, Route)
        held = CANARY if is_for_outsiders(route.path) else "some-id"
        path = route.path
        for name in route.param_convertors:
            path = path.replace(f"{{{name}:path}}", held).replace(f"{{{name}}}", held)
        found += [(method, path) for method in sorted(route.methods or {"GET"})]
    return found


def bodies() -> list[dict[str, Any]]:
    """What is sent: in every encoding, whole and broken, with and without who shows it."""
    fields = dict.fromkeys(FIELDS, CANARY)
    without = {name: value for name, value in SHOWN.items() if name != "authorization"}
    return [
        {"headers": SHOWN | JSON, "content": json.dumps(fields)},
        {"headers": SHOWN | JSON, "content": f'{{"password": "{CANARY}'},
        {"headers": SHOWN | {"content-type": "application/proto"}, "content": CANARY.encode()},
        {"headers": SHOWN | {"content-type": f"{CANARY}"}, "content": CANARY.encode()},
        {"headers": SHOWN, "data": fields},
        {"headers": without, "data": fields},
        {"headers": without | {"origin": "null"}, "files": {"file": (CANARY, CANARY.encode())}},
        {"headers": without | {"accept": "text/html"}, "content": b""},
    ]


def leaks(answer: httpx.Response) -> bool:
    """Whether an error's answer has what was sent."""
    return answer.status_code >= 400 and (CANARY in answer.text or CANARY in str(answer.headers))


async def test_every_endpoint(observed: Observed) -> None:
    found = endpoints()
    assert len(found) > 100
    told = []
    async with httpx.AsyncClient(base_url=observed.url, timeout=30) as http:
        for method, path in found:
            for body in bodies():
                given = {"headers": body["headers"]} if method in ("GET", "HEAD") else body
                answer = await http.request(method, path, params=dict.fromkeys(FIELDS, CANARY), **given)
                assert answer.status_code != 500, (method, path, answer.text)
                if leaks(answer):
                    told.append((method, path, answer.text[:300]))
    assert told == []
    nowhere(observed)


def wrong(field: Any) -> Any:
    """A value that a field of a message can't have."""
    value: Any = {"wrong": CANARY} if field.type == field.TYPE_STRING else CANARY
    return [value] if field.is_repeated else value


async def test_fields_of_the_wrong_type(observed: Observed) -> None:
    """Whoever writes a secret where it doesn't belong isn't told it again."""
    key = {"authorization": f"Bearer {observed.api_key}"}
    told = []
    async with httpx.AsyncClient(base_url=observed.url, timeout=30, headers=key) as http:
        for method in contract.methods(contract.KNOWN):
            for field in method.request.DESCRIPTOR.fields:
                content = json.dumps({field.json_name: wrong(field)})
                answers = [await http.post(method.path, content=content, headers=JSON)]
                if (place := TABLE.get(method.path)) and place.in_query and not field.name.endswith("_id"):
                    path = place.path.replace("{", "").replace("}", "")
                    answers.append(await http.get(path, params={field.name: CANARY}))
                told += [(method.path, field.name, answer.text[:300]) for answer in answers if leaks(answer)]
    assert told == []
    nowhere(observed)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("http_header", {"name": "x-key", "value": "right-value"}),
        ("http_basic", {"user": "u", "password": "right-value"}),
        ("http_bearer", {"token": "right-value"}),
        ("webhook_secret", {"secret": "right-value"}),
    ],
)
async def test_addresses_that_are_called(observed: Observed, kind: str, fields: dict[str, str]) -> None:
    """A webhook at an address that is a secret, called by who has the secret, and by who hasn't."""
    key = {"authorization": f"Bearer {observed.api_key}"}
    auth = {"http_header": "header", "http_basic": "basic", "http_bearer": "bearer", "webhook_secret": "hmac"}[kind]
    path = f"{CANARY}-{auth}"
    async with httpx.AsyncClient(base_url=observed.url, timeout=30) as http:
        hosts = [] if kind == "webhook_secret" else ["example.org"]
        creating = {"name": kind, "type": kind, "fields": fields, "hosts": hosts}
        made = (await http.post("/api/v1/integrations", json=creating, headers=key)).json()["integration"]["id"]
        parameters = {"path": path, "auth": auth, "dedupe_header": "x-delivery"}
        hook = trigger("Hook", "WEBHOOK", parameters=parameters, credentials={"auth": made})
        definition = workflow("hook", [hook, sets("Seen", seen=True)], "Hook -> Seen")
        stored = (await http.post("/api/v1/workflows", json=definition, headers=key)).json()["workflow"]["id"]
        activated = await http.post(f"/api/v1/workflows/{stored}:activate", json={}, headers=key)
        assert activated.status_code == 200, activated.text
        for body in bodies():
            answer = await http.post(f"/webhook/{path}", params={"token": CANARY}, **body)
            assert 400 <= answer.status_code < 500, answer.text
            assert not leaks(answer)
        right: dict[str, Any] = {"headers": {"x-delivery": CANARY, "x-key": "right-value"}}
        if auth in ("basic", "bearer"):
            given = httpx.BasicAuth("u", "right-value")._auth_header if auth == "basic" else "Bearer right-value"
            right["headers"]["authorization"] = given
        if auth != "hmac":
            taken = await http.post(f"/webhook/{path}", json={"said": CANARY}, **right)
            assert taken.status_code == 202, taken.text
    nowhere(observed, "right-value")


def nowhere(observed: Observed, *more: str) -> None:
    """Neither log nor spans have a secret, once all has arrived."""
    before = -1
    while len(observed.collector.spans) != before:
        before = len(observed.collector.spans)
        time.sleep(0.5)
    assert before > 0
    lines = observed.log.read_text().splitlines()
    assert len(lines) > 100
    for secret in (CANARY, observed.api_key, *more):
        assert [line[:500] for line in lines if secret in line] == []
        assert [span for span in observed.collector.spans if secret in str(span)] == []
