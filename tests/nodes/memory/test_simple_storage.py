"""Values by key: exact, atomic, gone when they have expired."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from nodes.errors import PermanentError
from tests.nodes.memory.conftest import Remember

VALUES = [
    None,
    False,
    0,
    "",
    "a \x00 b, \U0001f600",
    12345678901234567890123,
    Decimal("0.1234567890123456789012"),
    {"z": 1, "a": [{"deep": None}], "": 2},
    [],
    "x" * 500_000,
]


@pytest.fixture
def store(remember: Remember) -> Remember:
    """A call by operation and key: `store("get", "k")`."""

    async def call(operation: str, key: str | None = None, **more: Any) -> dict[str, Any]:
        named = {} if key is None else {"key": key}
        return await remember("SIMPLE_STORAGE", operation=operation, **named, **more)

    return call


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20])
async def test_a_value_comes_back_as_it_was(store: Remember, value: Any) -> None:
    assert (await store("set", "k", value=value))["stored"] is True
    found = await store("get", "k")
    assert (found["found"], found["value"]) == (True, value)
    if isinstance(value, dict):
        assert list(found["value"]) == list(value)


async def test_what_is_absent(store: Remember) -> None:
    assert await store("get", "none") == {"key": "none", "found": False, "value": None}
    assert (await store("get", "none", default=[1]))["value"] == [1]
    assert await store("delete", "none") == {"key": "none", "deleted": False}


async def test_a_deleted_value_is_gone(store: Remember) -> None:
    await store("set", "k", value=1)
    assert (await store("delete", "k"))["deleted"] is True
    assert (await store("get", "k"))["found"] is False


async def test_workspaces_and_namespaces_never_meet(remember: Remember, store: Remember) -> None:
    await store("set", "k", value="ours")
    await store("set", "k", value="other", namespace="n2")
    await remember("SIMPLE_STORAGE", operation="set", key="k", value="theirs", of="elsewhere")
    assert (await store("get", "k"))["value"] == "ours"
    assert (await store("get", "k", namespace="n2"))["value"] == "other"
    assert (await store("get", "k", namespace="n3"))["found"] is False
    assert [entry["value"] for entry in (await store("list"))["entries"]] == ["ours"]


async def test_an_expired_value_is_absent_at_once_and_everywhere(store: Remember) -> None:
    await store("set", "k", value=7, ttl="0.05s")
    assert (await store("get", "k"))["expires_at"] is not None
    await asyncio.sleep(0.06)
    assert (await store("get", "k"))["found"] is False
    assert (await store("list"))["entries"] == []
    assert (await store("delete", "k"))["deleted"] is False
    await store("set", "n", value=7, ttl="0.05s")
    await asyncio.sleep(0.06)
    assert (await store("increment", "n"))["value"] == 1
    assert (await store("get", "n"))["expires_at"] is None


async def test_setting_anew_without_a_ttl_makes_it_last(store: Remember) -> None:
    await store("set", "k", value=1, ttl=60)
    await store("set", "k", value=2)
    assert (await store("get", "k"))["expires_at"] is None


async def test_a_number_keeps_the_ttl_that_it_began_with(store: Remember) -> None:
    await store("increment", "k", ttl=60)
    first = await store("get", "k")
    await store("increment", "k", ttl=600)
    assert (await store("get", "k"))["expires_at"] == first["expires_at"] is not None


async def test_conditions(store: Remember) -> None:
    first = await store("set", "k", value=1, if_absent=True)
    again = await store("set", "k", value=2, if_absent=True)
    assert (first["stored"], again["stored"], again["version"]) == (True, False, first["version"])
    second = await store("set", "k", value=3, if_version=first["version"])
    stale = await store("set", "k", value=4, if_version=first["version"])
    assert (second["stored"], stale["stored"], stale["version"]) == (True, False, second["version"])
    assert (await store("get", "k"))["value"] == 3
    assert await store("set", "none", value=1, if_version="x") == {"key": "none", "stored": False, "version": None}
    await store("set", "brief", value=1, ttl="0.05s")
    await asyncio.sleep(0.06)
    assert (await store("set", "brief", value=2, if_absent=True))["stored"] is True


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([1, 1], 2),
        ([0.1, 0.2], 0.3),
        ([5, -7], -2),
        ([2**70, 1], 2**70 + 1),
        ([Decimal("0.12345678901234567890"), 1], Decimal("1.12345678901234567890")),
        ([1e300, 1], 10**300 + 1),
    ],
)
async def test_sums_are_exact(store: Remember, steps: list[Any], expected: Any) -> None:
    for by in steps:
        told = await store("increment", "k", by=by)
    assert told["value"] == expected
    assert (await store("get", "k"))["value"] == expected


async def test_many_increments_at_once_all_count(store: Remember) -> None:
    told = await asyncio.gather(*(store("increment", "k", attempt=f"call-{n}") for n in range(40)))
    assert sorted(one["value"] for one in told) == list(range(1, 41))
    assert (await store("get", "k"))["value"] == 40


async def test_a_retried_increment_counts_once(store: Remember) -> None:
    told = [await store("increment", "k", by=5, attempt="call-1") for _ in range(3)]
    assert [one["value"] for one in told] == [5, 5, 5]
    at_once = await asyncio.gather(*(store("increment", "k", by=5, attempt="call-2") for _ in range(10)))
    assert {one["value"] for one in at_once} == {10}
    assert (await store("get", "k"))["value"] == 10


async def test_a_retried_set_doesnt_overwrite_what_came_after(store: Remember) -> None:
    first = await store("set", "k", value="old", attempt="call-1")
    await store("set", "k", value="new", attempt="call-2")
    assert await store("set", "k", value="old", attempt="call-1") == first
    assert (await store("get", "k"))["value"] == "new"


async def test_a_failed_write_can_be_retried(store: Remember) -> None:
    await store("set", "k", value="text")
    with pytest.raises(PermanentError, match='the key "k" is the text "text"; only a number') as caught:
        await store("increment", "k", attempt="call-1")
    assert caught.value.code == "NOT_A_NUMBER"
    await store("set", "k", value=1)
    assert (await store("increment", "k", attempt="call-1"))["value"] == 2


async def test_lists_go_page_by_page_in_order(store: Remember) -> None:
    for key in ("b%", "a", "b_2", "b_10", "Z", "é"):
        await store("set", key, value=key.upper())
    everything = await store("list")
    assert [entry["key"] for entry in everything["entries"]] == ["Z", "a", "b%", "b_10", "b_2", "é"]
    assert everything["next"] is None
    page = await store("list", prefix="b_", limit=1)
    assert ([entry["key"] for entry in page["entries"]], page["next"]) == (["b_10"], "b_10")
    page = await store("list", prefix="b_", limit=1, after="b_10", include_values=False)
    assert (page["entries"], page["next"]) == ([{"key": "b_2"}], None)


async def test_a_list_of_large_values_is_cut(store: Remember) -> None:
    for n in range(20):
        await store("set", f"k{n:02}", value="x" * 1_000_000)
    page = await store("list")
    assert 10 < len(page["entries"]) < 20
    rest = await store("list", after=page["next"])
    assert len(page["entries"]) + len(rest["entries"]) == 20


HOSTILE = ["'; DROP TABLE memory_values; --", "%", "\\", '"', "$1", ":key", "{{", "a\nb", " "]


@pytest.mark.parametrize("text", HOSTILE)
async def test_texts_are_never_sql(store: Remember, text: str) -> None:
    await store("set", text, value=text, namespace=text)
    assert (await store("list", namespace=text, prefix=text))["entries"][0]["value"] == text
    assert (await store("increment", text + "n", namespace=text))["value"] == 1
    assert (await store("delete", text, namespace=text))["deleted"] is True


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"operation": "get"}, '"key" is missing'),
        ({"operation": "get", "key": ""}, '"key" is the text ""; expected at least 1 characters'),
        ({"operation": "get", "key": "é" * 257}, '"key" has 514 bytes in UTF-8; at most 512'),
        ({"operation": "get", "key": "a\x00"}, '"key" has the character U\\+0000'),
        ({"operation": "get", "key": "k", "namespace": "n" * 129}, '"namespace" has 129 bytes'),
        ({"operation": "get", "key": 5}, '"key" is the number 5; expected text'),
        ({"operation": "get", "key": "k", "vaule": 1}, '"vaule" is unknown'),
        ({"operation": "set", "key": "k"}, '"value" is missing'),
        ({"operation": "set", "key": "k", "value": "x" * 2**20}, '"value" has 1,048,578 bytes as JSON'),
        ({"operation": "set", "key": "k", "value": 1, "ttl": 0}, '"ttl" is the number 0; expected more than 0'),
        ({"operation": "set", "key": "k", "value": 1, "ttl": "soon"}, '"ttl" can\'t be read'),
        ({"operation": "set", "key": "k", "value": 1, "if_absent": True, "if_version": "v"}, "contradict"),
        ({"operation": "increment", "key": "k", "by": "2"}, '"by" is the text "2"; expected a number'),
        ({"operation": "increment", "key": "k", "by": True}, '"by" is true; expected a number'),
        ({"operation": "list", "limit": 5000}, '"limit" is the number 5000; expected at most 1000'),
        ({"operation": "sett", "key": "k"}, '"operation" is the text "sett"; expected one of "get", "set"'),
        ({"key": "k"}, '"operation" is missing'),
    ],
)
async def test_bad_parameters(remember: Remember, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(PermanentError, match=message):
        await remember("SIMPLE_STORAGE", **parameters)
