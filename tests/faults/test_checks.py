"""Each check sees what is wrong, and finds nothing where all is well."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from temporalio.client import WorkflowExecutionStatus as Temporal
from temporalio.client import WorkflowHistory

from tests.faults.harness import promises
from tests.faults.harness.agreement import differences, latest
from tests.faults.harness.canaries import Canaries
from tests.faults.harness.checks import in_time
from tests.faults.harness.histories import Histories
from tests.faults.harness.leftovers import excess, outliving
from tests.faults.harness.promises import Row
from tests.faults.harness.ticket import Ticket

HISTORIES = Path(__file__).parents[1] / "histories" / "2"
SECRET = "canary-0123456789"


def ticket(scenario: str = "items", ends: tuple[str, ...] = ("COMPLETED",), **fields: Any) -> Ticket:
    return Ticket("t", scenario, ends, **{"execution_ids": {"run"}, **fields})


@pytest.mark.parametrize(
    ("rows", "given", "wrong"),
    [
        ({"run": Row("COMPLETED", "", "t")}, ticket(), []),
        ({}, ticket(execution_ids=set()), []),
        ({}, ticket(), ["t: 0 records of one request", "t: acknowledged as run, and not recorded"]),
        ({"run": Row("RUNNING", "", "t")}, ticket(), ["t (run): ended RUNNING , not COMPLETED"]),
        (
            {"run": Row("FAILED", "TIMEOUT", "t")},
            ticket(ends=("CANCELED", "COMPLETED")),
            ["t (run): ended FAILED TIMEOUT, not CANCELED or COMPLETED"],
        ),
        (
            {"run": Row("COMPLETED", "", "t"), "two": Row("COMPLETED", "", "t")},
            ticket(),
            ["t: 2 records of one request"],
        ),
        (
            {"run": Row("COMPLETED", "", "t"), "two": Row("COMPLETED", "", "u")},
            ticket(execution_ids={"run", "two"}),
            ["t: one request, 2 runs"],
        ),
        ({"run": Row("COMPLETED", "", "t", 2)}, ticket(marks=1), ["t (run): ran version 2, not 1"]),
    ],
)
def test_outcomes(rows: dict[str, Row], given: Ticket, wrong: list[str]) -> None:
    assert promises.outcomes(rows, [given]) == wrong


@pytest.mark.parametrize(
    ("done", "given", "wrong"),
    [
        ({"a": "t/Do/0"}, ticket(), []),
        ({"a": "t/Do/0", "b": "t/Do/0"}, ticket(), ["t/Do/0: done under 2 keys"]),
        ({}, ticket(), ["t/Do/0: never done"]),
        ({}, ticket(ends=("CANCELED",)), []),
        ({}, ticket(execution_ids=set()), []),
    ],
)
def test_effects(done: dict[str, str], given: Ticket, wrong: list[str]) -> None:
    given.effects = ["t/Do/0"]
    assert promises.effects(done, [given]) == wrong


@pytest.mark.parametrize(
    ("decided", "accepted", "effect", "wrong"),
    [
        (["approved"], {"approved"}, True, []),
        (["rejected"], {"rejected"}, False, []),
        (["rejected"], set(), False, []),
        (["rejected"], {"approved"}, False, ["t: decided ['rejected'], acknowledged ['approved']"]),
        (
            ["approved"],
            {"approved", "rejected"},
            True,
            ["t: decided ['approved'], acknowledged ['approved', 'rejected']"],
        ),
        ([], {"approved"}, True, ["t: decided [], acknowledged ['approved']"]),
        (["approved"] * 2, set(), True, ["t: decided ['approved', 'approved'], acknowledged []"]),
        (["approved"], {"approved"}, False, ["t: decided approved, and the effect of an approval says otherwise"]),
        (["rejected"], {"rejected"}, True, ["t: decided rejected, and the effect of an approval says otherwise"]),
    ],
)
def test_answers(decided: list[str], accepted: set[str], effect: bool, wrong: list[str]) -> None:
    done = {"key": "t/Do/0"} if effect else {}
    assert promises.answers({"run": decided}, done, [ticket("asks", accepted=accepted)]) == wrong


@pytest.mark.parametrize(
    ("went_on_with", "accepted", "wrong"),
    [
        (["1"], {"1"}, []),
        (["2"], set(), []),
        (["0"], set(), []),
        (["2"], {"1"}, ["t: went on with the calls ['2'], acknowledged ['1']"]),
        (["1"], {"1", "2"}, ["t: went on with the calls ['1'], acknowledged ['1', '2']"]),
        (["1", "2"], {"1"}, ["t: went on with the calls ['1', '2'], acknowledged ['1']"]),
        ([], {"1"}, ["t: went on with the calls [], acknowledged ['1']"]),
    ],
)
def test_calls(went_on_with: list[str], accepted: set[str], wrong: list[str]) -> None:
    done = {number: f"t/Do/{number}" for number in went_on_with}
    assert promises.calls(done, [ticket("called", accepted=accepted)]) == wrong


@pytest.mark.parametrize(
    ("row", "temporal", "wrong"),
    [
        (Row("COMPLETED"), Temporal.COMPLETED, []),
        (Row("FAILED", "RUN_LOST"), None, []),
        (None, None, []),
        (Row("COMPLETED"), Temporal.FAILED, ["run: COMPLETED  in the database, FAILED in Temporal"]),
        (Row("RUNNING"), Temporal.COMPLETED, ["run: RUNNING  in the database, COMPLETED in Temporal"]),
        (Row("CANCELED"), Temporal.RUNNING, ["run: CANCELED  in the database, RUNNING in Temporal"]),
        (Row("PAUSED"), Temporal.RUNNING, ["run: still PAUSED"]),
        (Row("FAILED", "TIMEOUT"), None, ["run: FAILED TIMEOUT in the database, unknown to Temporal"]),
        (None, Temporal.COMPLETED, ["run: Temporal has it, the database doesn't"]),
    ],
)
def test_agreement(row: Row | None, temporal: Temporal | None, wrong: list[str]) -> None:
    rows = {"run": row} if row else {}
    assert differences(rows, latest([("run", temporal), ("run", Temporal.CONTINUED_AS_NEW)])) == wrong


async def test_what_comes_right_in_time_is_right() -> None:
    left = ["a", "b"]

    async def find() -> list[str]:
        return left[1:] if left.pop() else []

    assert await in_time(find, within=5) == []

    async def always() -> list[str]:
        return ["wrong"]

    assert await in_time(always, within=0.1) == ["wrong"]


@pytest.mark.parametrize("name", ["loop_parallel", "effectful", "ask_canceled"])
async def test_histories(name: str) -> None:
    text = (HISTORIES / f"{name}.json").read_text()
    assert await Histories().replay(WorkflowHistory.from_json(name, text)) == []
    events = json.loads(text)["events"]
    forgotten = next(event for event in events if event["eventType"] == "EVENT_TYPE_ACTIVITY_TASK_SCHEDULED")
    forgotten["activityTaskScheduledEventAttributes"]["activityType"]["name"] = "another"
    (wrong,) = await Histories().replay(WorkflowHistory.from_json(name, {"events": events}))
    assert wrong.startswith(f"{name}: doesn't replay")


@pytest.mark.parametrize("written", [SECRET.encode(), SECRET.encode().hex().encode()], ids=["plain", "hex"])
async def test_canaries_in_files(tmp_path: Path, postgres_url: str, written: bytes) -> None:
    log = tmp_path / "worker-1.log"
    log.write_bytes(b"x" * (4 * 2**20 - 5))
    canaries = Canaries({"credential": SECRET})
    assert await canaries.check([log], postgres_url) == []
    with log.open("ab") as opened:
        opened.write(written[:5])
    assert await canaries.check([log], postgres_url) == []
    with log.open("ab") as opened:
        opened.write(written[5:] + b"\n")
    (wrong,) = await canaries.check([log], postgres_url)
    assert wrong.endswith(": in worker-1.log")
    assert len(await Canaries({"credential": SECRET}).check([log], postgres_url)) == 1, "between two blocks, too"


@pytest.mark.parametrize(
    ("insert", "table"),
    [
        ("INSERT INTO users (id, name) VALUES ('u', %s)", "users"),
        ("INSERT INTO payloads (sha256, size, body) VALUES ('s', 1, convert_to(%s, 'UTF8'))", "payloads"),
    ],
)
async def test_canaries_in_tables(postgres_url: str, insert: str, table: str) -> None:
    canaries = Canaries({"credential": SECRET})
    assert await canaries.check([], postgres_url) == []
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(insert, [f"before {SECRET} after"])
    assert await canaries.check([], postgres_url) == [f"credential: in the table {table}"]


@contextmanager
def process(code: str) -> Iterator[psutil.Process]:
    """A process that runs Python, says that it is ready, and then waits."""
    code = f"import subprocess, sys, threading, time\n{code}\nprint(flush=True)\ntime.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as started:
        assert started.stdout
        started.stdout.readline()
        root = psutil.Process(started.pid)
        children = root.children(recursive=True)
        yield root
        for one in filter(psutil.Process.is_running, [root, *children]):
            one.kill()


def test_what_outlives_its_parent_is_seen() -> None:
    with process("") as root:
        assert outliving([root], within=0.1) == [f"process {root.pid} ({root.name()}) outlives what started it"]
        root.kill()
        assert outliving([root]) == []


_SANDBOX = "subprocess.Popen([sys.executable, '-c', {code!r}, '{{\"program\": \"nodes.expression.worker\"}}'])"
_SLEEP = "import time; time.sleep(60)"
_BROOD = f"import subprocess, time; [subprocess.Popen(['sleep', '60']) for _ in range(4)]; {_SLEEP}"


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        (_SANDBOX.format(code=_SLEEP), []),
        ("\n".join([_SANDBOX.format(code=_SLEEP)] * 2), ["r: 2 processes of nodes.expression.worker"]),
        (_SANDBOX.format(code=_BROOD) + "\ntime.sleep(0.5)", ["r: 5 processes, of at most 4"]),
        ("subprocess.Popen(['sleep', '60'])", ["r: sleep 60, which is no sandbox"]),
        (
            "for _ in range(200): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
            ["r: 201 threads, of"],
        ),
        ("files = [open('/dev/null') for _ in range(200)]", ["r: 203 files, of"]),
    ],
)
def test_too_much_of_anything_is_seen(code: str, wrong: list[str]) -> None:
    with process(code) as root:
        found = excess("r", root, sandboxes=1)
        assert len(found) == len(wrong), found
        assert all(told.startswith(start) for told, start in zip(found, wrong, strict=True)), found
