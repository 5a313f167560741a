"""Runs that wait for people: how fast they are listed, what each costs in memory. `python -m benchmarks.people [N]`."""

import asyncio
import json
import os
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import grpc.aio
from google.protobuf.json_format import ParseDict
from workflow_engine.v1 import execution_pb2 as ex
from workflow_engine.v1 import human_task_pb2 as tasks
from workflow_engine.v1 import workflow_service_pb2 as pb
from workflow_engine.v1.human_task_pb2_grpc import HumanTaskServiceStub
from workflow_engine.v1.workflow_service_pb2_grpc import WorkflowServiceStub

from benchmarks.__main__ import process

RUNS = 1000
ROUNDS = 20
AT_ONCE = 50
# What the inbox may take for all of them, in milliseconds.
TARGET = 300.0
# What a process that only waits uses in a second, in milliseconds.
QUIET = 100.0
ASKING: dict[str, Any] = {
    "name": "asking",
    "nodes": [
        {"id": "s", "name": "Start", "type": "TRIGGER_NODE", "subtype": "MANUAL"},
        {
            "id": "a",
            "name": "Ask",
            "type": "HUMAN_IN_THE_LOOP_NODE",
            "subtype": "APP",
            "parameters": {
                "title": "Order {{ $json.n }}",
                "message": "Ship order {{ $json.n }}?",
                "assignees": ["ann", "bob"],
                "timeout": "30d",
                "reminders": ["1d"],
            },
        },
    ],
    "connections": {
        "connections": {"Start": {"connection_types": {"main": {"connections": [{"node": "Ask", "type": "MAIN"}]}}}}
    },
}


async def measure(address: str, process_id: int, runs: int) -> bool:
    """Prints the figures; whether the list is fast enough."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub, people = WorkflowServiceStub(channel), HumanTaskServiceStub(channel)
        await start(stub, people, 20)
        before = memory(process_id)
        began = time.perf_counter()
        await start(stub, people, runs)
        took = time.perf_counter() - began
        after = memory(process_id)
        await quiet(process_id)
        busy = cpu(process_id)
        found = [await listed(people) for _ in range(ROUNDS)]
        each_list = (cpu(process_id) - busy) / ROUNDS
    print(f"{runs} runs ask and wait after {took:.1f} s")
    for name in sorted(after):
        each = (after[name] - before.get(name, 0)) / runs
        print(f"memory of {name}: {after[name] / 1024:.0f} MiB, {each:.1f} KiB for each waiting run")
    print(f"CPU time of the server for a list: {each_list:.0f} ms")
    typical, slow = statistics.median(found), sorted(found)[int(len(found) * 0.95) - 1]
    met = slow < TARGET
    print(f"listing the open tasks (a page of up to 1,000): median {typical:.0f} ms, 95 % within {slow:.0f} ms", end="")
    print(f", target {TARGET:.0f} ms: {'met' if met else 'MISSED'}")
    return met


async def start(stub: Any, people: Any, runs: int) -> None:
    """Starts runs, until each of them waits for an answer."""
    request = pb.CreateWorkflowRequest()
    ParseDict(ASKING, request)
    workflow = (await stub.CreateWorkflow(request)).workflow.id
    left = iter(range(runs))
    ids: list[str] = []

    async def lane() -> None:
        for number in left:
            given = ex.ExecuteWorkflowRequest(workflow_id=workflow, input=ex.Items(json=json.dumps({"n": number})))
            ids.append((await stub.ExecuteWorkflow(given)).execution_id)

    await asyncio.gather(*(lane() for _ in range(AT_ONCE)))
    for execution in ids:
        await asked(people, execution)


async def asked(people: Any, execution: str) -> None:
    """Returns once a run has asked."""
    request = tasks.ListHumanTasksRequest(execution_id=execution, open_only=True)
    while True:
        if (await people.ListHumanTasks(request)).tasks:
            return
        await asyncio.sleep(0.1)


async def listed(people: Any) -> float:
    """The milliseconds that a list of all open tasks takes."""
    began = time.perf_counter()
    await people.ListHumanTasks(tasks.ListHumanTasksRequest(open_only=True, page_size=1000))
    return (time.perf_counter() - began) * 1000


def memory(process_id: int) -> dict[str, int]:
    """The resident memory of a process and of those that it started, in KiB: of "worker and API", and of Temporal."""
    found = {"the worker and the API": resident(process_id)}
    for child in descendants(process_id):
        if "temporal" in Path(f"/proc/{child}/comm").read_text(encoding="utf-8"):
            found["Temporal"] = found.get("Temporal", 0) + resident(child)
    return found


async def quiet(process_id: int) -> None:
    """Waits until a process has nothing left to do."""
    while True:
        before = cpu(process_id)
        await asyncio.sleep(1)
        if cpu(process_id) - before < QUIET:
            return


def cpu(process_id: int) -> float:
    """The CPU time that a process has used, in milliseconds."""
    values = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(values[11]) + int(values[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def resident(process_id: int) -> int:
    """The resident memory of one process, in KiB."""
    status = Path(f"/proc/{process_id}/status").read_text(encoding="utf-8")
    line = re.search(r"^VmRSS:\s+(\d+)", status, re.MULTILINE)
    return int(line[1]) if line else 0


def descendants(process_id: int) -> list[int]:
    """The processes that a process started, and those that these started."""
    own = Path(f"/proc/{process_id}/task").glob("*/children")
    children = [int(child) for tasks_ in own for child in tasks_.read_text(encoding="utf-8").split()]
    return [*children, *(other for child in children for other in descendants(child))]


async def main(runs: int) -> bool:
    """Starts the stack, measures, reports."""
    with tempfile.TemporaryDirectory(prefix="orchestrator-bench-") as data:
        stack = (sys.executable, "-m", "benchmarks.stack", "--data", data, "--grpc-port", "0", "--no-ui")
        async with process(*stack, "--http-port", "0", ready="Ctrl-C") as (said, _):
            address = re.search(r"^ +API +(\S+)$", said, re.MULTILINE)
            assert address, said
            (own,) = [one for one in descendants(_self()) if "benchmarks.stack" in command(one)]
            return await measure(address[1], own, runs)


def command(process_id: int) -> str:
    """The command line of a process."""
    return Path(f"/proc/{process_id}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")


def _self() -> int:
    return int(Path("/proc/self").readlink().name)


if __name__ == "__main__":
    sys.exit(0 if asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else RUNS)) else 1)
