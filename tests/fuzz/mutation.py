"""Bends valid JSON out of shape: what a parser meets is mostly almost right."""

import copy
import json
import os
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]
EXAMPLES = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "examples").glob("*.json"))]
# `make fuzz` sets it; what runs with all other tests is a sample, the same one each time.
TRIES = int(os.environ.get("FUZZ_EXAMPLES", "150"))
fuzzed = settings(
    max_examples=TRIES,
    deadline=None,
    derandomize="FUZZ_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)

_NAMES = [
    "main",
    "MAIN",
    "ai_tool",
    "",
    "__proto__",
    "constructor",
    "nodes",
    "connections",
    "node",
    "output",
    "🙂",
    "\x00",
]
_TEXTS = st.one_of(st.sampled_from(_NAMES), st.text(max_size=20), st.just("x" * 300))
_NUMBERS = st.one_of(
    st.integers(-5, 5), st.sampled_from([2**31, -(2**31) - 1, 2**63, 10**40, 1e308, -0.0, 0.1]), st.floats()
)
SCALARS = st.one_of(st.none(), st.booleans(), _NUMBERS, _TEXTS)
HOSTILE = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_TEXTS, inner, max_size=4)),
    max_leaves=12,
)


@st.composite
def bent(draw: st.DrawFn) -> Any:
    """An example with up to five places replaced, removed, doubled, renamed or swapped."""
    data = copy.deepcopy(draw(st.sampled_from(EXAMPLES)))
    for _ in range(draw(st.integers(1, 5))):
        places = list(_places(data))
        if not places:
            break
        parent, key = draw(st.sampled_from(places))
        _bend(draw, parent, key, places)
    return data


def _bend(draw: st.DrawFn, parent: Any, key: Any, places: list[tuple[Any, Any]]) -> None:
    action = draw(st.sampled_from(["replace", "remove", "double", "rename", "swap"]))
    if action == "remove":
        del parent[key]
    elif action == "double" and isinstance(parent, list):
        parent.append(copy.deepcopy(parent[key]))
    elif action == "rename" and isinstance(parent, dict):
        parent[draw(_TEXTS)] = parent.pop(key)
    elif action == "swap":
        other, name = draw(st.sampled_from(places))
        parent[key], other[name] = copy.deepcopy(other[name]), copy.deepcopy(parent[key])
    else:
        parent[key] = draw(HOSTILE)


def _places(value: Any) -> Any:
    children: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        children = [(value, key) for key in value]
    elif isinstance(value, list):
        children = [(value, index) for index in range(len(value))]
    for parent, key in children:
        yield parent, key
        yield from _places(parent[key])
