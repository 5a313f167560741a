"""The faults: what each breaks, for how long, and how it is mended."""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from services.store.keyring import new_key
from tests.faults.harness.cluster import START, Cluster
from tests.faults.harness.proxy import Wire

# The longest that a fault may take, with its mending.
_BOUND = 300.0
_CLOCK_STEPS = ("+300", "-300", "+3600", "+7")


@dataclass(frozen=True)
class Fault:
    """One fault of a schedule: its kind, at whom, how long after the last one, and for how many seconds."""

    kind: str
    target: str
    delay: float
    seconds: float

    def __str__(self) -> str:
        return f"{self.kind} {self.target} for {self.seconds:.1f} s"


# How often each kind comes, and for how long, in seconds at scale 1.
_KINDS: dict[str, tuple[int, tuple[float, float]]] = {
    "kill": (40, (0, 0)),
    "kill_server": (10, (0, 2)),
    "cut": (12, (1, 10)),
    "slow": (8, (2, 15)),
    "dead": (8, (2, 15)),
    "postgres_halted": (5, (20, 20)),
    "postgres_stopped": (4, (20, 20)),
    "temporal_halted": (3, (60, 60)),
    "temporal_stopped": (2, (60, 60)),
    "disk_full": (5, (5, 20)),
    "clock": (4, (5, 20)),
    "rotate_keys": (2, (0, 0)),
}


def kinds(cluster: Cluster) -> list[str]:
    """Those that can be done on this machine."""
    possible = {"disk_full": all(disk.own for disk in cluster.disks.values()), "clock": cluster.has_clock}
    return [kind for kind in _KINDS if possible.get(kind, True)]


def schedule(seed: str, count: int, scale: float, cluster: Cluster, only: Collection[str] = ()) -> list[Fault]:
    """The faults of a seed, or of some kinds alone; fewer of them are the first of more."""
    chance = random.Random(seed)
    usable = [kind for kind in kinds(cluster) if not only or kind in only]
    weights = [_KINDS[kind][0] for kind in usable]
    return [_fault(chance.choices(usable, weights)[0], chance, scale, cluster) for _ in range(count)]


def _fault(kind: str, chance: random.Random, scale: float, cluster: Cluster) -> Fault:
    targets = {
        "kill": sorted(cluster.roles),
        "kill_server": ["postgres", "temporal", "effects"],
        "disk_full": sorted(cluster.disks),
        **dict.fromkeys(("cut", "slow", "dead"), sorted(cluster.proxies)),
        "clock": list(_CLOCK_STEPS),
    }
    shortest, longest = _KINDS[kind][1]
    target = chance.choice(targets.get(kind, [""]))
    return Fault(kind, target, chance.uniform(0.1, 1.0), chance.uniform(shortest, longest) * scale)


async def inflict(fault: Fault, cluster: Cluster) -> None:
    """Breaks it, waits, and mends it."""
    await asyncio.sleep(fault.delay)
    async with asyncio.timeout(_BOUND):
        await _ACTS[fault.kind](fault, cluster)


async def _kill(fault: Fault, cluster: Cluster) -> None:
    role = cluster.roles[fault.target]
    if role.alive:
        role.kill()
    role.start()


async def _kill_server(fault: Fault, cluster: Cluster) -> None:
    await cluster.kill_server(fault.target)
    await asyncio.sleep(fault.seconds)
    await cluster.revive_server(fault.target)


async def _wire(fault: Fault, cluster: Cluster) -> None:
    proxy = cluster.proxies[fault.target]
    await proxy.set(Wire(fault.kind))
    await asyncio.sleep(fault.seconds)
    await proxy.set(Wire.GOOD)


async def _halted(fault: Fault, cluster: Cluster) -> None:
    server = fault.kind.removesuffix("_halted")
    cluster.signal(server, signal.SIGSTOP)
    await asyncio.sleep(fault.seconds)
    cluster.signal(server, signal.SIGCONT)


async def _stopped(fault: Fault, cluster: Cluster) -> None:
    server = fault.kind.removesuffix("_stopped")
    await cluster.stop_server(server)
    await asyncio.sleep(fault.seconds)
    await cluster.revive_server(server)


async def _disk_full(fault: Fault, cluster: Cluster) -> None:
    disk = cluster.disks[fault.target]
    await asyncio.to_thread(disk.fill)
    await asyncio.sleep(fault.seconds)
    await asyncio.to_thread(disk.free)
    # A PostgreSQL that couldn't write its log ends; what watches over it starts it again.
    await cluster.revive_server(fault.target)


async def _clock(fault: Fault, cluster: Cluster) -> None:
    cluster.clock.write_text(fault.target)
    await asyncio.sleep(fault.seconds)
    cluster.clock.write_text("+0")


async def _rotate_keys(_: Fault, cluster: Cluster) -> None:
    """As docs/operations.md says: both keys everywhere, everything sealed again, the new key alone."""
    fresh = new_key()
    cluster.set_keys([fresh, *cluster.keys])
    await _restart(cluster)
    await cluster.command("credentials", "rotate-keys")
    cluster.set_keys([fresh])
    await _restart(cluster)


async def _restart(cluster: Cluster) -> None:
    """One role after the other, so that there is always another."""
    for role in cluster.roles.values():
        await role.ready(START)
        role.terminate()
        await role.ended(30)
        role.start()
        await role.ready(START)


_ACTS: dict[str, Callable[[Fault, Cluster], Awaitable[None]]] = {
    "kill": _kill,
    "kill_server": _kill_server,
    "cut": _wire,
    "slow": _wire,
    "dead": _wire,
    "postgres_halted": _halted,
    "postgres_stopped": _stopped,
    "temporal_halted": _halted,
    "temporal_stopped": _stopped,
    "disk_full": _disk_full,
    "clock": _clock,
    "rotate_keys": _rotate_keys,
}
