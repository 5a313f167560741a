"""A round: load, some faults one after another, then the checks."""

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass, field

from tests.faults.harness.checks import Checks
from tests.faults.harness.cluster import START, Cluster
from tests.faults.harness.faults import inflict, schedule
from tests.faults.harness.load import Load
from tests.faults.harness.ticket import Ticket

_DRAINED = 120.0


@dataclass
class Result:
    """What happened in a round."""

    seed: str
    faults: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    recovered: list[float] = field(default_factory=list)
    tickets: list[Ticket] = field(default_factory=list)
    # In the life of a run, those at which one was cancelled.
    moments: list[str] = field(default_factory=list)
    histories: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def runs(self) -> int:
        """How many starts were acknowledged."""
        return sum(ticket.acknowledged for ticket in self.tickets)


class Rounds:
    """Rounds on one cluster."""

    def __init__(self, cluster: Cluster, scale: float, clients: int = 4, only: Collection[str] = ()) -> None:
        self._cluster = cluster
        self._scale = scale
        self._clients = clients
        self._only = only
        self._checks = Checks(cluster)
        self._shared: dict[str, str] = {}

    async def undisturbed(self) -> Result:
        """A round without faults: each scenario once, and cancelling at every step."""
        result = Result("undisturbed")
        load = await self._load(result.seed)
        try:
            async with asyncio.timeout(_DRAINED):
                await asyncio.gather(load.every(), load.cancel_at_every_step())
        except TimeoutError:
            result.wrong.append(f"{result.seed}: runs don't end within {_DRAINED:.0f} s")
        result.moments = load.moments
        await self._check(load, result)
        return result

    async def run(self, seed: str, count: int) -> Result:
        """A round of so many faults."""
        result = Result(seed)
        load = await self._load(seed)
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
        await self._check(load, result)
        await load.probe(within=START)
        return result

    async def _load(self, seed: str) -> Load:
        load = Load(self._cluster, seed)
        await load.prepare(self._shared)
        return load

    async def _check(self, load: Load, result: Result) -> None:
        before = len(self._checks.histories.replayed)
        result.wrong += map(self._cluster.explained, load.wrong)
        result.wrong += await self._checks.all(load.tickets)
        result.histories = len(self._checks.histories.replayed) - before
        result.tickets = load.tickets
