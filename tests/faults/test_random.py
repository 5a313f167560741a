"""Ten rounds of `make faults SEED=ci-2920`, in short, and one without faults."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.faults.harness.cluster import Cluster
from tests.faults.harness.round import Rounds
from tests.faults.harness.workflows import MOMENTS

# Many processes at once, for minutes.
pytestmark = pytest.mark.system

SEEDS = tuple(f"ci-2920.{number}" for number in range(10))
FAULTS = 2
# Twenty seconds without PostgreSQL are 0.6 s here, a minute without Temporal 1.8 s.
SCALE = 0.03


@pytest.fixture(scope="module")
async def rounds(make_data_folder: Callable[[], Path]) -> AsyncIterator[Rounds]:
    cluster = Cluster(make_data_folder())
    try:
        await cluster.start()
        yield Rounds(cluster, SCALE, clients=2)
    finally:
        await cluster.stop()


async def test_without_faults(rounds: Rounds) -> None:
    result = await rounds.undisturbed()
    assert not result.wrong, result.wrong
    assert sorted(result.moments) == sorted(MOMENTS)
    assert result.histories > result.runs


@pytest.mark.parametrize("seed", SEEDS)
async def test_faults(rounds: Rounds, seed: str) -> None:
    result = await rounds.run(seed, FAULTS)
    assert not result.wrong, (result.faults, result.wrong)
    assert len(result.recovered) == FAULTS
    assert result.runs > FAULTS, "the probes, and the clients' own"
