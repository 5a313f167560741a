"""Webhooks from outside: who may call, what a run gets, and that each delivery has one run."""

import asyncio
import base64
import hmac
import itertools
import time
from typing import Any

import httpx
import pytest

from services.store.ids import new_id
from tests.graphs import flow, sets, trigger, workflow
from tests.services.triggers.conftest import Gateway

BODY = b'{"n":12345678901234567890.10}'
JSON = {"Content-Type": "application/json"}


def hook(path: str, *nodes: dict[str, Any], credentials: dict[str, str] | None = None, **parameters: Any) -> Any:
    """Hook -> Echo, or Hook -> the nodes."""
    start = trigger("Hook", "WEBHOOK", credentials=credentials or {})
    start["parameters"] = {"path": path, **parameters}
    chain = [start, *(nodes or (sets("Echo", done=True),))]
    edges = [f"{one['name']} -> {other['name']}" for one, other in itertools.pairwise(chain)]
    return workflow(path or "hook", chain, *edges)


async def test_a_request_becomes_an_item(gateway: Gateway) -> None:
    path = f"orders/{new_id()}"
    workflow_id = await gateway.on(hook(path, methods=["POST", "PUT"]))
    async with gateway.http() as http:
        headers = {**JSON, "Authorization": "Bearer x", "Cookie": "a=b", "X-Shop": "7"}
        response = await http.put(f"/webhook/{path}?a=1&a=2&b=%C3%A9", content=BODY, headers=headers)
    assert response.status_code == 202
    execution_id = response.json()["execution_id"]
    (item,) = (await gateway.output(execution_id))["Echo"]
    assert (item["method"], item["path"], item["query"]) == ("PUT", path, {"a": ["1", "2"], "b": "é"})
    assert str(item["body"]["n"]) == "12345678901234567890.10"
    assert item["headers"]["x-shop"] == "7"
    assert not {"authorization", "cookie"} & item["headers"].keys()
    (run,) = await gateway.runs(workflow_id)
    assert (run.execution_id, run.mode) == (execution_id, 2)
    shown = (await gateway.activation(workflow_id)).triggers[0]
    assert shown.last_execution_id == execution_id
    assert list(shown.urls) == [f"{gateway.url}/webhook/{path}"]
    assert list(shown.methods) == ["POST", "PUT"]


@pytest.mark.parametrize(
    ("content", "content_type", "body"),
    [
        (b"", "", None),
        (b"[1, null]", "application/vnd.x+json; charset=utf-8", [1, None]),
        (b"a=1&b=&a=2", "application/x-www-form-urlencoded", {"a": ["1", "2"], "b": ""}),
        ("grüezi".encode("latin-1"), "text/plain; charset=latin-1", "grüezi"),
        (b"<a/>", "application/xml", "<a/>"),
    ],
)
async def test_bodies(gateway: Gateway, content: bytes, content_type: str, body: Any) -> None:
    path = new_id()
    await gateway.on(hook(path))
    async with gateway.http() as http:
        headers = {"Content-Type": content_type} if content_type else {}
        response = await http.post(f"/webhook/{path}", content=content, headers=headers)
    assert response.status_code == 202, response.text
    (item,) = (await gateway.output(response.json()["execution_id"]))["Echo"]
    assert item["body"] == body


