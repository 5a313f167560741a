"""What goes wrong with a model, and whether another try may help."""

import asyncio
import logging
import time
from typing import Any

import pytest

from nodes.errors import NodeError, PermanentError, RetryableError
from nodes.http.egress import Egress
from nodes.models.chat import ChatRequest, Message
from nodes.models.providers import open_model
from tests.model_server.conversation import Reply
from tests.model_server.running import ModelServer
from tests.nodes.models.conftest import KEY, Open, key_of

HELLO = ChatRequest([Message("user", "hello there my friend")])


def seen_by(server: ModelServer) -> None:
    """Returns when a request has arrived."""
    while not server.kept:
        time.sleep(0.01)


async def failure(model: Any, request: ChatRequest = HELLO) -> NodeError:
    with pytest.raises(NodeError) as caught:
        await model.answer(request, lambda _: None)
    assert KEY not in f"{caught.value.message} {caught.value.hint}"
    return caught.value


@pytest.mark.parametrize(
    ("reply", "kind", "code", "says"),
    [
        (Reply(status=400, error="temperature is too high"), PermanentError, "HTTP_STATUS", "temperature is too high"),
        (Reply(status=401, error=f"bad key {KEY}"), PermanentError, "CREDENTIAL_REJECTED", '"mine" was refused'),
        (Reply(status=402, error="pay first"), PermanentError, "QUOTA_EXCEEDED", "pay first"),
        (Reply(status=403, error="not your model"), PermanentError, "CREDENTIAL_REJECTED", "not your model"),
        (Reply(status=404), PermanentError, "MODEL_NOT_FOUND", "test-model"),
        (Reply(status=408, error="slow"), RetryableError, "HTTP_STATUS", "slow"),
        (Reply(status=413, error="large"), PermanentError, "CONTEXT_TOO_LONG", "large"),
        (Reply(status=429, error="busy"), RetryableError, "HTTP_STATUS", "busy"),
        (Reply(status=500, error=f"oh {KEY}"), RetryableError, "HTTP_STATUS", "oh [redacted]"),
        (Reply(status=503, raw=b"<h1>down</h1>"), RetryableError, "HTTP_STATUS", "answered 503: <h1>down</h1>"),
        (Reply(status=529, error="overloaded"), RetryableError, "HTTP_STATUS", "overloaded"),
        (Reply(status=400, kind="context_length_exceeded", error="x"), PermanentError, "CONTEXT_TOO_LONG", "x"),
        (Reply(status=400, error="prompt is too long: 2 > 1"), PermanentError, "CONTEXT_TOO_LONG", "2 > 1"),
        (Reply(status=400, error="This model's maximum context length is 8"), PermanentError, "CONTEXT_TOO_LONG", "8"),
        (Reply(status=429, kind="insufficient_quota", error="x"), PermanentError, "QUOTA_EXCEEDED", "x"),
        (Reply(status=400, error="Your credit balance is too low"), PermanentError, "QUOTA_EXCEEDED", "too low"),
        (Reply(status=307, raw=b"", headers={"location": "http://127.0.0.1:1/"}), PermanentError, "HTTP_STATUS", "307"),
        (
            Reply(raw=b"<h1>hi</h1>", headers={"content-type": "text/html"}),
            PermanentError,
            "INVALID_RESPONSE",
            "text/html",
        ),
        (
            Reply(raw=b"", headers={"content-type": "text/event-stream"}),
            RetryableError,
            "INCOMPLETE_RESPONSE",
            "broke off",
        ),
        (
            Reply(raw=b"event: x\ndata: {oh\n\n", headers={"content-type": "text/event-stream"}),
            RetryableError,
            "INCOMPLETE_RESPONSE",
            "can't be read",
        ),
        (Reply("one two three", breaks_after=3), RetryableError, "CONNECTION_FAILED", ""),
        (Reply("one", breaks_after=2, error="busy", kind="overloaded_error"), RetryableError, "HTTP_STATUS", "busy"),
        (Reply("one", breaks_after=2, error="busy", kind="rate_limit_error"), RetryableError, "HTTP_STATUS", "429"),
        (Reply("one", breaks_after=2, error="no", kind="invalid_request_error"), PermanentError, "HTTP_STATUS", "400"),
        (Reply("one", breaks_after=2, error="hm", kind="what_is_this"), RetryableError, "HTTP_STATUS", "500: hm"),
        (Reply(status=413, kind="502", error="x"), PermanentError, "CONTEXT_TOO_LONG", "413"),
    ],
)
async def test_errors_are_sorted(
    model: Open, server: ModelServer, reply: Reply, kind: type[NodeError], code: str, says: str
) -> None:
    server.model.answering = lambda _: reply
    error = await failure(model())
    assert (type(error), error.code) == (kind, code)
    assert says in error.message
    assert 'the model "test-model" at 127.0.0.1' in error.message
    # The SDKs don't retry by themselves: that is the engine's.
    assert len(server.kept) == 1


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "3"}, 3.0),
        ({"retry-after": "999999"}, 3600.0),
    ],
)
async def test_how_long_to_wait(model: Open, server: ModelServer, headers: dict[str, str], wait: float | None) -> None:
    server.model.answering = lambda _: Reply(status=429, error="busy", headers=headers)
    assert (await failure(model())).retry_after == wait


