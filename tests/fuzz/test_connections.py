"""Whatever the ConnectionsMap says, it is refused with a reason or can be interpreted to an end."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.model import ConnectionType
from tests.fuzz.mutation import fuzzed
from tests.fuzz.test_definitions import examine

NAMES = ["T", "If", "Loop", "Merge", "A", "B", "Agent", "Tool", "Model"]
KINDS = [
    ("TRIGGER_NODE", "MANUAL", {}),
    ("FLOW_NODE", "IF", {"condition": "{{ $json.a }}"}),
    ("FLOW_NODE", "LOOP", {"mode": "count", "times": 2}),
    ("FLOW_NODE", "MERGE", {"inputs": 3}),
    ("ACTION_NODE", "DATA_TRANSFORMATION", {"operation": "set", "fields": {"a": 1}}),
    ("ACTION_NODE", "DATA_TRANSFORMATION", {"operation": "limit", "count": 1}),
    ("AI_AGENT_NODE", "ROUTER_AGENT", {}),
    ("TOOL_NODE", "HTTP", {"name": "t", "description": "d", "url": "https://example.com"}),
    ("AI_AGENT_NODE", "LANGUAGE_MODEL", {"model_provider": "openai", "model_name": "m"}),
]
NODES = [
    {"id": name.lower(), "name": name, "type": kind, "subtype": subtype, "parameters": parameters}
    for name, (kind, subtype, parameters) in zip(NAMES, KINDS, strict=True)
]
TYPES = [kind.value for kind in ConnectionType]
ENDS = st.sampled_from([*NAMES, "", "nobody", "a"])
ARROWS = st.fixed_dictionaries(
    {"node": ENDS},
    optional={
        "type": st.sampled_from([*TYPES, "main", "AI", "", None]),
        "index": st.sampled_from([0, 0, 0, 1, 2, 3, -1, 2**31 - 1, 1.0, "0"]),
        "output": st.sampled_from(["", "true", "false", "body", "done", "0", "1", "99", "error", "-1", "🙂"]),
    },
)
MAPS = st.dictionaries(
    ENDS,
    st.fixed_dictionaries(
        {
            "connection_types": st.dictionaries(
                st.sampled_from([*TYPES, *map(str.lower, TYPES), "", "Main"]),
                st.fixed_dictionaries({"connections": st.lists(ARROWS, max_size=4)}),
                max_size=3,
            )
        }
    ),
    max_size=8,
)


@fuzzed
@given(MAPS)
def test_any_map(connections: dict[str, Any]) -> None:
    examine({"name": "fuzz", "nodes": NODES, "connections": {"connections": connections}})