async def test_files_become_item_files(gateway: Gateway) -> None:
    path = new_id()
    await gateway.on(hook(path))
    async with gateway.http() as http:
        parts = [("photo", ("a.png", b"\x89PNG\r\n\x1a\n", "image/png")), ("photo", ("../b.txt", b"hi", "text/plain"))]
        response = await http.post(f"/webhook/{path}", data={"note": "x"}, files=parts)
        binary = await http.post(f"/webhook/{path}", content=b"\x00\x01", headers={"Content-Type": "application/zip"})
    execution_id = response.json()["execution_id"]
    await gateway.ended(execution_id)
    (item,) = await gateway.node_outputs(execution_id, "Hook")
    assert item["json"]["body"] == {"note": "x"}
    kept = {name: (file["content_type"], file["size"]) for name, file in item["files"].items()}
    assert kept == {"photo": ("image/png", 8), "photo_1": ("text/plain", 2)}
    assert "/" not in item["files"]["photo_1"]["name"]
    await gateway.ended(binary.json()["execution_id"])
    (item,) = await gateway.node_outputs(binary.json()["execution_id"], "Hook")
    assert item["json"]["body"] is None
    assert item["files"]["body"]["size"] == 2


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"{", JSON, 400, "BAD_BODY"),
        (b'{"a":NaN}', JSON, 400, "BAD_BODY"),
        (b"[" * 100_000, JSON, 400, "BAD_BODY"),
        (b'{"a":1e999999999}', JSON, 400, "BAD_BODY"),
        (b"\xff", JSON, 400, "BAD_BODY"),
        (b"x", {"Content-Type": "multipart/form-data"}, 400, "BAD_CONTENT_TYPE"),
        (b"x", {"Content-Type": "multipart/form-data; boundary=b"}, 400, "BAD_BODY"),
        (b"&".join(b"a%d=1" % n for n in range(5000)), {"Content-Type": "application/x-www-form-urlencoded"}, 400, ""),
        (b"a=%ff", {"Content-Type": "application/x-www-form-urlencoded"}, 400, "BAD_BODY"),
        (b"x", {"Content-Type": "text/plain; charset=nonsense"}, 400, "BAD_BODY"),
        (b"x", {"Content-Type": "nonsense"}, 400, "BAD_CONTENT_TYPE"),
        (b"x", [("Content-Type", "application/json"), ("Content-Type", "text/plain")], 400, "CONTENT_TYPE_TWICE"),
        (b"x", {"Content-Encoding": "gzip"}, 415, "UNSUPPORTED_ENCODING"),
        (b"x" * ((32 << 20) + 1), {"Content-Type": "text/plain"}, 413, "BODY_TOO_LARGE"),
    ],
)
async def test_hostile_bodies_start_nothing(
    gateway: Gateway, content: bytes, headers: Any, status: int, code: str
) -> None:
    path = new_id()
    workflow_id = await gateway.on(hook(path))
    async with gateway.http() as http:
        response = await http.post(f"/webhook/{path}", content=content, headers=headers)
    assert response.status_code == status, response.text
    assert response.json()["reason"] == code or not code
    assert not await gateway.runs(workflow_id)


async def test_methods(gateway: Gateway) -> None:
    path = new_id()
    workflow_id = await gateway.on(hook(path, methods=["GET"]))
    async with gateway.http() as http:
        assert (await http.post(f"/webhook/{path}")).status_code == 405
        assert (await http.post(f"/webhook/{path}")).headers["allow"] == "GET, OPTIONS, HEAD"
        assert (await http.head(f"/webhook/{path}")).status_code == 200
        assert (await http.options(f"/webhook/{path}")).status_code == 204
        assert not await gateway.runs(workflow_id)
        assert (await http.get(f"/webhook/{path}")).status_code == 202
        await gateway.deactivate(workflow_id)
        assert (await http.get(f"/webhook/{path}")).status_code == 404
        assert (await http.get(f"/webhook/{new_id()}")).status_code == 404
    assert len(await gateway.runs(workflow_id)) == 1


SECRET = "It's a Secret to Everybody"


def _hex(content: bytes, algorithm: str = "sha256") -> str:
    return hmac.digest(SECRET.encode(), content, algorithm).hex()


def _stripe(at: int) -> dict[str, str]:
    return {"Stripe-Signature": f"t={at},v1={'0' * 64},v1={_hex(f'{at}.'.encode() + BODY)}"}


def _slack(at: int) -> dict[str, str]:
    signature = "v0=" + _hex(f"v0:{at}:".encode() + BODY)
    return {"X-Slack-Request-Timestamp": str(at), "X-Slack-Signature": signature}


NOW = int(time.time())
STAMPED = {"header": "X-Sig", "prefix": "", "timestamp_header": "X-Time"}


