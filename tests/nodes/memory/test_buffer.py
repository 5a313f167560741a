"""Conversations: in order, the oldest dropped, each message once."""

import asyncio
from typing import Any

import pytest

from nodes.errors import PermanentError
from tests.nodes.memory.conftest import Remember


@pytest.fixture
def buffer(remember: Remember) -> Remember:
    """A call by operation on the session "s"."""

    async def call(operation: str, **more: Any) -> dict[str, Any]:
        return await remember("BUFFER", **{"operation": operation, "session_key": "s", **more})

    return call


def said(told: dict[str, Any]) -> list[Any]:
    return [message["content"] for message in told["messages"]]


async def test_what_was_appended_is_read_oldest_first(buffer: Remember) -> None:
    await buffer("append", content="hello")
    told = await buffer("append", role="assistant", content={"tool": [1]})
    assert told == {"session_key": "s", "appended": 1, "count": 2}
    read = await buffer("read")
    assert [(one["role"], one["content"]) for one in read["messages"]] == [
        ("user", "hello"),
        ("assistant", {"tool": [1]}),
    ]
    assert (read["count"], read["tokens"]) == (2, 2 + 3)


async def test_an_unknown_session_is_empty(buffer: Remember) -> None:
    assert await buffer("read") == {"session_key": "s", "messages": [], "count": 0, "tokens": 0}
    assert await buffer("clear") == {"session_key": "s", "cleared": 0}


async def test_several_messages_at_once(buffer: Remember) -> None:
    messages = [{"role": "system", "content": "be kind", "tokens": 9}, {"content": "hi"}]
    assert (await buffer("append", messages=messages))["count"] == 2
    read = await buffer("read")
    assert [one["role"] for one in read["messages"]] == ["system", "user"]
    assert read["tokens"] == 10


async def test_only_the_last_are_kept(buffer: Remember) -> None:
    for n in range(6):
        told = await buffer("append", content=n, max_messages=3)
    assert told["count"] == 3
    assert said(await buffer("read")) == [3, 4, 5]
    assert said(await buffer("read", max_messages=2)) == [4, 5]


async def test_new_messages_are_kept_whatever_the_limits_say(buffer: Remember) -> None:
    await buffer("append", content="old")
    messages = [{"content": "x" * 400}, {"content": "y" * 400}]
    told = await buffer("append", messages=messages, max_messages=1, max_tokens=10)
    assert told["count"] == 2
    assert said(await buffer("read")) == ["x" * 400, "y" * 400]


@pytest.mark.parametrize(("most", "expected"), [(1, []), (10, ["cc"]), (11, ["bbbb", "cc"]), (31, ["a", "bbbb", "cc"])])
async def test_tokens_limit_what_is_read(buffer: Remember, most: int, expected: list[str]) -> None:
    await buffer(
        "append", messages=[{"content": "a", "tokens": 20}, {"content": "bbbb"}, {"content": "cc", "tokens": 10}]
    )
    read = await buffer("read", max_tokens=most)
    assert said(read) == expected
    assert read["tokens"] <= most


async def test_tokens_limit_what_is_kept(buffer: Remember) -> None:
    for letter in "abcd":
        await buffer("append", content=letter, tokens=10, max_tokens=25)
    assert said(await buffer("read")) == ["c", "d"]


async def test_a_cleared_session_begins_anew(buffer: Remember) -> None:
    await buffer("append", content="old")
    assert (await buffer("clear"))["cleared"] == 1
    await buffer("append", content="new")
    assert said(await buffer("read")) == ["new"]


async def test_concurrent_appends_keep_one_order(buffer: Remember) -> None:
    """What a reader has seen is never preceded by something new."""
    views: list[list[Any]] = []

    async def watch() -> None:
        while len(views) < 25:
            views.append(said(await buffer("read")))

    appends = [buffer("append", messages=[{"content": [n, 0]}, {"content": [n, 1]}]) for n in range(30)]
    await asyncio.gather(watch(), *appends)
    final = said(await buffer("read"))
    assert len(final) == 60
    assert all(final[: len(view)] == view for view in views)
    assert all(final[i + 1] == [final[i][0], 1] for i in range(0, 60, 2))


async def test_a_retried_append_is_made_once(buffer: Remember) -> None:
    first = await buffer("append", content="a", attempt="call-1")
    await buffer("append", content="b", attempt="call-2")
    assert await buffer("append", content="a", attempt="call-1") == first
    await asyncio.gather(*(buffer("append", content="c", attempt="call-3") for _ in range(5)))
    assert said(await buffer("read")) == ["a", "b", "c"]


async def test_sessions_and_workspaces_never_meet(buffer: Remember) -> None:
    await buffer("append", content="ours")
    await buffer("append", content="theirs", of="elsewhere")
    await buffer("append", content="other", session_key="s2")
    assert said(await buffer("read")) == ["ours"]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"operation": "append"}, '"content" is missing; give a message'),
        ({"operation": "append", "content": "a", "messages": [{"content": "b"}]}, 'both "content" and "messages"'),
        ({"operation": "append", "messages": []}, '"messages" is a list of 0; expected at least 1'),
        ({"operation": "append", "messages": [{"role": "user"}]}, r'"messages\[0\].content" is missing'),
        ({"operation": "append", "content": "a", "role": ""}, '"role" is the text ""'),
        ({"operation": "append", "content": "a", "tokens": -1}, '"tokens" is the number -1'),
        ({"operation": "append", "content": "x" * 2**20}, '"content" has 1,048,578 bytes'),
        ({"operation": "read", "session_key": ""}, '"session_key" is the text ""'),
        ({"operation": "read", "max_messages": 0}, '"max_messages" is the number 0'),
        ({"operation": "forget"}, 'expected one of "append", "read", "clear"'),
    ],
)
async def test_bad_parameters(remember: Remember, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(PermanentError, match=message):
        await remember("BUFFER", **{"session_key": "s", **parameters})
