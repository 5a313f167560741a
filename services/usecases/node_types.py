"""The catalogue as clients see it: each subtype with its parameters' schema, ports and credentials."""

import inspect
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nodes.base import BaseNodeExecutor, NodeExecutor
from nodes.factory import Catalogue
from nodes.forms import label, schema_of
from orchestrator.model import NodeType
from orchestrator.plan import Ports


@dataclass(frozen=True)
class Slot:
    """A credential that a node takes."""

    name: str
    types: Sequence[str]
    required: bool


@dataclass(frozen=True)
class NodeTypeView:
    """One subtype; without `parameters` they are of any kind."""

    type: NodeType
    subtype: str
    title: str
    description: str
    parameters: Mapping[str, Any] | None
    ports: Ports
    per_item: bool
    credentials: Sequence[Slot]

    @property
    def name(self) -> str:
        """TYPE.SUBTYPE."""
        return f"{self.type}.{self.subtype}"


def node_types(catalogue: Catalogue, of: NodeType | None = None) -> list[NodeTypeView]:
    """Every subtype, or those of one type, in the catalogue's order."""
    return [
        _view(node_type, subtype, executor)
        for (node_type, subtype), executor in catalogue.items()
        if of is None or node_type is of
    ]


def nodes_taking(catalogue: Catalogue, credential_type: str) -> list[str]:
    """The nodes that take a credential type, as TYPE.SUBTYPE."""
    return [
        f"{node_type}.{subtype}"
        for (node_type, subtype), executor in catalogue.items()
        if any(kind.name == credential_type for slot in executor.credentials.values() for kind in slot.types)
    ]


def _view(node_type: NodeType, subtype: str, executor: BaseNodeExecutor) -> NodeTypeView:
    return NodeTypeView(
        type=node_type,
        subtype=subtype,
        title=label(subtype),
        description=_description(executor),
        parameters=schema_of(executor.model, executor.literal) if isinstance(executor, NodeExecutor) else None,
        ports=executor.ports({}),
        per_item=executor.runs_per_item({}),
        credentials=[
            Slot(name, [kind.name for kind in slot.types], slot.required) for name, slot in executor.credentials.items()
        ],
    )


def _description(executor: BaseNodeExecutor) -> str:
    """What the module says of a node of ours, and the class of a third party's."""
    kind = type(executor)
    module = sys.modules.get(kind.__module__) if isinstance(executor, NodeExecutor) else None
    text = (inspect.getdoc(module) if module else None) or kind.__doc__ or ""
    return " ".join(text.partition("\n\n")[0].split())
