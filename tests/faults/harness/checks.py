"""What must be true after faults, whatever they were; each check says what is not."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from pathlib import Path

import psutil
import psycopg
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from temporal.client import DATA_CONVERTER, connect
from temporal.workflow import OrchestratorWorkflow
from tests.faults.harness.cluster import Cluster
from tests.faults.harness.ticket import Ticket

_AGREE = 30.0
_NEVER_BEGAN = ("NOT_STARTED", "RUN_LOST")
# A Temporal status, and those that the record may show of it.
_SAME = {
    WorkflowExecutionStatus.COMPLETED: {"COMPLETED"},
    WorkflowExecutionStatus.FAILED: {"FAILED", "TIMED_OUT"},
    WorkflowExecutionStatus.CANCELED: {"CANCELED"},
    WorkflowExecutionStatus.TERMINATED: {"CANCELED"},
    WorkflowExecutionStatus.TIMED_OUT: {"TIMED_OUT"},
    WorkflowExecutionStatus.RUNNING: {"RUNNING", "PAUSED"},
}


class Checks:
    """The checks of one cluster; what was replayed once isn't again."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._replayed: set[str] = set()
        self._population: dict[str, tuple[int, ...]] = {}
        self._scanned: dict[Path, int] = {}

    async def baseline(self) -> None:
        """Notes how many processes and threads there are when nothing has gone wrong yet."""
        found = {name: role.population() for name, role in self._cluster.roles.items()}
        # Sandboxes start when they are first needed, which may be at one of two workers: its peer may have as many.
        self._population = {
            name: tuple(map(max, zip(*(found[peer] for peer in found if peer[:-1] == name[:-1]), strict=True)))
            for name in found
        }

    async def all(self, tickets: Sequence[Ticket]) -> list[str]:
        """Everything that is wrong."""
        client = await connect(target_host=self._cluster.temporal.address)
        wrong = [*await self._records(tickets), *self.effects(tickets)]
        wrong += await self._answers(tickets)
        wrong += await self._agreement(client)
        wrong += await self._replay(client)
        wrong += await self._canaries()
        wrong += await self._leftovers()
        return wrong

    async def _rows(self) -> dict[str, tuple[str, str, str, int]]:
        query = (
            "SELECT id, status, coalesce(error::json->>'code', ''), coalesce(request_id, ''), version"
            " FROM workflow_executions"
        )
        connection = await psycopg.AsyncConnection.connect(self._cluster.database_url)
        async with connection:
            rows = await (await connection.execute(query)).fetchall()
        return {row[0]: (row[1], row[2], row[3], row[4]) for row in rows}

    async def _records(self, tickets: Sequence[Ticket]) -> list[str]:
        """Every acknowledged start is one run, which has ended as its kind may."""
        rows = await self._rows()
        by_request: dict[str, list[str]] = defaultdict(list)
        for id_, (_, _, request_id, _) in rows.items():
            by_request[request_id].append(id_)
        wrong = []
        for ticket in tickets:
            if not ticket.acknowledged:
                continue
            if len(ticket.execution_ids) > 1:
                wrong.append(f"{ticket.tag}: one request, {len(ticket.execution_ids)} runs")
            if ticket.scenario != "hook" and len(by_request[ticket.tag]) != 1:
                wrong.append(f"{ticket.tag}: {len(by_request[ticket.tag])} records of one request")
            id_ = min(ticket.execution_ids)
            if id_ not in rows:
                wrong.append(f"{ticket.tag}: acknowledged as {id_}, and not recorded")
                continue
            status, code, _, version = rows[id_]
            if status not in ticket.ends:
                wrong.append(f"{ticket.tag} ({id_}): ended {status} {code}, not {' or '.join(ticket.ends)}")
            if ticket.marks and version != ticket.marks:
                wrong.append(f"{ticket.tag} ({id_}): ran version {version}, not {ticket.marks}")
        return wrong

    def effects(self, tickets: Sequence[Ticket]) -> list[str]:
        """Each effect has one key; a run that completed had each of its effects."""
        keys: dict[str, list[str]] = defaultdict(list)
        for key, effect in self._cluster.journal()["keys"].items():
            keys[effect].append(key)
        wrong = [f"{effect}: done under {len(found)} keys" for effect, found in keys.items() if len(found) > 1]
        for ticket in tickets:
            if ticket.acknowledged and ticket.ends == ("COMPLETED",):
                wrong += [f"{effect}: never done" for effect in ticket.effects if effect not in keys]
        return wrong

    async def _answers(self, tickets: Sequence[Ticket]) -> list[str]:
        """Of two answers that differ one counts: the one that was acknowledged, and it has the effect it should."""
        query = "SELECT execution_id, coalesce(decision, '') FROM human_tasks"
        connection = await psycopg.AsyncConnection.connect(self._cluster.database_url)
        async with connection:
            rows = await (await connection.execute(query)).fetchall()
        done = set(self._cluster.journal()["keys"].values())
        wrong = []
        for ticket in tickets:
            if ticket.scenario != "asks" or not ticket.acknowledged:
                continue
            decided = [decision for execution_id, decision in rows if execution_id in ticket.execution_ids]
            if len(decided) != 1 or (ticket.decisions and ticket.decisions != set(decided)):
                wrong.append(f"{ticket.tag}: decided {decided}, acknowledged {sorted(ticket.decisions)}")
            elif (f"{ticket.tag}/Do/0" in done) != (decided == ["approved"]):
                wrong.append(f"{ticket.tag}: decided {decided[0]}, and the effect of an approval says otherwise")
        return wrong

    async def _agreement(self, client: Client) -> list[str]:
        """The record and Temporal say the same of every run, at the latest after half a minute."""
        return await _in_time(lambda: self._differences(client))

    async def _differences(self, client: Client) -> list[str]:
        rows = await self._rows()
        latest: dict[str, WorkflowExecutionStatus] = {}
        async for execution in client.list_workflows("WorkflowType = 'Orchestrator'", page_size=1000):
            if execution.status is not WorkflowExecutionStatus.CONTINUED_AS_NEW and execution.status is not None:
                latest[execution.id] = execution.status
        wrong = [f"{id_}: Temporal has it, the database doesn't" for id_ in latest.keys() - rows.keys()]
        for id_, (status, code, _, _) in rows.items():
            if id_ not in latest:
                if code not in _NEVER_BEGAN:
                    wrong.append(f"{id_}: {status} {code} in the database, unknown to Temporal")
            elif status not in _SAME[latest[id_]]:
                wrong.append(f"{id_}: {status} {code} in the database, {latest[id_].name} in Temporal")
            elif status in ("RUNNING", "PAUSED"):
                wrong.append(f"{id_}: still {status}")
        return wrong

    async def _replay(self, client: Client) -> list[str]:
        """Every history of this time replays."""
        replayer = Replayer(
            workflows=[OrchestratorWorkflow],
            data_converter=DATA_CONVERTER,
            workflow_runner=UnsandboxedWorkflowRunner(),
        )
        wrong = []
        async for execution in client.list_workflows("WorkflowType = 'Orchestrator'", page_size=1000):
            if execution.run_id in self._replayed:
                continue
            handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
            result = await replayer.replay_workflow(await handle.fetch_history(), raise_on_replay_failure=False)
            self._replayed.add(execution.run_id)
            if result.replay_failure:
                wrong.append(f"{execution.id}: doesn't replay: {result.replay_failure}")
        return wrong

    async def _canaries(self) -> list[str]:
        """Neither the credential's secret nor the workers' environment is in logs, the database or Temporal's files."""
        needles = {name: value.encode() for name, value in self._cluster.canaries.items()}
        needles |= {f"{name}, in hex": value.hex().encode() for name, value in needles.items()}
        wrong = []
        for file in [*self._cluster.folder.glob("*.log"), *self._cluster.folder.glob("temporal.db*")]:
            wrong += await asyncio.to_thread(self._scan, file, needles)
        async for table, dumped in self._dumped():
            wrong += [f"{name}: in the table {table}" for name, needle in needles.items() if needle in dumped]
        return wrong

    def _scan(self, file: Path, needles: dict[str, bytes]) -> Iterable[str]:
        # A log only grows; the part that was read before is not read again.
        start = self._scanned.get(file, 0) if file.suffix == ".log" else 0
        with file.open("rb") as opened:
            opened.seek(start)
            content = opened.read()
        self._scanned[file] = start + max(len(content) - 100, 0)
        return [f"{name}: in {file.name}" for name, needle in needles.items() if needle in content]

    async def _dumped(self) -> AsyncIterator[tuple[str, bytes]]:
        tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        connection = await psycopg.AsyncConnection.connect(self._cluster.database_url)
        async with connection:
            for (table,) in await (await connection.execute(tables)).fetchall():
                # Payloads are as large as users make them: PostgreSQL looks through those itself.
                if table == "payloads":
                    values = [value.encode() for value in self._cluster.canaries.values()]
                    query = "SELECT count(*) FROM payloads WHERE position(%s IN body) > 0 OR position(%s IN body) > 0"
                    found = await (await connection.execute(query, values, binary=True)).fetchone()
                    yield table, b"".join(values) if found and found[0] else b""
                    continue
                async with connection.cursor().copy(f'COPY "{table}" TO STDOUT') as copy:
                    yield table, b"".join([bytes(block) async for block in copy])

    async def _leftovers(self) -> list[str]:
        """What dead processes had started is gone, and the living are no more than they were."""
        left = [one for role in self._cluster.roles.values() for one in role.left]
        _, alive = await asyncio.to_thread(psutil.wait_procs, left, 10)
        wrong = [f"process {one.pid} ({one.name()}) outlives what started it" for one in alive if one.is_running()]
        for role in self._cluster.roles.values():
            role.left.clear()
        return [*wrong, *await _in_time(self._grown)]

    async def _grown(self) -> list[str]:
        wrong = []
        for name, role in self._cluster.roles.items():
            processes, threads = role.population()
            allowed_processes, allowed_threads = self._population[name]
            # Threads for blocking calls come as they are needed, up to asyncio's own limit of cores + 4.
            if processes > allowed_processes + 2 or threads > allowed_threads + 12:
                before = f"{allowed_processes} and {allowed_threads}"
                wrong.append(f"{name}: {processes} processes and {threads} threads, from {before}")
        return wrong


async def _in_time(find: Callable[[], Awaitable[list[str]]]) -> list[str]:
    """What is still wrong after half a minute."""
    deadline = time.monotonic() + _AGREE
    while True:
        wrong = await find()
        if not wrong or time.monotonic() > deadline:
            return wrong
        await asyncio.sleep(0.5)
