"""The custom node of the documentation runs, and so does its client."""

import asyncio
import json
import os
import re
import subprocess
import sys
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from pydantic import SecretStr

from activities.invoke import Call, Reading
from docs.exchange_rate import RATES_KEY, ExchangeRate, RatesKey
from docs.word_count import WordCount
from nodes import factory
from nodes.base import Item, Output
from nodes.credentials.credential import Credential, CredentialType
from nodes.expression.expressions import Expressions
from nodes.expression.scope import Scope
from nodes.factory import Catalogue, NodeExecutorFactory, load
from nodes.files.store import FileStore
from nodes.http.egress import Egress
from nodes.http.policy import EgressPolicy
from nodes.resources import Resources
from nodes.sandbox.sandbox import Sandbox
from orchestrator.compiler import compile_plan
from orchestrator.model import Node, NodeType, Workflow
from services.settings import load_settings
from services.usecases.node_types import node_types
from services.wiring import ServerRole, build_server
from temporal.client import connect
from temporal.dev_server import DevServer
from tests.nodes.tool.web import serving

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "docs/word_count.py"
WORKFLOW = {
    "name": "Count words",
    "nodes": [
        {"id": "start", "name": "Start", "type": "TRIGGER_NODE", "subtype": "MANUAL"},
        {
            "id": "count",
            "name": "Count",
            "type": "CUSTOM_NODE",
            "subtype": "WORD_COUNT",
            "parameters": {"text": "{{ $json.message }}"},
        },
    ],
    "connections": {
        "connections": {"Start": {"connection_types": {"main": {"connections": [{"node": "Count", "type": "MAIN"}]}}}}
    },
}


def registered() -> Catalogue:
    factory = NodeExecutorFactory(load())
    factory.register_executor("CUSTOM_NODE", WordCount)
    return factory.catalogue


def as_entry_point() -> Catalogue:
    return load([EntryPoint("word_count", "docs.word_count:WordCount", "orchestrator.nodes")])


@pytest.mark.parametrize("catalogue", [registered(), as_entry_point()], ids=["registered", "entry point"])
def test_both_ways_make_it_known(catalogue: Catalogue) -> None:
    node = Node(id="n", name="N", type=NodeType.CUSTOM_NODE, subtype="WORD_COUNT", parameters={})
    assert isinstance(catalogue.find(node), WordCount)
    assert [problem.message for problem in catalogue.problems(node)] == ["text is missing; say which text to count"]


def test_it_is_told_what_the_run_was_started_with() -> None:
    node = Node(id="n", name="N", type=NodeType.CUSTOM_NODE, subtype="WORD_COUNT", parameters={"text": "x"})
    assert Reading.of(node, WordCount()).uses_trigger


def test_the_page_shows_the_file() -> None:
    page = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
    assert f"```python\n{PROGRAM.read_text(encoding='utf-8')}```" in page


def test_it_runs(tmp_path: Path) -> None:
    file = tmp_path / "workflow.json"
    file.write_text(json.dumps(WORKFLOW))
    environment = {name: value for name, value in os.environ.items() if name != "ORCHESTRATOR_ADDRESS"}
    command = [sys.executable, str(PROGRAM), "run", str(file), "--json", "--input", '{"message": "three short words"}']
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["output"] == {"Count": [{"message": "three short words", "words": 3}]}


class Keyed:
    """Opens one credential, as the store would."""

    async def open(self, workspace: str, credential_id: str, types: tuple[CredentialType, ...]) -> Credential:
        assert types == (RATES_KEY,)
        return Credential(credential_id, "mine", RATES_KEY, RatesKey(key=SecretStr("k3y-of-ada")), ("127.0.0.1",))


@pytest.fixture
def ours(monkeypatch: pytest.MonkeyPatch) -> Catalogue:
    """The catalogue with one more class in the tuple of its own."""
    monkeypatch.setattr(factory, "OWN", (*factory.OWN, ExchangeRate))
    return load()


def test_the_page_shows_the_subtype() -> None:
    page = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
    assert f"```python\n{(ROOT / 'docs/exchange_rate.py').read_text(encoding='utf-8')}```" in page


def test_one_file_and_one_line_make_it_known_everywhere(ours: Catalogue) -> None:
    (view,) = [view for view in node_types(ours) if view.subtype == "EXCHANGE_RATE"]
    assert view.description == "Looks up an exchange rate at a service that wants an API key."
    assert view.parameters is not None
    assert view.parameters["required"] == ["base", "quote"]
    assert [(slot.name, slot.types, slot.required) for slot in view.credentials] == [("auth", ["rates_key"], True)]
    assert ours.credential_types["rates_key"] is RATES_KEY
    node = Node(name="N", type=NodeType.EXTERNAL_ACTION_NODE, subtype="EXCHANGE_RATE", parameters={"base": "EURO"})
    assert {problem.field for problem in ours.problems(node)} == {"parameters.base", "parameters.quote"}


async def test_the_subtype_runs_and_shows_no_secret(ours: Catalogue, tmp_path: Path) -> None:
    async with serving() as web, AsyncExitStack() as running:
        web.answers(200, {"rate": 0.93})
        http = Egress(EgressPolicy.parse("127.0.0.1"))
        resources = Resources(http, Sandbox(processes=1), Expressions(processes=1), FileStore(str(tmp_path)), Keyed())
        running.push_async_callback(resources.close)
        node = Node(
            id="n",
            name="N",
            type=NodeType.EXTERNAL_ACTION_NODE,
            subtype="EXCHANGE_RATE",
            parameters={"base": "EUR", "quote": "{{ $json.to }}", "base_url": web.url},
            credentials={"auth": "c1"},
        )
        executor = ours.find(node)
        assert executor is not None
        inputs: list[list[Item]] = [[{"json": {"to": "CHF", "note": "k3y-of-ada"}}]]
        plan = compile_plan(Workflow(name="w", nodes=[node]), ours).nodes[0]
        now = datetime(2026, 11, 24, tzinfo=UTC)
        scope, reading = Scope(inputs[0], now), Reading.of(node, executor)
        call = Call("e", "w", node, plan, executor, inputs, scope, 0, now, resources, "default", reading)
        produced = await call.run_item(0, (await call.resolve([0]))[0])
        assert isinstance(produced, Output)
        assert produced.ports == {"main": [{"json": {"to": "CHF", "note": "[redacted]", "rate": 0.93}}]}
        assert web.last.target == "/latest?base=EUR&quote=CHF"
        assert web.last.headers["x-api-key"] == "k3y-of-ada"


async def test_the_client_of_the_documentation(postgres_url: str, temporal_server: DevServer, tmp_path: Path) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/api.md").read_text(encoding="utf-8"), re.DOTALL)
    client = await connect(target_host=temporal_server.address)
    server = build_server(
        load_settings(
            database_url=postgres_url, grpc_host="127.0.0.1", grpc_port=0, http_host="127.0.0.1", http_port=0
        ),
        client,
        role=ServerRole(local=True),
    )
    await server.start()
    try:
        program = block.replace("127.0.0.1:50051", server.address)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, cwd=tmp_path
        )
        output, _ = await asyncio.wait_for(process.communicate(), 60)
    finally:
        await server.stop()
    assert process.returncode == 0
    assert re.fullmatch(r"Created workflow: \S+\nExecution started: \S+\n", output.decode())
