"""What Temporal keeps is sealed: nobody reads it without the keys, and keys can be changed under running work."""

import asyncio
import base64
import json
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowHandle, WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from temporal.client import DATA_CONVERTER, Runs, connect
from temporal.codec import ENCODING, KEY_ID, SealedPayloadError, SealingCodec
from temporal.converter import sealing
from temporal.dev_server import DevServer
from temporal.trigger import TriggerWorkflow
from temporal.workflow import OrchestratorWorkflow
from tests.graphs import flow, javascript, sets, trigger, workflow
from tests.temporal.features import FEATURES
from tests.temporal.harness import Engine, engine

HISTORIES = Path(__file__).parents[1] / "histories"
LONG = 120


@dataclass(frozen=True)
class Ring:
    """A key ring."""

    current: str
    keys: dict[str, bytes]


OLD, NEW = os.urandom(32), os.urandom(32)
FIRST = Ring("k1", {"k1": OLD})
BOTH = Ring("k2", {"k2": NEW, "k1": OLD})
SECOND = Ring("k2", {"k2": NEW})


def plain(text: str = "a canary") -> Payload:
    return Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(text).encode())


@pytest.mark.parametrize("size", [1, 1000, 3_000_000])
async def test_sealed_and_opened(size: int) -> None:
    codec = SealingCodec(FIRST, "default")
    given = [plain("x" * size), plain("y"), Payload()]
    sealed = await codec.encode(given)
    assert [payload.metadata["encoding"] for payload in sealed] == [ENCODING] * 3
    assert {payload.metadata[KEY_ID] for payload in sealed} == {b"k1"}
    # So many in a row that no random bytes have them.
    assert not any(b"x" * 20 in payload.SerializeToString() for payload in sealed)
    assert await codec.decode(sealed) == given
    assert await SealingCodec(BOTH, "default").decode(sealed) == given


async def test_during_a_change_of_keys_each_process_opens_what_the_others_seal() -> None:
    begun, half, ended = FIRST, Ring("k1", {"k1": OLD, "k2": NEW}), BOTH
    for one, other in ((begun, half), (half, ended)):
        for sealing_, opening in ((one, other), (other, one)):
            sealed = await SealingCodec(sealing_, "default").encode([plain()])
            assert await SealingCodec(opening, "default").decode(sealed) == [plain()]


async def test_the_same_is_never_sealed_alike() -> None:
    codec = SealingCodec(FIRST, "default")
    sealed = await codec.encode([plain()] * 100) + await SealingCodec(FIRST, "default").encode([plain()] * 100)
    assert len({payload.data for payload in sealed}) == 200


async def test_what_is_not_sealed_is_read_as_it_is() -> None:
    codec = SealingCodec(FIRST, "default")
    assert await codec.decode([plain(), *await codec.encode([plain("b")])]) == [plain(), plain("b")]


async def test_a_missing_key_is_named() -> None:
    (sealed,) = await SealingCodec(FIRST, "default").encode([plain()])
    with pytest.raises(SealedPayloadError, match=r"'k1'.*ORCHESTRATOR_TEMPORAL_KEYS"):
        await SealingCodec(SECOND, "default").decode([sealed])
    with pytest.raises(SealedPayloadError, match=r"'k1'.*isn't set"):
        await DATA_CONVERTER.decode([sealed], [str])


def _flipped(sealed: Payload) -> Payload:
    return Payload(metadata=sealed.metadata, data=sealed.data[:-1] + bytes([sealed.data[-1] ^ 1]))


@pytest.mark.parametrize(
    ("ring", "namespace", "change"),
    [
        (FIRST, "another", lambda sealed: sealed),
        (Ring("k1", {"k1": NEW}), "default", lambda sealed: sealed),
        (FIRST, "default", _flipped),
        (FIRST, "default", lambda sealed: Payload(metadata=sealed.metadata, data=sealed.data[:20])),
        (FIRST, "default", lambda sealed: Payload(metadata=sealed.metadata)),
        (BOTH, "default", lambda sealed: Payload(metadata={**sealed.metadata, KEY_ID: b"k2"}, data=sealed.data)),
    ],
    ids=["namespace", "namesake", "altered", "cut", "empty", "key id"],
)
async def test_moved_or_altered_payloads_do_not_open(ring: Ring, namespace: str, change: Any) -> None:
    (sealed,) = await SealingCodec(FIRST, "default").encode([plain()])
    with pytest.raises(SealedPayloadError, match="doesn't open"):
        await SealingCodec(ring, namespace).decode([change(sealed)])


