"""What expressions see of an item's files: by the plain look-up, and in JavaScript."""

from typing import Any

import pytest

from nodes.expression.expressions import Expressions
from nodes.expression.scope import Scope
from tests.nodes.conftest import NOW

ITEMS: list[dict[str, Any]] = [
    {"json": {"n": 1}, "files": {"data": {"name": "a.txt", "size": 5}, "b c": {"name": "b"}}},
    {"json": {"n": 2}},
]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("{{ $files.data.name }}", ["a.txt", None]),
        ("{{ $files }}", [ITEMS[0]["files"], {}]),
        ("{{ $files?.data?.size > 4 }}", [True, False]),
        ("{{ Object.keys($files).length }}", [2, 0]),
        ("{{ $files['b c']?.name ?? 'none' }}", ["b", "none"]),
        ("{{ Object.keys($input.item.files ?? {}).map((name) => name.toUpperCase()) }}", [["DATA", "B C"], []]),
        ("{{ $('A').item.files?.data.name ?? 'none' }}", ["a.txt", "none"]),
    ],
)
async def test_files(expressions: Expressions, text: str, values: list[Any]) -> None:
    scope = Scope(items=ITEMS, now=NOW, nodes={"A": {"main": ITEMS}})
    found = [await expressions.resolve({"x": text}, scope, [index]) for index in range(2)]
    assert [tree["x"] if isinstance(tree, dict) else None for (tree,) in found] == values
