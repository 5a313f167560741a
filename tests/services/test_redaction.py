"""A secret that a service echoes in every way isn't found anywhere after the run: the raw stores are read for it."""

import base64
import io
import logging as stdlib_logging
import sys
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from typing import Any
from urllib.parse import quote

import pytest
import structlog
from temporalio.client import WorkflowHistory
from workflow_engine.v1 import execution_pb2 as ex
from workflow_engine.v1 import integration_pb2 as pb
from workflow_engine.v1 import workflow_service_pb2
from workflow_engine.v1.integration_pb2_grpc import IntegrationServiceStub

from orchestrator import exact_json
from services import logging
from tests.services.authorization_server import Service, running
from tests.services.conftest import Api, arrows

SECRET = "s3cr3t/token+of=ada"
FORMS = (
    SECRET,
    quote(SECRET, safe=""),
    base64.b64encode(SECRET.encode()).decode(),
    base64.b64encode(f"ada:{SECRET}".encode()).decode(),
)


@pytest.fixture(scope="module")
async def service() -> AsyncIterator[Service]:
    async with running() as found:
        yield found


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The process's log at its most talkative, as its operator sees it."""
    root, written = stdlib_logging.getLogger(), io.StringIO()
    before = list(root.handlers)
    levels = {name: stdlib_logging.getLogger(name).level for name in (None, "temporalio", "temporalio.activity")}
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", written)
        logging.configure("DEBUG", "json", "test")
    # Quiet ones, too: what they say of failed activities is what might hold a secret.
    stdlib_logging.getLogger("temporalio").setLevel(stdlib_logging.DEBUG)
    yield written.getvalue
    root.handlers[:] = before
    for name, level in levels.items():
        stdlib_logging.getLogger(name).setLevel(level)
    structlog.reset_defaults()


async def keep(api: Api, kind: str, fields: dict[str, Any]) -> str:
    request = pb.CreateIntegrationRequest(name="c", type=kind, hosts=["127.0.0.1"])
    request.fields.update(fields)
    return str((await IntegrationServiceStub(api.channel).CreateIntegration(request)).integration.id)


def calling(name: str, url: str, credential: str, **more: Any) -> dict[str, Any]:
    parameters = {"url": url, "response": "json", "full_response": True} | more.pop("parameters", {})
    node = {"id": name.lower(), "name": name, "type": "ACTION_NODE", "subtype": "HTTP_REQUEST"}
    return node | {"parameters": parameters, "credentials": {"auth": credential}} | more


def set_node(name: str, value: str) -> dict[str, Any]:
    parameters = {"operation": "set", "fields": {"value": value}}
    return {
        "id": name.lower(),
        "name": name,
        "type": "ACTION_NODE",
        "subtype": "DATA_TRANSFORMATION",
        "parameters": parameters,
    }


async def run(api: Api, service: Service) -> str:
    """A run that gets its secrets back in outputs, in errors, in failed attempts and in large payloads."""
    bearer = await keep(api, "http_bearer", {"token": SECRET})
    basic = await keep(api, "http_basic", {"user": "ada", "password": SECRET})
    query = await keep(api, "http_query", {"name": "key", "value": SECRET})
    echo, retry = f"{service.url}/echo", {"max_attempts": 2, "initial_interval": "10ms"}
    filler = {"method": "POST", "body": {"filler": "x" * 100_000}}
    nodes = [
        {"id": "t", "name": "T", "type": "TRIGGER_NODE", "subtype": "MANUAL"},
        calling("Echoed", f"{echo}/200", bearer),
        set_node("Read", "{{ $json.body.headers.authorization }}"),
        calling("Large", f"{echo}/200", basic, parameters=filler),
        calling("Queried", f"{echo}/200", query),
        calling("Refused", f"{echo}/400", basic, on_error="continue"),
        calling("Retried", f"{echo}/503", bearer, retry=retry, on_error="error_output"),
        calling("Failed", f"{echo}/404", query),
    ]
    names = [str(node["name"]) for node in nodes]
    pairs = [*pairwise(names[:7]), ("Retried", "Failed", "error")]
    workflow_id = await api.create({"name": "echo", "nodes": nodes, "connections": arrows(pairs)})
    started = await api.stub.ExecuteWorkflow(ex.ExecuteWorkflowRequest(workflow_id=workflow_id))
    return str(started.execution_id)


