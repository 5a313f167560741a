"""Files through the API: each user's in a workspace of its own, and gone with the run that made them."""

import json
from pathlib import Path
from typing import Any

import pytest
from workflow_engine.v1 import execution_pb2 as ex
from workflow_engine.v1 import workflow_service_pb2 as pb

from services.stack import Stack
from tests.services.conftest import Api, arrows
from tests.services.rpc.test_executions_rpc import execute, get, history, trigger, watch


@pytest.fixture
def folder(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(api.parts.resources.files, "url", str(tmp_path / "files"))
    return tmp_path / "files"


def operate(name: str, operation: str, **parameters: Any) -> dict[str, Any]:
    given = {"operation": operation, **parameters}
    return {"id": name, "name": name, "type": "ACTION_NODE", "subtype": "FILE_OPERATION", "parameters": given}


def written_and_read(**fields: Any) -> dict[str, Any]:
    nodes = [trigger(), operate("W", "write", path="a/b.txt", content="hello"), operate("R", "read", path="a/b.txt")]
    return {"name": "files", "nodes": nodes, "connections": arrows([("T", "W"), ("W", "R")]), **fields}


def workspaces(folder: Path) -> list[Path]:
    return [found for found in folder.iterdir() if found.name != ".incoming"]


async def test_a_users_files_and_the_runs(api: Api, folder: Path) -> None:
    run = await execute(api, await api.create(written_and_read(user_id="../Ann")))
    await watch(api, run)
    assert (await get(api, run)).status == ex.COMPLETED
    (item,) = json.loads((await history(api, run))["R"].outputs[0].items_json)
    assert item["files"]["data"]["ref"].startswith(f"{run}/")
    (workspace,) = workspaces(folder)
    assert workspace.name.startswith("sha256.")
    assert (workspace / "files" / "a" / "b.txt").read_text() == "hello"
    assert (workspace / "runs" / item["files"]["data"]["ref"]).read_text() == "hello"
    await api.stub.DeleteExecution(pb.DeleteExecutionRequest(execution_id=run))
    assert list((workspace / "runs").iterdir()) == []
    assert (workspace / "files" / "a" / "b.txt").exists()


async def test_a_run_is_deleted_though_its_files_are_out_of_reach(
    api: Api, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await execute(api, await api.create(written_and_read()))
    await watch(api, run)
    monkeypatch.setattr(api.parts.resources.files, "url", "nosuch://place")
    monkeypatch.delitem(vars(api.parts.resources.files), "_remote", raising=False)
    await api.stub.DeleteExecution(pb.DeleteExecutionRequest(execution_id=run))
    assert list((folder / "default" / "runs").iterdir())


async def test_no_place_is_set(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.parts.resources.files, "url", "")
    run = await execute(api, await api.create(written_and_read()))
    await watch(api, run)
    error = (await get(api, run)).error
    assert (error.code, error.node) == ("FILES_NOT_CONFIGURED", "W")
    assert "ORCHESTRATOR_FILES_URL" in error.hint


def test_everything_on_one_machine_keeps_files_beside_its_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORCHESTRATOR_FILES_URL", raising=False)
    stack = Stack(tmp_path / "data")
    (tmp_path / "data").mkdir()
    assert stack._settings("postgresql://x/y").orchestrator_files_url == str(tmp_path / "data" / "files")
    monkeypatch.setenv("ORCHESTRATOR_FILES_URL", "s3://bucket")
    assert stack._settings("postgresql://x/y").orchestrator_files_url == "s3://bucket"
