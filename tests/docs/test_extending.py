"""The custom node of the documentation runs, and so does its client."""

import asyncio
import json
import os
import re
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from docs.word_count import WordCount
from nodes.factory import Catalogue, NodeExecutorFactory, load
from orchestrator.model import Node, NodeType
from services.settings import load_settings
from services.wiring import build_server
from temporal.client import connect
from temporal.dev_server import DevServer

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


async def test_the_client_of_the_documentation(postgres_url: str, temporal_server: DevServer, tmp_path: Path) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/api.md").read_text(encoding="utf-8"), re.DOTALL)
    client = await connect(target_host=temporal_server.address)
    server = build_server(load_settings(database_url=postgres_url, grpc_host="127.0.0.1", grpc_port=0), client)
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
