"""Runs single executors of the catalogue without an engine."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from nodes.base import NodeExecutionContext, Output, Returned
from nodes.factory import Catalogue, load
from nodes.resources import Resources
from orchestrator.errors import Problem
from orchestrator.model import Node, NodeType

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
Inputs = Sequence[Sequence[dict[str, Any]]]
Run = Callable[..., Awaitable[Any]]


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load()


@pytest.fixture(scope="session")
def make_node() -> Callable[..., Node]:
    def make(kind: str, parameters: dict[str, Any]) -> Node:
        family, _, subtype = kind.partition(".")
        return Node(name="N", type=NodeType(f"{family}_NODE"), subtype=subtype, parameters=parameters)

    return make


@pytest.fixture(scope="session")
def problems(catalogue: Catalogue, make_node: Callable[..., Node]) -> Callable[..., list[Problem]]:
    """What validation says of a node such as FLOW.IF with the given parameters."""

    def check(kind: str, **parameters: Any) -> list[Problem]:
        return catalogue.problems(make_node(kind, parameters))

    return check


@pytest.fixture(scope="session")
def execute(catalogue: Catalogue, make_node: Callable[..., Node]) -> Run:
    """One call of an executor with resolved parameters; returns what it returned."""

    async def call(
        kind: str,
        parameters: dict[str, Any],
        *inputs: Sequence[dict[str, Any]],
        resources: Any = None,
        logs: list[str] | None = None,
        credentials: dict[str, str] | None = None,
        **fields: Any,
    ) -> Returned:
        node = make_node(kind, parameters).model_copy(update={"credentials": credentials or {}})
        executor = catalogue.find(node)
        assert executor is not None
        items = [[item if "json" in item else {"json": item} for item in port] for port in inputs]
        context = NodeExecutionContext(
            node=node,
            parameters=executor.parse(parameters),
            inputs=cast(Any, items),
            resources=cast(Resources, resources),
            now=NOW,
            slots=executor.credentials,
            resolved=parameters,
            logs=[] if logs is None else logs,
            **fields,
        )
        return await executor.run(context)

    return call


@pytest.fixture(scope="session")
def emitted(catalogue: Catalogue, make_node: Callable[..., Node], execute: Run) -> Run:
    """The JSON that a node emits by port, called once or for each item as its executor says."""

    async def run(kind: str, parameters: dict[str, Any], *inputs: Sequence[dict[str, Any]]) -> dict[str, Any]:
        node = make_node(kind, parameters)
        executor = catalogue.find(node)
        assert executor is not None
        each = executor.runs_per_item(parameters)
        ports: dict[str, list[Any]] = {}
        for index in range(len(inputs[0]) if each else 1):
            returned = await execute(kind, parameters, *inputs, item_index=index)
            assert isinstance(returned, Output)
            for name, items in returned.ports.items():
                ports.setdefault(name, []).extend(item["json"] for item in items)
        return ports

    return run
