"""ListNodeTypes tells editors everything that they need to draw a node."""

import json
from typing import Any

import grpc
import pytest
from workflow_engine.v1 import node_type_pb2, workflow_pb2

from nodes.factory import get_node_executor_factory
from tests.services.conftest import Api


@pytest.fixture
async def described(api: Api) -> dict[str, Any]:
    answer = await api.stub.ListNodeTypes(node_type_pb2.ListNodeTypesRequest())
    return {f"{workflow_pb2.NodeType.Name(each.type)}.{each.subtype}": each for each in answer.node_types}


async def test_the_whole_catalogue_is_listed(described: dict[str, Any]) -> None:
    assert list(described) == [f"{kind}.{subtype}" for kind, subtype in get_node_executor_factory().catalogue]
    for each in described.values():
        assert each.title
        assert each.description.endswith(".")
        schema = json.loads(each.parameters_schema_json)
        for part in [schema, *schema.get("$defs", {}).values()]:
            orders = [child["x-order"] for child in part.get("properties", {}).values()]
            assert orders == list(range(len(orders)))


async def test_hints_for_forms(described: dict[str, Any]) -> None:
    code = json.loads(described["ACTION_NODE.RUN_CODE"].parameters_schema_json)["properties"]
    assert code["code"]["x-widget"] == "code"
    assert code["language"]["x-expression"] is False
    assert code["language"]["x-enum-labels"] == {"python": "Python", "javascript": "JavaScript"}
    assert code["memory_mb"]["title"] == "Memory MB"
    http = described["ACTION_NODE.HTTP_REQUEST"]
    assert [(slot.name, slot.required) for slot in http.credentials] == [("auth", False)]
    assert "http_bearer" in http.credentials[0].types


async def test_ports_and_effects(described: dict[str, Any]) -> None:
    condition, trigger = described["FLOW_NODE.IF"], described["TRIGGER_NODE.MANUAL"]
    assert (condition.ports.inputs, list(condition.ports.outputs)) == (1, ["true", "false"])
    assert (condition.effect, condition.per_item) == (node_type_pb2.PURE, True)
    assert trigger.ports.inputs == 0
    assert described["FLOW_NODE.WAIT"].effect == node_type_pb2.CONTROL


async def test_one_type_can_be_asked_for(api: Api) -> None:
    answer = await api.stub.ListNodeTypes(node_type_pb2.ListNodeTypesRequest(type=workflow_pb2.TRIGGER_NODE))
    assert {each.type for each in answer.node_types} == {workflow_pb2.TRIGGER_NODE}
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await api.stub.ListNodeTypes(node_type_pb2.ListNodeTypesRequest(type=99))  # type: ignore[arg-type]
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
