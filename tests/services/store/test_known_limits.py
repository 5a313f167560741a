"""Limits as they were a moment ago: one question for all workflows of a workspace, and not for long."""

from orchestrator.start import Share
from services.store import limits
from services.store.known_limits import SECONDS, KnownLimits
from tests.services.conftest import Store


async def limit(store: Store, workspace: str, workflow_id: str = "", **values: float) -> None:
    async with store.database.transaction() as session:
        await limits.change(session, workspace, workflow_id, values, "test")


async def test_what_holds_for_a_workflow(store: Store) -> None:
    await limit(store, limits.DEFAULTS, max_payload_bytes=1000, max_node_runs=9, weight=2)
    await limit(store, "a", max_node_runs=0, max_run_seconds=60)
    await limit(store, "a", "w", max_payload_bytes=2000, max_run_seconds=30, max_node_runs=5)
    known = KnownLimits(store.database)
    assert await known.share("a", "w", 0) == Share("a", 3, 2.0, 30.0, 5)
    assert await known.share("a", "other", 1) == Share("a", 1, 2.0, 60.0, 0)
    assert await known.share("b", "w", 3) == Share("b", 3, 2.0, 0.0, 9)
    assert [await known.payload_bytes(*which) for which in (("a", "w"), ("a", "x"), ("b", ""))] == [1000] * 3


async def test_a_change_is_heard_of_after_a_while(store: Store) -> None:
    now = 0.0
    known = KnownLimits(store.database, lambda: now)
    assert await known.payload_bytes("a", "w") == 0
    await limit(store, "a", "x", max_payload_bytes=7)
    assert [await known.payload_bytes("a", which) for which in ("w", "x")] == [0, 0]
    now = SECONDS
    assert [await known.payload_bytes("a", which) for which in ("w", "x")] == [0, 7]
