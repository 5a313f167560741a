"""A round: load, some faults one after another, then the checks."""

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass, field

from tests.faults.harness.checks import Checks
from tests.faults.harness.cluster import START, Cluster
from tests.faults.harness.faults import inflict, schedule
from tests.faults.harness.load import Load

_DRAINED = 120.0


@dataclass
class Result:
    """What happened in a round."""

    seed: str
    faults: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    recovered: list[float] = field(default_factory=list)
    runs: int = 0
    unacknowledged: int = 0
    wrong: list[str] = field(default_factory=list)


class Rounds:
    """Rounds on one cluster."""

    def __init__(self, cluster: Cluster, scale: float, clients: int = 4, only: Collection[str] = ()) -> None:
        self._cluster = cluster
        self._scale = scale
        self._clients = clients
        self._only = only
        self._checks = Checks(cluster)
        self._shared: dict[str, str] = {}

    async def warm_up(self) -> None:
        """Has everything started that is started when it is first needed."""
        load = Load(self._cluster, "warm-up")
        await load.prepare(self._shared)
        await load.every()
        await self._checks.baseline()

    async def run(self, seed: str, count: int) -> Result:
        """A round of so many faults."""
        result = Result(seed)
        load = Load(self._cluster, seed)
        await load.prepare(self._shared)
        load.start(self._clients)
        for fault in schedule(seed, count, self._scale, self._cluster, self._only):
            result.faults.append(str(fault))
            result.kinds.append(fault.kind)
            await inflict(fault, self._cluster)
            mended = time.monotonic()
            try:
                await load.probe(within=START)
            except TimeoutError:
                result.wrong.append(f"{fault}: nothing runs {START:.0f} s afterwards")
            result.recovered.append(time.monotonic() - mended)
        try:
            async with asyncio.timeout(_DRAINED):
                await load.stop()
                await asyncio.gather(*(role.ready(START) for role in self._cluster.roles.values()))
        except TimeoutError:
            result.wrong.append(f"{seed}: runs don't end within {_DRAINED:.0f} s")
        result.wrong += load.wrong
        result.wrong += await self._checks.all(load.tickets)
        await load.probe(within=START)
        result.runs = sum(ticket.acknowledged for ticket in load.tickets)
        result.unacknowledged = len(load.tickets) - result.runs
        return result
