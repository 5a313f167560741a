"""Hostile expressions, and controls that must work."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from nodes.expression.errors import ExpressionError
from nodes.expression.expressions import Expressions
from nodes.expression.scope import Scope

ROWS = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "corpus" / "expressions.jsonl").read_text("utf-8").splitlines()
]
CANARY = "canary-5f2b8d"
JSON = {
    "name": "Ann",
    "n": 3,
    "items": [1, 2, 3],
    "attacker": "{{ process.env.CORPUS_CANARY }}",
    "attackerKey": "constructor",
}
SCOPE = Scope(items=[{"json": JSON}], now=datetime(2026, 1, 1, tzinfo=UTC))


def marked() -> bool:
    return Path("/tmp/pwned-marker").exists()


def expression(row: dict[str, Any]) -> str:
    if "expr" in row:
        return str(row["expr"])
    made = row["expr_gen"]
    return str(made["prefix"] + made["unit"] * made["count"] + made["suffix"])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
async def test_row(expressions: Expressions, row: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORPUS_CANARY", CANARY)
    (found,) = await expressions.resolve({"text": expression(row)}, SCOPE, [0])
    if row["expect"] == "ok":
        assert found == {"text": row["value"]}
    elif row["expect"] == "literal":
        assert found == {"text": expression(row)}
    else:
        assert isinstance(found, ExpressionError)
        assert found.limit == (row["expect"] == "limit")
    assert CANARY not in repr(found)
    assert not marked()
    assert await expressions.resolve("{{ $json.n * 2 }}", SCOPE, [0]) == [6]


async def test_data_is_never_evaluated(expressions: Expressions) -> None:
    found = await expressions.resolve(["{{ $json.attacker }}", "a {{ $json.attacker + '' }}"], SCOPE, [0])
    assert found == [[JSON["attacker"], f"a {JSON['attacker']}"]]
