"""Random graphs: the interpreter does what the reference does, whatever the order in which work is finished."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from orchestrator import loops
from orchestrator.definition import read
from orchestrator.validation import validate
from tests.orchestrator.driver import Driven, ToyCatalogue, drive
from tests.orchestrator.graphs import runs
from tests.orchestrator.reference import Report, TooMuch, interpret
from tests.orchestrator.toys import Item

Run = tuple[dict[str, Any], str, list[Item]]
MODES: list[dict[str, Any]] = [
    {"fused": False, "carried_over": False},
    {"fused": True, "carried_over": False},
    {"fused": True, "carried_over": True, "lossy": True},
]
CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
# Sets how many times as many examples are tried; by hand, to search for long.
TIMES = int(os.environ.get("PROPERTY_EXAMPLES_TIMES", "1"))


@pytest.fixture(autouse=True, scope="module")
def _early_merges() -> Iterator[None]:
    """Collections are rewritten after few parts already, so that short runs come to it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loops, "MERGE_PARTS", 2)
        yield


def _expected(run: Run) -> Report:
    try:
        return interpret(*run)
    except TooMuch:
        assume(False)
        raise


def _shown(items: list[Any]) -> Counter[str]:
    return Counter(json.dumps(item, sort_keys=True) for item in items)


def _agree(driven: Driven, expected: Report) -> None:
    assert driven.status == expected.status, driven.error
    if expected.status == "FAILED":
        return
    results = {name: items for name, items in expected.result.items() if items}
    assert {name: items for name, items in driven.result.items() if items} == results
    for name, inputs in expected.runs.items():
        assert _shown(driven.runs_of(name)) == _shown(inputs), f"the runs of {name}"


@given(run=runs(), mode=st.sampled_from(MODES), seed=st.integers(0, 2**16))
@settings(max_examples=300 * TIMES, deadline=None, suppress_health_check=CHECKS)
def test_does_what_the_reference_does(run: Run, mode: dict[str, Any], seed: int) -> None:
    problems = [problem for problem in validate(read(run[0]), ToyCatalogue()) if problem.severity == "ERROR"]
    assert problems == []
    _agree(drive(*run, seed, **mode), _expected(run))


@given(run=runs(), seeds=st.lists(st.integers(0, 2**16), min_size=3, max_size=3, unique=True))
@settings(max_examples=60 * TIMES, deadline=None, suppress_health_check=CHECKS)
def test_results_depend_on_neither_order_nor_mode(run: Run, seeds: list[int]) -> None:
    _expected(run)
    first, *others = [drive(*run, seed, **mode) for seed in seeds for mode in MODES]
    for other in others:
        assert other.status == first.status
        if first.status == "COMPLETED":
            assert other.result == first.result
            assert other.runs == first.runs
