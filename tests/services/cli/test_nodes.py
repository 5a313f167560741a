"""`orchestrator nodes …` prints the catalogue without a server."""

from typing import Any

import pytest

from nodes.factory import get_node_executor_factory


@pytest.fixture
def alone(cli_at: Any) -> Any:
    return cli_at(None)


def test_all_are_listed(alone: Any) -> None:
    shown = alone.json("nodes", "list")["node_types"]
    names = [(each["type"], each["subtype"]) for each in shown]
    assert names == [(str(kind), subtype) for kind, subtype in get_node_executor_factory().catalogue]
    text = alone("nodes", "list", "--type", "flow_node").stdout
    assert "FLOW_NODE.IF" in text
    assert "TRIGGER_NODE" not in text


def test_every_node_can_be_shown(alone: Any) -> None:
    for kind, subtype in get_node_executor_factory().catalogue:
        done = alone("nodes", "show", f"{kind}.{subtype}")
        assert done.exit_code == 0, subtype
        assert f"{kind}.{subtype}" in done.stdout


def test_one_is_shown_with_its_parameters(alone: Any) -> None:
    text = alone("nodes", "show", "ACTION_NODE.HTTP_REQUEST").stdout
    for expected in ("effectful, for each item", "auth: http_bearer or", "(optional)", "url ", "GET, POST, PUT"):
        assert expected in text
    assert "Parameters of rename:" in alone("nodes", "show", "action_node.data_transformation").stdout
    shown = alone.json("nodes", "show", "ACTION_NODE.RUN_CODE")
    assert shown["parameters"]["properties"]["code"]["x-widget"] == "code"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "ACTION_NODE.HTTP_REQEST"), "did you mean ACTION_NODE.HTTP_REQUEST?"),
        (("show", "x"), "`orchestrator nodes list` shows all"),
        (("list", "--type", "NO_NODE"), "there are: TRIGGER_NODE"),
    ],
)
def test_unknown_ones_are_named(alone: Any, arguments: tuple[str, ...], said: str) -> None:
    done = alone("nodes", *arguments)
    assert done.exit_code == 2
    assert said in done.stdout