@pytest.mark.parametrize(
    ("signature", "headers", "status"),
    [
        ({}, {"X-Hub-Signature-256": "sha256=" + _hex(BODY)}, 202),
        ({}, {"X-Hub-Signature-256": "sha256=" + _hex(BODY).upper()}, 202),
        ({}, {"X-Hub-Signature-256": _hex(BODY)}, 401),
        ({}, {"X-Hub-Signature-256": "sha256=" + _hex(BODY + b" ")}, 401),
        ({}, {"X-Hub-Signature-256": "sha256="}, 401),
        ({}, {"X-Hub-Signature-256": "sha256=é"}, 401),
        ({}, {}, 401),
        ({}, [("X-Hub-Signature-256", "sha256=" + _hex(BODY)), ("X-Hub-Signature-256", "sha256=0")], 401),
        ({"header": "X-S", "prefix": "", "algorithm": "sha512"}, {"X-S": _hex(BODY, "sha512")}, 202),
        (
            {"header": "X-S", "prefix": "", "encoding": "base64"},
            {"X-S": base64.b64encode(bytes.fromhex(_hex(BODY))).decode()},
            202,
        ),
        (STAMPED, {"X-Sig": _hex(f"{NOW}.".encode() + BODY), "X-Time": str(NOW)}, 202),
        (STAMPED, {"X-Sig": _hex(f"{NOW - 9000}.".encode() + BODY), "X-Time": str(NOW - 9000)}, 401),
        (STAMPED, {"X-Sig": _hex(f"{NOW}.".encode() + BODY), "X-Time": str(NOW + 1)}, 401),
        (STAMPED, {"X-Sig": _hex(b"." + BODY)}, 401),
        ({"format": "stripe"}, _stripe(NOW), 202),
        ({"format": "stripe"}, _stripe(NOW - 9000), 401),
        ({"format": "stripe"}, {"Stripe-Signature": "t=,v1=" + _hex(b"." + BODY)}, 401),
        ({"format": "stripe"}, {"Stripe-Signature": f"t={NOW},t=1,v1={_hex(f'{NOW}.'.encode() + BODY)}"}, 401),
        ({"format": "slack"}, _slack(NOW), 202),
        ({"format": "slack"}, _slack(NOW - 9000), 401),
    ],
)
async def test_signatures(gateway: Gateway, signature: Any, headers: Any, status: int) -> None:
    secret = await gateway.credential("webhook_secret", secret=SECRET)
    path = new_id()
    signing = {"tolerance": "30m", **signature}
    workflow_id = await gateway.on(hook(path, credentials={"auth": secret}, auth="hmac", signature=signing))
    given = [*(headers.items() if isinstance(headers, dict) else headers), *JSON.items()]
    async with gateway.http() as http:
        encoded = [(name.encode(), value.encode()) for name, value in given]
        response = await http.post(f"/webhook/{path}", content=BODY, headers=encoded)
    assert response.status_code == status, response.text
    assert len(await gateway.runs(workflow_id)) == (status == 202)


BASIC = base64.b64encode("ada:pä:ss".encode()).decode()


@pytest.mark.parametrize(
    ("auth", "fields", "headers", "status"),
    [
        ("header", {"name": "X-Key", "value": "k"}, {"X-Key": "k"}, 202),
        ("header", {"name": "X-Key", "value": "k"}, {"X-Key": "K"}, 401),
        ("header", {"name": "X-Key", "value": "k"}, {}, 401),
        ("bearer", {"token": "t"}, {"Authorization": "bearer t"}, 202),
        ("bearer", {"token": "t"}, {"Authorization": "Basic t"}, 401),
        ("basic", {"user": "ada", "password": "pä:ss"}, {"Authorization": f"Basic {BASIC}"}, 202),
        ("basic", {"user": "ada", "password": "pä:ss"}, {"Authorization": "Basic !!"}, 401),
        ("basic", {"user": "bob", "password": "pä:ss"}, {"Authorization": f"Basic {BASIC}"}, 401),
    ],
)
async def test_secrets(gateway: Gateway, auth: str, fields: Any, headers: Any, status: int) -> None:
    credential = await gateway.credential(f"http_{auth}", **fields)
    path = new_id()
    await gateway.on(hook(path, credentials={"auth": credential}, auth=auth))
    async with gateway.http() as http:
        response = await http.post(f"/webhook/{path}", headers=headers)
    assert response.status_code == status
    if status == 401:
        assert ("www-authenticate" in response.headers) == (auth != "header")
        return
    (item,) = (await gateway.output(response.json()["execution_id"]))["Echo"]
    assert not {"x-key", "authorization"} & item["headers"].keys()


async def test_the_result_of_the_last_node_is_the_answer(gateway: Gateway) -> None:
    path = new_id()
    one = sets("Double", n="{{ $json.body.n * 2 }}")
    await gateway.on(hook(path, one, respond="last_node", response_code=201))
    async with gateway.http() as http:
        response = await http.post(f"/webhook/{path}", json={"n": 21})
    assert response.status_code == 201
    assert response.json()["n"] == 42
    assert response.headers["x-execution-id"]


async def test_a_failed_run_answers_without_its_inside(gateway: Gateway) -> None:
    path = new_id()
    await gateway.on(hook(path, flow("Stop", "STOP", message="the secret plan"), respond="last_node"))
    async with gateway.http() as http:
        response = await http.post(f"/webhook/{path}")
    assert response.status_code == 502
    assert response.json()["reason"] == "WORKFLOW_FAILED"
    assert "secret" not in response.text


async def test_a_run_that_takes_longer_is_named(gateway: Gateway) -> None:
    path = new_id()
    wait = flow("Wait", "WAIT", mode="duration", duration="1h")
    workflow_id = await gateway.on(hook(path, wait, respond="last_node", timeout="1s"))
    async with gateway.http() as http:
        response = await http.post(f"/webhook/{path}")
    (run,) = await gateway.runs(workflow_id)
    assert (response.status_code, response.json()) == (202, {"execution_id": run.execution_id, "status": "RUNNING"})