async def answers(api: Api, execution_id: str) -> tuple[ex.GetExecutionHistoryResponse, bytes]:
    """The run's history once it has ended, and all that the API says about the run."""
    said = []
    async for event in api.stub.WatchExecution(ex.WatchExecutionRequest(execution_id=execution_id)):
        said.append(event)
    history = await api.stub.GetExecutionHistory(
        ex.GetExecutionHistoryRequest(execution_id=execution_id, max_port_bytes=10_000_000)
    )
    said += [history, await api.stub.GetExecution(ex.GetExecutionRequest(execution_id=execution_id))]
    said.append(await api.stub.ListWorkflows(workflow_service_pb2.ListWorkflowsRequest()))
    return history, b"".join(message.SerializeToString() for message in said)


async def database(api: Api) -> bytes:
    """Every row of every table."""
    found = []
    async with api.parts.database.single() as connection:
        names = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        for (table,) in (await connection.exec_driver_sql(names)).all():
            for row in (await connection.exec_driver_sql(f"SELECT * FROM {table}")).all():
                found += [value if isinstance(value, bytes) else str(value).encode() for value in row]
    return b"\n".join(found)


async def test_no_secret_is_found_anywhere(api: Api, service: Service, log: Any) -> None:
    execution_id = await run(api, service)
    history, said = await answers(api, execution_id)
    recorded: WorkflowHistory = await api.client.get_workflow_handle(execution_id).fetch_history()
    raw = b"".join(event.SerializeToString() for event in recorded.events)
    structlog.get_logger("x").warning("a library says", header=f"Bearer {SECRET}")
    lines = log()

    sent = [seen["headers"].get("authorization", "") + seen["query"].get("key", "") for seen in service.seen]
    assert {SECRET, f"Bearer {SECRET}", f"Basic {FORMS[3]}"} == set(sent), "the services did get them"
    outputs = {node_run.node: node_run for node_run in history.node_runs}
    (echoed,) = exact_json.loads(outputs["Echoed"].outputs[0].items_json)
    assert echoed["json"]["body"]["headers"]["authorization"] == "Bearer [redacted]"
    assert echoed["json"]["headers"]["x-echo"] == "Bearer [redacted]"
    assert exact_json.loads(outputs["Read"].outputs[0].items_json)[0]["json"]["value"] == "Bearer [redacted]"
    assert "Basic [redacted]" in outputs["Large"].outputs[0].items_json
    assert len(outputs["Retried"].failed_attempts) == 1
    assert outputs["Failed"].error.code == "HTTP_STATUS"
    assert "a library says" in lines

    places = {"API": said, "Temporal": raw, "PostgreSQL": await database(api), "log": lines.encode()}
    found = [(place, form) for place, content in places.items() for form in FORMS if form.encode() in content]
    assert found == []
    assert all(b"[redacted]" in content for content in places.values())


async def test_a_test_of_a_node_is_redacted_and_uses_its_users_credentials(api: Api, service: Service) -> None:
    from google.protobuf import json_format
    from workflow_engine.v1 import workflow_pb2

    request = pb.CreateIntegrationRequest(user_id="ada", name="c", type="http_bearer", hosts=["127.0.0.1"])
    request.fields.update({"token": SECRET})
    made = (await IntegrationServiceStub(api.channel).CreateIntegration(request)).integration
    nodes = [
        {"id": "t", "name": "T", "type": "TRIGGER_NODE", "subtype": "MANUAL"},
        calling("Echoed", f"{service.url}/echo/200", made.id),
    ]
    data = {"name": "w", "nodes": nodes, "connections": arrows([("T", "Echoed")])}
    workflow = json_format.ParseDict(data, workflow_pb2.Workflow())
    for user, expected in (("ada", ""), ("eve", "CREDENTIAL_NOT_FOUND"), ("", "CREDENTIAL_NOT_FOUND")):
        test = ex.TestNodeRequest(workflow=workflow, node="Echoed", user_id=user)
        node_run = (await api.stub.TestNode(test)).node_run
        assert node_run.error.code == expected
        assert SECRET not in str(node_run)
        assert ("[redacted]" in str(node_run)) == (not expected)


