"""Workflows, their versions, and lists of them."""

import asyncio
from decimal import Decimal

import pytest

from orchestrator import definition
from orchestrator.errors import Problem
from services.errors import AlreadyExists, NotFound, VersionConflict
from services.store import serial, workflows
from services.store.definitions import Definitions
from services.store.ids import new_id
from services.store.tables import VersionRow, WorkflowRow
from tests.services.conftest import Store, chain, draft


def unplanned(_: object) -> object:
    raise AssertionError("a stored plan of this format isn't made again")


async def add(store: Store, workflow_id: str = "", user: str = "ada", **fields: object) -> WorkflowRow:
    async with store.database.transaction() as session:
        return await workflows.create(session, workflow_id or new_id(), user, draft(chain("A") | fields))


async def update(store: Store, expected: int = 0, **fields: object) -> WorkflowRow:
    async with store.database.transaction() as session:
        changed = draft(chain("A") | fields)
        return await workflows.update(session, store.workflow.id, changed, expected_version=expected)


async def test_versions_are_kept(store: Store) -> None:
    assert (await update(store, name="second")).version == 2
    assert (await update(store, 2, name="third")).version == 3
    with pytest.raises(VersionConflict, match="version 3"):
        await update(store, 2)
    definitions = Definitions(store.database, unplanned)  # type: ignore[arg-type]
    async with store.database.reading() as session:
        ids = [await workflows.version_id(session, store.workflow.id, version) for version in (1, 2, 3, 0)]
        with pytest.raises(NotFound, match="no version 4"):
            await workflows.version_id(session, store.workflow.id, 4)
        rows = await workflows.versions(session, store.workflow.id, 2, None)
        more = await workflows.versions(session, store.workflow.id, 2, rows[-1].version)
    assert [(row.version, row.name) for row in (*rows, *more)] == [(3, "third"), (2, "second"), (1, "chain")]
    assert [(await definitions.get(each)).version for each in ids] == [1, 2, 3, 3]
    first = await definitions.get(ids[0])
    assert first.plan == draft(chain("A", "B")).plan
    assert await definitions.get(ids[0]) == first


async def test_concurrent_updates_each_get_a_version(store: Store) -> None:
    rows = await asyncio.gather(*(update(store, name=f"n{i}") for i in range(8)))
    assert sorted(row.version for row in rows) == list(range(2, 10))
    done = await asyncio.gather(*(update(store, 9, name=f"m{i}") for i in range(4)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["VersionConflict"] * 3 + ["WorkflowRow"]


async def test_numbers_and_key_order_survive(store: Store) -> None:
    data = chain("A")
    parameters = {
        "z": 12345678901234567890,
        "a": Decimal("0.1000000000000000055511151231257827"),
        "m": {"y": 1, "x": 2},
    }
    data["nodes"][1]["parameters"] = parameters
    wanted = definition.read(data)
    async with store.database.transaction() as session:
        row = await workflows.add_unsaved_version(session, workflows.Draft(wanted, [Problem("P", "m")], None))
    version = await Definitions(store.database, unplanned).version(row.id)  # type: ignore[arg-type]
    found = version.workflow.nodes[1].parameters
    assert found == parameters
    assert list(found) == ["z", "a", "m"]
    assert list(found["m"]) == ["y", "x"]
    assert (version.plan, version.problems) == (None, (Problem("P", "m"),))
    with pytest.raises(LookupError, match="isn't valid"):
        await Definitions(store.database, unplanned).get(row.id)  # type: ignore[arg-type]


async def test_a_plan_of_an_older_format_is_made_again(store: Store) -> None:
    plan = draft(chain("A", "B")).plan
    assert plan is not None
    async with store.database.transaction() as session:
        row = await session.get_one(VersionRow, store.workflow.version_id)
        row.plan = serial.write(plan).replace(f'"version":{plan.version}', '"version":0')
    found = await Definitions(store.database, lambda _: plan).get(store.workflow.version_id)
    assert found.plan is plan


async def test_least_recently_used_definitions_are_forgotten(store: Store) -> None:
    rows = [await add(store) for _ in range(3)]
    definitions = Definitions(store.database, unplanned, cached_bytes=1)  # type: ignore[arg-type]
    first = await definitions.version(rows[0].version_id)
    assert await definitions.version(rows[0].version_id) is first
    await definitions.version(rows[1].version_id)
    assert await definitions.version(rows[0].version_id) is not first


async def test_deleted_workflows_are_out_of_sight_and_their_ids_taken(store: Store) -> None:
    async with store.database.transaction() as session:
        await workflows.delete(session, store.workflow.id)
    async with store.database.reading() as session:
        for call in (
            workflows.get(session, store.workflow.id),
            workflows.versions(session, store.workflow.id, 9, None),
        ):
            with pytest.raises(NotFound, match=store.workflow.id):
                await call
        assert await workflows.listed(session, workflows.Filters(), 9, None) == []
    with pytest.raises(AlreadyExists):
        await add(store, store.workflow.id)
    definitions = Definitions(store.database, unplanned)  # type: ignore[arg-type]
    assert (await definitions.get(store.workflow.version_id)).version == 1


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        (workflows.Filters(), ["zz%", "Ärger_2", "beta", "Alpha", "chain"]),
        (workflows.Filters(user_id="bob"), ["Ärger_2", "Alpha"]),
        (workflows.Filters(tags=("x",)), ["zz%", "beta", "Alpha"]),
        (workflows.Filters(tags=("x", "y")), ["zz%", "beta"]),
        (workflows.Filters(name_contains="A"), ["beta", "Alpha", "chain"]),
        (workflows.Filters(name_contains="äRG"), ["Ärger_2"]),
        (workflows.Filters(name_contains="%"), ["zz%"]),
        (workflows.Filters(name_contains="_"), ["Ärger_2"]),
        (workflows.Filters(user_id="bob", tags=("x",), name_contains="alp"), ["Alpha"]),
        (workflows.Filters(user_id="nobody"), []),
    ],
)
async def test_lists_are_filtered_and_paged(store: Store, filters: workflows.Filters, names: list[str]) -> None:
    await add(store, user="bob", name="Alpha", tags=["x"])
    await add(store, user="eve", name="beta", tags=["y", "x"])
    await add(store, user="bob", name="Ärger_2", tags=["y"])
    await add(store, user="eve", name="zz%", tags=["x", "y", "z"])
    found: list[str] = []
    after = None
    async with store.database.reading() as session:
        while rows := await workflows.listed(session, filters, 2, after):
            found += [row.name for row in rows]
            after = rows[-1].created_at, rows[-1].id
    assert found == names