async def test_twenty_equal_deliveries_at_once_start_one_run(gateway: Gateway) -> None:
    path = new_id()
    workflow_id = await gateway.on(hook(path, dedupe_header="X-GitHub-Delivery"))
    async with gateway.http() as http:
        headers = {"X-GitHub-Delivery": "d-1"}
        responses = await asyncio.gather(*(http.post(f"/webhook/{path}", headers=headers) for _ in range(20)))
        assert {response.status_code for response in responses} == {202}
        assert len({response.json()["execution_id"] for response in responses}) == 1
        other = await http.post(f"/webhook/{path}", headers={"X-GitHub-Delivery": "d-2"})
        assert (await http.post(f"/webhook/{path}")).json()["reason"] == "DELIVERY_UNNAMED"
    assert {run.execution_id for run in await gateway.runs(workflow_id)} == {
        responses[0].json()["execution_id"],
        other.json()["execution_id"],
    }


async def test_deliveries_survive_a_restart_and_stay_one_run(gateway: Gateway) -> None:
    path = new_id()
    wait = flow("Wait", "WAIT", mode="duration", duration="2s")
    workflow_id = await gateway.on(hook(path, wait, dedupe_header="X-Id"))
    async with gateway.http() as http:
        before = await http.post(f"/webhook/{path}", headers={"X-Id": "1"}, json={"n": 1})
    await gateway.restart()
    async with gateway.http() as http:
        again = await http.post(f"/webhook/{path}", headers={"X-Id": "1"}, json={"n": 1})
    assert again.json() == before.json()
    assert (await gateway.output(before.json()["execution_id"]))["Wait"][0]["body"] == {"n": 1}
    assert len(await gateway.runs(workflow_id)) == 1


async def test_versions_swap_while_deliveries_come(gateway: Gateway) -> None:
    """Every delivery that is answered has one run, of one of the two versions; none meets nothing."""
    path = new_id()
    workflow_id = await gateway.on(hook(path, sets("Echo", made_by="one"), dedupe_header="X-Id"))
    await gateway.update(workflow_id, hook(path, sets("Echo", made_by="two"), dedupe_header="X-Id"))
    swapping = True
    answered: dict[str, str] = {}

    async def deliver(sender: int, http: httpx.AsyncClient) -> None:
        number = 0
        while swapping:
            number += 1
            name = f"{sender}-{number}"
            response = await http.post(f"/webhook/{path}", headers={"X-Id": name})
            assert response.status_code == 202, response.text
            answered[name] = response.json()["execution_id"]

    async with gateway.http() as http:
        senders = [asyncio.create_task(deliver(sender, http)) for sender in range(4)]
        for swap in range(12):
            await gateway.activate(workflow_id, swap % 2 + 1)
        swapping = False
        await asyncio.gather(*senders)
    runs = {run.execution_id: run.version for run in await gateway.runs(workflow_id)}
    assert len(set(answered.values())) == len(answered)
    assert runs.keys() == set(answered.values())
    assert set(runs.values()) == {1, 2}
    for execution_id, version in list(runs.items())[:5]:
        (item,) = (await gateway.output(execution_id))["Echo"]
        assert item["made_by"] == {1: "one", 2: "two"}[version]


async def test_a_run_waits_for_a_call_over_a_restart(gateway: Gateway) -> None:
    path = new_id()
    tell = sets("Tell", at="{{ $execution.resumeUrl }}")
    workflow_id = await gateway.on(hook(path, tell, flow("Wait", "WAIT", mode="webhook"), sets("After", done=True)))
    async with gateway.http() as http:
        execution_id = (await http.post(f"/webhook/{path}")).json()["execution_id"]
    await gateway.waits(execution_id)
    (told,) = await gateway.node_outputs(execution_id, "Tell")
    address = httpx.URL(told["json"]["at"]).raw_path.decode()
    assert told["json"]["at"].startswith(gateway.url)
    await gateway.restart()
    async with gateway.http() as http:
        for method in ("GET", "HEAD", "DELETE"):
            assert (await http.request(method, address)).status_code == 405
        assert (await http.post(address[:-1] + ("A" if address[-1] != "A" else "B"))).status_code == 404
        other = address.replace(execution_id, new_id())
        assert (await http.post(other)).status_code == 404
        large = "x" * 100_000
        calls = await asyncio.gather(*(http.post(f"{address}?by=ada", json={"large": large}) for _ in range(5)))
        assert sorted(response.status_code for response in calls)[0] == 200
        assert sum(response.status_code == 200 for response in calls) == 1
        assert {response.status_code for response in calls} <= {200, 409, 410}
        (item,) = (await gateway.output(execution_id))["After"]
        assert (item["method"], item["query"], item["body"]) == ("POST", {"by": "ada"}, {"large": large})
        assert item["done"] is True
        assert (await http.post(address)).status_code == 410
    assert len(await gateway.runs(workflow_id)) == 1
