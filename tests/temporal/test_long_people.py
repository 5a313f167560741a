"""Runs that ask more people than a history may tell of."""

from temporal.client import connect
from temporal.dev_server import DevServer
from tests.temporal.harness import engine
from tests.temporal.test_people import Answer, answer, asking, task_ids

# Temporal suggests to continue as new after so few events.
SHORT = ("limit.historyCount.suggestContinueAsNew=80",)
ITEMS = 20


async def test_waiting_goes_on_in_a_new_run() -> None:
    server = DevServer(dynamic_config=SHORT)
    await server.start()
    try:
        async with engine(await connect(target_host=server.address), "long-people") as running:
            handle = await running.start(asking(timeout="30d", assignees=["ann"]), [{"id": i} for i in range(ITEMS)])
            first = (await handle.describe()).run_id
            tasks = await task_ids(running, handle, ITEMS)
            for task in tasks:
                await answer(running, handle, Answer(task, "approved", "ann"))
            result = await running.result(handle)
            last = (await running.client.get_workflow_handle(handle.id).describe()).run_id
            asked = [one for one in running.people.happenings.values() if one.kind == "delivered"]
    finally:
        await server.stop()
    assert first != last, "it continued as new"
    assert [item["id"] for item in result["Approved"]] == list(range(ITEMS))
    assert len(asked) == ITEMS, "nobody was asked twice"
