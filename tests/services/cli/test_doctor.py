"""`orchestrator doctor` on a deployment that is well, and on ones that are broken in every way it knows."""

import asyncio
import json
import re
import socket
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from google.protobuf.duration_pb2 import Duration
from pydantic import SecretStr
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client, Schedule, ScheduleActionStartWorkflow, ScheduleSpec, ScheduleState

from services.doctor.postgresql import skew
from services.doctor.temporal import Temporal
from services.settings import Settings, load_settings
from services.store.keyring import Place, new_key, read_keys
from services.wiring import queues_of, temporal_keys
from temporal.client import Runs, connect
from temporal.dev_server import DevServer, free_port
from temporal.releases import make_current
from tests.certificates import Authority
from tests.graphs import flow, trigger, workflow
from tests.temporal.harness import CATALOGUE, engine

Report = dict[str, dict[str, str]]
Doctor = Callable[..., Report]


@pytest.fixture
def set_to(
    monkeypatch: pytest.MonkeyPatch, postgres_url: str, temporal_server: DevServer, tmp_path: Path
) -> dict[str, str]:
    """What an operator sets where all is well, as far as no server and worker run."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    values = {
        "DATABASE_URL": postgres_url,
        "TEMPORAL_ADDRESS": temporal_server.address,
        "SECRET_KEY": new_key(),
        "ORCHESTRATOR_TEMPORAL_KEYS": new_key(),
        "ORCHESTRATOR_FILES_URL": str(tmp_path / "files"),
        "GRPC_PORT": str(free_port()),
        "HTTP_PORT": str(free_port()),
        "ORCHESTRATOR_TASK_QUEUE": f"doctor-{uuid.uuid4()}",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return values


@pytest.fixture
def doctor(set_to: dict[str, str], cli_at: Any, monkeypatch: pytest.MonkeyPatch) -> Doctor:
    """The report with some variables changed, as check → finding, and "" → the whole."""

    def examined(code: int = 0, **changes: str) -> Report:
        for name, value in changes.items():
            monkeypatch.setenv(name, value)
        shown = cli_at(None).json("doctor", code=code)
        order = ("OK", "WARNING", "FAILED")
        # Of several findings on one subject the gravest counts here.
        found = sorted(shown["checks"], key=lambda one: order.index(one["status"]))
        for one in found:
            assert (one["advice"] == "") == (one["status"] == "OK"), one
        return {one["check"]: one for one in found} | {"": {"status": shown["status"]}}

    return examined


def test_a_deployment_that_is_well(doctor: Doctor, set_to: dict[str, str], cli_at: Any) -> None:
    report = doctor()
    well = ("PostgreSQL", "PostgreSQL's TLS", "clock", "connections", "pgvector", "migrations", "rights", "SECRET_KEY")
    well += (
        "Temporal",
        "namespace",
        "retention",
        "search attributes",
        "ORCHESTRATOR_TEMPORAL_KEYS",
        "files",
        "versions",
    )
    assert {name: report[name]["status"] for name in well} == dict.fromkeys(well, "OK")
    # Nothing runs: said, but nothing that doesn't work.
    assert {report[name]["status"] for name in ("workers", "API", "gateway")} == {"WARNING"}
    assert "orchestrator worker --queues" in report["workers"]["advice"]
    printed = cli_at(None)("doctor")
    assert printed.exit_code == 0
    assert "What to do:" in printed.stdout
    for name in ("SECRET_KEY", "ORCHESTRATOR_TEMPORAL_KEYS"):
        assert set_to[name].partition(":")[2] not in printed.output + json.dumps(report)


def test_settings_that_are_wrong(doctor: Doctor) -> None:
    report = doctor(1, GRPC_PORT="many", SECRET_KEY="hunter2")
    assert report["settings"]["status"] == "FAILED"
    assert "hunter2" not in json.dumps(report)


def test_no_postgresql(doctor: Doctor) -> None:
    report = doctor(1, DATABASE_URL="postgresql://ada:pa55word@127.0.0.1:1/none")
    assert report["PostgreSQL"]["status"] == "FAILED"
    assert "DATABASE_URL" in report["PostgreSQL"]["advice"]
    assert report["Temporal"]["status"] == "OK"  # the rest is looked at all the same
    assert "pa55word" not in json.dumps(report)


def test_migrations_that_are_missing(doctor: Doctor, empty_postgres_url: str) -> None:
    report = doctor(1, DATABASE_URL=empty_postgres_url)
    assert report["migrations"]["advice"] == "run `orchestrator migrate`"
    assert "rights" not in report


def test_rights_that_are_missing(doctor: Doctor, postgres_url: str) -> None:
    role = f"reader_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN")
        connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    try:
        report = doctor(1, DATABASE_URL=postgres_url.replace("//postgres@", f"//{role}@"))
    finally:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(f"DROP OWNED BY {role}")
            connection.execute(f"DROP ROLE {role}")
    assert "INSERT on" in report["rights"]["message"]
    assert role in report["rights"]["message"]


@pytest.mark.parametrize(("size", "status"), [("70", "WARNING"), ("400", "FAILED")])
def test_pools_that_are_too_large(doctor: Doctor, size: str, status: str) -> None:
    report = doctor(1 if status == "FAILED" else 0, DATABASE_POOL_SIZE=size)
    assert report["connections"]["status"] == status
    assert "DATABASE_POOL_SIZE" in report["connections"]["advice"]


def test_pgvector_that_is_missing(doctor: Doctor, postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP EXTENSION vector CASCADE")
    report = doctor()
    assert report["pgvector"]["status"] == "WARNING"
    assert "CREATE EXTENSION vector" in report["pgvector"]["advice"]


@pytest.mark.parametrize(
    ("seconds", "level"), [(0.2, "OK"), (-0.2, "OK"), (5, "WARNING"), (-5, "WARNING"), (90, "FAILED"), (-90, "FAILED")]
)
def test_clocks(seconds: float, level: str) -> None:
    found = skew("clock", "PostgreSQL's", timedelta(seconds=seconds))
    assert found.level == level
    assert level == "OK" or ("ahead of" if seconds > 0 else "behind") in found.message


def _seal(url: str, key: str) -> None:
    ring = read_keys(key)
    sealed = ring.seal(b"{}", Place("default", "i", "integration"))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO integrations (id, workspace, name, type, sealed) VALUES ('i', 'default', 'n', 't', %s)",
            (sealed,),
        )


def test_keys_that_seal_what_is_stored(doctor: Doctor, set_to: dict[str, str], postgres_url: str) -> None:
    old, new = set_to["SECRET_KEY"], new_key()
    _seal(postgres_url, old)
    assert doctor()["SECRET_KEY"]["status"] == "OK"
    both = doctor(SECRET_KEY=f"{new},{old}")["SECRET_KEY"]
    assert both["status"] == "WARNING"
    assert "rotate-keys" in both["advice"]
    lost = doctor(1, SECRET_KEY=new)["SECRET_KEY"]
    assert repr(old.partition(":")[0]) in lost["message"]
    namesake = f"{old.partition(':')[0]}:{new.partition(':')[2]}"
    assert "don't open" in doctor(1, SECRET_KEY=namesake)["SECRET_KEY"]["message"]
    assert "isn't set" in doctor(1, SECRET_KEY="")["SECRET_KEY"]["message"]


def test_no_keys(doctor: Doctor) -> None:
    report = doctor(SECRET_KEY="", ORCHESTRATOR_TEMPORAL_KEYS="")
    for name in ("SECRET_KEY", "ORCHESTRATOR_TEMPORAL_KEYS"):
        assert report[name]["status"] == "WARNING"
        assert "new-key" in report[name]["advice"]


def test_no_temporal(doctor: Doctor) -> None:
    report = doctor(1, TEMPORAL_ADDRESS="127.0.0.1:1")
    assert "TEMPORAL_ADDRESS" in report["Temporal"]["advice"]
    assert report["PostgreSQL"]["status"] == "OK"


def test_no_namespace(doctor: Doctor) -> None:
    report = doctor(1, TEMPORAL_NAMESPACE="nowhere")
    assert report["namespace"]["status"] == "FAILED"
    assert "temporal operator namespace create nowhere" in report["namespace"]["advice"]


async def test_a_namespace_that_is_not_prepared(
    temporal_server: DevServer, set_to: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await Client.connect(temporal_server.address)
    name = f"bare-{uuid.uuid4()}"
    await client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=Duration(seconds=3600 * 24))
    )
    monkeypatch.setenv("TEMPORAL_NAMESPACE", name)
    found = {}
    async with asyncio.timeout(60):
        while "search attributes" not in found:  # Temporal takes a moment to know of a new namespace
            found = {one.subject: one async for one in Temporal(load_settings()).check()}
    assert found["namespace"].level == found["retention"].level == "OK"
    assert found["search attributes"].level == "FAILED"
    assert "search-attribute create --name OrchestratorWorkflow --type Keyword" in found["search attributes"].advice


@pytest.mark.parametrize(
    ("promoted", "build_id", "level"),
    [("", "", "OK"), ("", "1.4.0", "WARNING"), ("1.4.0", "1.4.0", "OK"), ("1.4.0", "", "WARNING")],
)
async def test_a_release_that_gets_no_work_is_named(
    temporal_server: DevServer, set_to: dict[str, str], promoted: str, build_id: str, level: str
) -> None:
    queue = f"release-{time.monotonic_ns()}"
    settings = load_settings(orchestrator_task_queue=queue, orchestrator_build_id=build_id)
    client = await connect(target_host=temporal_server.address)
    async with engine(client, queue, build_id=promoted or build_id) as running:
        if promoted:
            await make_current(client, queue, promoted, queues_of(CATALOGUE))
            assert await running.run(workflow("works", [trigger()])) == {"Start": [{}]}
        found = {one.subject: one async for one in Temporal(settings).check()}
    assert found["release"].level == level, found["release"]


async def test_keys_of_open_runs_and_schedules(
    temporal_server: DevServer, set_to: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings()
    client = await connect(keys=temporal_keys(settings), target_host=temporal_server.address)
    async with engine(client, settings.orchestrator_task_queue) as running:
        nodes = [trigger(), flow("Wait", "WAIT", mode="duration", duration="1h")]
        handle = await running.start(workflow("open", nodes, "Start -> Wait"))
        query = f"WorkflowId = '{handle.id}' AND ExecutionStatus = 'Running'"
        while not [run async for run in client.list_workflows(query)]:  # noqa: ASYNC110 - an index that lags behind
            await asyncio.sleep(0.1)
        found = {one.subject: one async for one in Temporal(settings).check()}
        assert found["workers"].level == "OK"
        assert found["ORCHESTRATOR_TEMPORAL_KEYS"].level == "OK"
        await _keys_are_missed(settings)
        await Runs(client).cancel(handle.id)
        await running.failure(handle)
        while [run async for run in client.list_workflows(query)]:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    action = ScheduleActionStartWorkflow("Orchestrator", "input", id="scheduled", task_queue="nobody")
    schedule = await client.create_schedule(
        str(uuid.uuid4()), Schedule(action, ScheduleSpec(), state=ScheduleState(paused=True))
    )
    await _keys_are_missed(settings)
    await schedule.delete()


async def _keys_are_missed(settings: Settings) -> None:
    """What is open needs the key of the settings: without it, the report names it."""
    keys = temporal_keys(settings)
    assert keys
    for other in (SecretStr(new_key()), None):
        changed = settings.model_copy(update={"orchestrator_temporal_keys": other})
        found = {one.subject: one async for one in Temporal(changed).check()}
        assert found["ORCHESTRATOR_TEMPORAL_KEYS"].level == "FAILED"
        assert repr(keys.current) in found["ORCHESTRATOR_TEMPORAL_KEYS"].message


def test_files_that_can_not_be_written(doctor: Doctor, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    report = doctor(1, ORCHESTRATOR_FILES_URL=str(tmp_path / "file" / "folder"))
    assert "ORCHESTRATOR_FILES_URL" in report["files"]["advice"]
    assert doctor(1, ORCHESTRATOR_FILES_URL="nonsense://ada:pa55word@h/x")["files"]["status"] == "FAILED"
    assert doctor(ORCHESTRATOR_FILES_URL="memory://doctor")["files"]["status"] == "OK"
    assert doctor(ORCHESTRATOR_FILES_URL="")["files"]["status"] == "WARNING"


def test_redis_that_is_away(doctor: Doctor) -> None:
    report = doctor(REDIS_URL="redis://:pa55word@127.0.0.1:1/0")
    assert report["Redis"]["status"] == "WARNING"
    assert "pa55word" not in json.dumps(report)


def test_bubblewrap_that_is_demanded(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nodes.sandbox.bubblewrap.works", lambda: False)
    assert doctor()["bubblewrap"]["status"] == "WARNING"
    assert doctor(1, ORCHESTRATOR_CODE_ISOLATION="bwrap")["bubblewrap"]["status"] == "FAILED"
    monkeypatch.setattr("nodes.sandbox.bubblewrap.works", lambda: True)
    assert doctor()["bubblewrap"]["status"] == "OK"
    assert doctor(ORCHESTRATOR_CODE_ISOLATION="process")["bubblewrap"]["status"] == "WARNING"


def test_certificates(doctor: Doctor, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    good, soon, late = (authority.certificate(str(days), days=days) for days in (30, 3, -1))
    for files, code, status in ((good, 0, "OK"), (soon, 0, "WARNING"), (late, 1, "FAILED")):
        report = doctor(code, GRPC_TLS_CERT=str(files.cert), GRPC_TLS_KEY=str(files.key))
        assert report["GRPC_TLS"]["status"] == status
    report = doctor(1, GRPC_TLS_CERT=str(good.cert), GRPC_TLS_KEY=str(tmp_path / "absent"))
    assert "absent can't be read" in report["GRPC_TLS"]["message"]
    assert doctor(1, GRPC_TLS_CERT=str(good.cert), GRPC_TLS_KEY="")["settings"]["status"] == "FAILED"


def test_where_the_server_is_looked_for(doctor: Doctor, cli: Any) -> None:
    port = cli.address.rpartition(":")[2]
    assert doctor(GRPC_PORT=port)["API"]["status"] == "OK"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        silent.close()
        assert url in doctor(ORCHESTRATOR_PUBLIC_URL=url)["gateway"]["message"]


def test_the_gateway(doctor: Doctor, shared_dev: Any) -> None:
    url = re.search(
        r"Web and REST +(\S+)", "\n".join(f"{name} {value}" for name, value in shared_dev.addresses.items())
    )
    assert url
    assert doctor(ORCHESTRATOR_PUBLIC_URL=url[1])["gateway"]["status"] == "OK"
    elsewhere = url[1] + "/elsewhere"
    assert "404" in doctor(ORCHESTRATOR_PUBLIC_URL=elsewhere)["gateway"]["message"]
