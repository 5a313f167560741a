"""What must be true after faults, whatever they were; each check says what is not."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence

import psycopg

from temporal.client import connect
from tests.faults.harness import promises
from tests.faults.harness.agreement import differences, known_to_temporal
from tests.faults.harness.canaries import Canaries
from tests.faults.harness.cluster import SANDBOXES, Cluster
from tests.faults.harness.histories import Histories
from tests.faults.harness.leftovers import excess, leftovers
from tests.faults.harness.promises import Row
from tests.faults.harness.ticket import Ticket

_AGREE = 30.0


class Checks:
    """The checks of one cluster; what was replayed or read once isn't again."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._canaries = Canaries(cluster.canaries)
        self.histories = Histories()

    async def all(self, tickets: Sequence[Ticket]) -> list[str]:
        """Everything that is wrong."""
        client = await connect(target_host=self._cluster.temporal.address)
        done = self._cluster.journal()["keys"]

        async def apart() -> list[str]:
            return differences(await self._rows(), await known_to_temporal(client))

        return [
            *promises.outcomes(await self._rows(), tickets),
            *promises.effects(done, tickets),
            *promises.answers(await self._decided(), done, tickets),
            *promises.calls(done, tickets),
            *await in_time(apart),
            *await self.histories.check(client),
            *await self._canaries.check(self._cluster.written(), self._cluster.database_url),
            *await leftovers(self._cluster.roles.values()),
            *await in_time(self._excess),
        ]

    async def _rows(self) -> dict[str, Row]:
        query = (
            "SELECT id, status, coalesce(error::json->>'code', ''), coalesce(request_id, ''), version"
            " FROM workflow_executions"
        )
        return {row[0]: Row(*row[1:]) for row in await self._select(query)}

    async def _decided(self) -> dict[str, list[str]]:
        decided: dict[str, list[str]] = defaultdict(list)
        for id_, decision in await self._select("SELECT execution_id, coalesce(decision, '') FROM human_tasks"):
            decided[id_].append(decision)
        return decided

    async def _select(self, query: str) -> list[tuple[str, ...]]:
        async with await psycopg.AsyncConnection.connect(self._cluster.database_url) as connection:
            return await (await connection.execute(query)).fetchall()

    async def _excess(self) -> list[str]:
        return [fault for role in self._cluster.roles.values() for fault in excess(role.name, role.root, SANDBOXES)]


async def in_time(find: Callable[[], Awaitable[list[str]]], within: float = _AGREE) -> list[str]:
    """What is still wrong after so many seconds."""
    deadline = time.monotonic() + within
    while True:
        wrong = await find()
        if not wrong or time.monotonic() > deadline:
            return wrong
        await asyncio.sleep(0.5)