@pytest.mark.parametrize(("user", "code"), [("ada", ""), ("eve", "CREDENTIAL_NOT_FOUND"), ("", "CREDENTIAL_NOT_FOUND")])
async def test_a_workflow_uses_its_owners_credentials(api: Api, service: Service, user: str, code: str) -> None:
    request = pb.CreateIntegrationRequest(user_id="ada", name="c", type="http_bearer", hosts=["127.0.0.1"])
    request.fields.update({"token": SECRET})
    made = (await IntegrationServiceStub(api.channel).CreateIntegration(request)).integration
    nodes = [
        {"id": "t", "name": "T", "type": "TRIGGER_NODE", "subtype": "MANUAL"},
        calling("Called", f"{service.url}/echo/200", made.id),
    ]
    connections = arrows([("T", "Called")])
    workflow_id = await api.create({"name": "w", "user_id": user, "nodes": nodes, "connections": connections})
    # Whoever starts the run: the workflow's owner counts.
    started = await api.stub.ExecuteWorkflow(ex.ExecuteWorkflowRequest(workflow_id=workflow_id, user_id="ada"))
    history, _ = await answers(api, started.execution_id)
    assert history.execution.error.code == code


async def test_a_credential_goes_to_its_hosts_only(api: Api, service: Service) -> None:
    request = pb.CreateIntegrationRequest(name="c", type="http_bearer", hosts=["api.example.com"])
    request.fields.update({"token": SECRET})
    made = (await IntegrationServiceStub(api.channel).CreateIntegration(request)).integration
    nodes = [
        {"id": "t", "name": "T", "type": "TRIGGER_NODE", "subtype": "MANUAL"},
        calling("Stolen", f"{service.url}/echo/200", made.id),
    ]
    workflow_id = await api.create({"name": "w", "nodes": nodes, "connections": arrows([("T", "Stolen")])})
    before = len(service.seen)
    started = await api.stub.ExecuteWorkflow(ex.ExecuteWorkflowRequest(workflow_id=workflow_id))
    history, _ = await answers(api, started.execution_id)
    assert history.execution.error.code == "CREDENTIAL_HOST"
    assert len(service.seen) == before


@pytest.mark.parametrize(
    ("credentials", "code", "severity"),
    [
        ({}, "MISSING_CREDENTIAL", "WARNING"),
        ({"auth": "x", "outh": "y"}, "UNKNOWN_CREDENTIAL_SLOT", "ERROR"),
        ({"auth": "x"}, None, None),
    ],
)
async def test_slots_are_checked(api: Api, credentials: dict[str, str], code: str | None, severity: str | None) -> None:
    from google.protobuf import json_format
    from workflow_engine.v1 import workflow_pb2

    mail = {"operation": "send", "to": ["a@b.example"], "subject": "s", "text": "t"}
    node = {"id": "m", "name": "M", "type": "EXTERNAL_ACTION_NODE", "subtype": "EMAIL", "parameters": mail}
    nodes = [{"id": "t", "name": "T", "type": "TRIGGER_NODE", "subtype": "MANUAL"}, node | {"credentials": credentials}]
    data = {"name": "w", "nodes": nodes, "connections": arrows([("T", "M")])}
    request = workflow_service_pb2.ValidateWorkflowRequest(
        workflow=json_format.ParseDict(data, workflow_pb2.Workflow())
    )
    answer = await api.stub.ValidateWorkflow(request)
    found = [(p.code, workflow_pb2.Severity.Name(p.severity)) for p in answer.problems if "CREDENTIAL" in p.code]
    assert found == ([(code, severity)] if code else [])
    assert answer.valid == (severity != "ERROR")