@pytest.mark.timeout(LONG * 3)
async def test_histories_replay_with_the_codec_on() -> None:
    converter = sealing(SealingCodec(FIRST, "default"))
    replayer = Replayer(
        workflows=[OrchestratorWorkflow, TriggerWorkflow],
        data_converter=converter,
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    files = sorted(HISTORIES.rglob("*.json"))
    assert files
    for file in files:
        await replayer.replay_workflow(WorkflowHistory.from_json(file.stem, file.read_text()))


@asynccontextmanager
async def sealed_engine(server: DevServer, ring: Ring | None, queue: str) -> AsyncIterator[Engine]:
    async with engine(await connect(keys=ring, target_host=server.address), queue) as running:
        yield running


@pytest.mark.parametrize("name", ["fused", "effectful", "parallel"])
async def test_features_run_and_replay_sealed(temporal_server: DevServer, name: str) -> None:
    feature = FEATURES[name]
    async with sealed_engine(temporal_server, FIRST, f"sealed-{name}") as running:
        handle = await running.start(feature.definition, feature.value)
        assert await running.result(handle) == feature.result
        history = await handle.fetch_history()
    replayer = Replayer(
        workflows=[OrchestratorWorkflow],
        data_converter=sealing(SealingCodec(FIRST, "default")),
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    await replayer.replay_workflow(history)
    assert '"binary/encrypted"' not in history.to_json()  # it is base64 there
    assert history.to_json().count("YmluYXJ5L2VuY3J5cHRlZA==") >= 3


async def _event(client: Client, handle: WorkflowHandle[Any, Any], kind: int) -> HistoryEvent:
    """The run's first event of a kind, once there is one."""
    async with asyncio.timeout(LONG):
        async for event in client.get_workflow_handle(handle.id).fetch_history_events(wait_new_event=True):
            if event.event_type == kind:
                return event
    raise AssertionError("the run ended")


@pytest.mark.timeout(LONG * 2)
async def test_keys_are_changed_under_a_run(temporal_server: DevServer) -> None:
    queue = f"rotated-{uuid.uuid4()}"
    nodes = [trigger(), flow("Wait", "WAIT", mode="duration", duration="2s"), sets("After", n="{{ $json.n + 1 }}")]
    definition = workflow("rotated", nodes, "Start -> Wait", "Wait -> After")
    # Begun before there were keys, and under the first.
    async with sealed_engine(temporal_server, None, queue) as running:
        unsealed = await running.start(definition, {"n": 1})
        await _event(running.client, unsealed, EventType.EVENT_TYPE_TIMER_STARTED)
    async with sealed_engine(temporal_server, FIRST, queue) as running:
        running.define(definition)
        first = await running.start(definition, {"n": 2})
        await _event(running.client, first, EventType.EVENT_TYPE_TIMER_STARTED)
    # With the new key alone, the run stands still, and says which key it wants.
    async with sealed_engine(temporal_server, SECOND, queue) as running:
        running.define(definition)
        event = await _event(running.client, first, EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED)
        failure = event.workflow_task_failed_event_attributes.failure
        said = str(await running.client.data_converter.decode_failure(failure))
    assert "'k1'" in said
    assert "ORCHESTRATOR_TEMPORAL_KEYS" in said
    # With both, each goes on to its end.
    async with sealed_engine(temporal_server, BOTH, queue) as running, asyncio.timeout(LONG):
        running.define(definition)
        for run, result in ((unsealed, 2), (first, 3)):
            handle = running.client.get_workflow_handle_for(OrchestratorWorkflow.run, run.id)
            assert await running.result(handle) == {"After": [{"n": result}]}


@pytest.mark.timeout(LONG * 2)
async def test_no_user_data_is_in_the_database_of_temporal(data_folder: Path) -> None:
    server = DevServer(database=data_folder / "temporal.db", log=data_folder / "temporal.log")
    await server.start()
    canary = "canary-7f3a"
    try:
        async with sealed_engine(server, FIRST, "canary") as running:
            name = f"Node {canary}"
            code = javascript(name, f"return [{{made: 'out-' + '{canary}', in: items[0].word}}]")
            good = await running.start(
                workflow("good", [trigger(), code], f"Start -> {name}"), {"word": f"in-{canary}"}
            )
            result = await running.result(good)
            assert result == {name: [{"made": f"out-{canary}", "in": f"in-{canary}"}]}
            failing = javascript(name, f"throw new Error('message-{canary}')")
            bad = await running.start(workflow("bad", [trigger(), failing], f"Start -> {name}"), {})
            assert f"message-{canary}" in str(await running.failure(bad))
            wait = flow(name, "WAIT", mode="duration", duration="1h")
            open_ = await running.start(workflow("open", [trigger(), wait], f"Start -> {name}"), {"word": canary})
            await _event(running.client, open_, EventType.EVENT_TYPE_TIMER_STARTED)
            await Runs(running.client).cancel(open_.id)
            await running.failure(open_)
            histories = [(await handle.fetch_history()).to_json() for handle in (good, bad, open_)]
    finally:
        await server.stop()
    written = b"".join(file.read_bytes() for file in data_folder.glob("temporal*"))  # noqa: ASYNC240 - a test may wait
    assert good.id.encode() in written  # the files are the ones that hold the runs
    for run in (written, *(history.encode() for history in histories)):
        assert canary.encode() not in run
        assert base64.b64encode(canary.encode())[:-4] not in run


async def test_a_failure_that_can_not_be_read_ends_no_record(temporal_server: DevServer) -> None:
    async with sealed_engine(temporal_server, FIRST, f"unread-{uuid.uuid4()}") as running:
        failing = [trigger(), javascript("Code", "throw new Error('no')")]
        handle = await running.start(workflow("unread", failing, "Start -> Code"))
        assert await running.failure(handle)
        other = Runs(await connect(keys=SECOND, target_host=temporal_server.address))
        assert await other.ended([handle.id]) == {}
        ended = await Runs(running.client).ended([handle.id])
    assert ended[handle.id].error is not None
    assert "no" in str(ended[handle.id].error)
