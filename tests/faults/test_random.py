"""Ten fixed seeds of random faults, in short; `make faults` is the long form."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.faults.harness.cluster import Cluster
from tests.faults.harness.round import Rounds

SEEDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
FAULTS = 2
# Twenty seconds without PostgreSQL are 0.6 s here, a minute without Temporal 1.8 s.
SCALE = 0.03


@pytest.fixture(scope="module")
async def rounds(make_data_folder: Callable[[], Path]) -> AsyncIterator[Rounds]:
    cluster = Cluster(make_data_folder())
    try:
        await cluster.start()
        made = Rounds(cluster, SCALE, clients=2)
        await made.warm_up()
        yield made
    finally:
        await cluster.stop()


@pytest.mark.parametrize("seed", SEEDS)
async def test_faults(rounds: Rounds, seed: str) -> None:
    result = await rounds.run(seed, FAULTS)
    assert not result.wrong, (result.faults, result.wrong)
    assert len(result.recovered) == FAULTS
    assert result.runs > FAULTS, "the probes, and the clients' own"
