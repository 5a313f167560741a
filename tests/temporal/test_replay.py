"""Recorded histories replay, whatever the order of sets."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.messages import REVISION
from tests.temporal.features import FEATURES
from tests.temporal.firing import REQUESTS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("seed", ["0", "1", "4242"])
def test_histories_replay(seed: str) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    command = [sys.executable, "-m", "tests.histories.replay"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_every_feature_is_recorded() -> None:
    recorded = {file.stem for file in (ROOT / "tests/histories" / str(REVISION)).glob("*.json")}
    assert FEATURES.keys() | REQUESTS.keys() <= recorded, "run `python -m tests.histories.record`"
