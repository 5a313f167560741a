"""Writes the catalogue as messages."""

from workflow_engine.v1 import node_type_pb2, workflow_pb2

from orchestrator import exact_json
from orchestrator.model import NodeType
from services.errors import invalid
from services.usecases.node_types import NodeTypeView


def read_type(number: int) -> NodeType | None:
    """The type that a list is asked for; None for all."""
    if number == workflow_pb2.NODE_TYPE_UNSPECIFIED:
        return None
    if number not in workflow_pb2.NodeType.values():
        raise invalid("BAD_TYPE", f"type is {number}, which is no type of a node", "type")
    return NodeType(workflow_pb2.NodeType.Name(number))


def node_type_message(view: NodeTypeView) -> node_type_pb2.NodeTypeDescription:
    """One subtype of the catalogue."""
    return node_type_pb2.NodeTypeDescription(
        type=view.type.value,
        subtype=view.subtype,
        title=view.title,
        description=view.description,
        parameters_schema_json="" if view.parameters is None else exact_json.dumps(view.parameters),
        ports=node_type_pb2.NodePorts(
            inputs=view.ports.inputs, outputs=view.ports.outputs, provider=view.ports.provider
        ),
        effect=view.ports.effect.name,
        per_item=view.per_item,
        credentials=[
            node_type_pb2.CredentialSlot(name=slot.name, types=slot.types, required=slot.required)
            for slot in view.credentials
        ],
    )