async def test_a_key_that_the_server_refuses(model: Open, server: ModelServer) -> None:
    server.model.keys = ["another"]
    error = await failure(model())
    assert (error.code, isinstance(error, PermanentError)) == ("CREDENTIAL_REJECTED", True)
    error = await failure(model(credential=None))
    assert (error.code, isinstance(error, PermanentError)) == ("MISSING_CREDENTIAL", True)


async def test_a_model_that_is_unknown(model: Open) -> None:
    error = await failure(model("missing-model"))
    assert error.code == "MODEL_NOT_FOUND"
    assert '"missing-model"' in error.message


@pytest.mark.parametrize("script", ["wait 5\nsay late", "pace 1\nsay one two three"])
async def test_an_answer_that_takes_too_long(model: Open, script: str) -> None:
    error = await failure(model(timeout=0.3), ChatRequest([Message("user", script)]))
    assert (type(error), error.code) == (RetryableError, "TIMEOUT")
    assert "within 0.3 s" in error.message


async def test_cancelling_ends_the_request(model: Open, server: ModelServer) -> None:
    request = ChatRequest([Message("user", "wait 30\nsay late")])
    task = asyncio.create_task(model().answer(request, lambda _: None))
    async with asyncio.timeout(10):
        await asyncio.to_thread(seen_by, server)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_no_server(model: Open, provider: str) -> None:
    error = await failure(model(base_url="http://127.0.0.1:1/v1"))
    assert (type(error), error.code) == (RetryableError, "CONNECTION_FAILED")


async def test_the_egress_policy_holds(server: ModelServer, provider: str) -> None:
    egress = Egress()
    url = server.openai_url if provider == "openai" else server.anthropic_url
    opened = open_model(egress, provider=provider, model="m", credential=key_of(provider), base_url=url, timeout=20)
    error = await failure(opened)
    assert (type(error), error.code) == (PermanentError, "EGRESS_DENIED")
    assert not server.kept
    await egress.close()


@pytest.mark.parametrize("provider", ["anthropic"], indirect=True)
async def test_nothing_to_answer(model: Open) -> None:
    error = await failure(model(), ChatRequest([Message("system", "Be brief."), Message("user", " ")]))
    assert error.code == "EMPTY_PROMPT"


async def test_a_broken_stream_can_be_asked_again(model: Open, server: ModelServer) -> None:
    request = ChatRequest([Message("user", "fail 429 after 2\nbreak 4\nsay one two three")])
    heard: list[str] = []
    kinds = []
    for _ in range(2):
        with pytest.raises(RetryableError) as caught:
            await model().answer(request, heard.append)
        kinds.append((caught.value.code, caught.value.retry_after))
    answer = await model().answer(request, heard.append)
    assert kinds == [("HTTP_STATUS", 2.0), ("CONNECTION_FAILED", None)]
    assert answer.message.text == "one two three"
    assert "".join(heard[-3:]) == "one two three"
    assert [kept.status for kept in server.kept] == [429, 200, 200]


async def test_keys_are_not_logged(model: Open, server: ModelServer, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        await model().answer(ChatRequest([Message("user", "say hello")]), lambda _: None)
        server.model.answering = lambda _: Reply(status=401, error=f"bad key {KEY}")
        await failure(model())
    assert KEY not in caplog.text
