"""What the model server sends is of the official SDKs' types; its scripts, counts and refusals."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from anthropic.types import Message, RawMessageStreamEvent
from openai.types import CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import TypeAdapter

from tests.model_server.conversation import Ask, Call, Reply, Turn
from tests.model_server.running import ModelServer, serving, serving_process
from tests.model_server.script import sample, scripted

EVENT: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with serving() as running:
        yield running


def send(url: str, body: Any = None, method: str = "POST", **headers: str) -> tuple[int, str]:
    data = None if body is None else json.dumps(body).encode()
    sent = {"content-type": "application/json", "anthropic-version": "2023-06-01", **headers}
    request = urllib.request.Request(url, data, sent, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def chat(server: ModelServer, text: str, **body: Any) -> tuple[int, str]:
    given = {"model": "m", "messages": [{"role": "user", "content": text}], **body}
    return send(f"{server.openai_url}/chat/completions", given)


def message(server: ModelServer, text: str, **body: Any) -> tuple[int, str]:
    given = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": text}], **body}
    return send(f"{server.anthropic_url}/v1/messages", given)


REPLIES = [
    Reply("Hello there."),
    Reply("", [Call("a", '{"x": 1}'), Call("b", "{}")]),
    Reply("I look.", [Call("a", '{"x": "ü"}')]),
    Reply("no", stop="refusal"),
    Reply("long", stop="length", cached_tokens=1),
    Reply("so", thinking="hm"),
]


@pytest.mark.parametrize("reply", REPLIES)
def test_chat_completions(server: ModelServer, reply: Reply) -> None:
    server.model.answering = lambda _: reply
    completion = ChatCompletion.model_validate_json(chat(server, "hi")[1], strict=True)
    choice = completion.choices[0]
    assert [call.id for call in choice.message.tool_calls or []] == [f"call_0_{n}" for n in range(len(reply.calls))]
    _, body = chat(server, "hi", stream=True, stream_options={"include_usage": True})
    *events, done = body.removesuffix("\n\n").split("\n\n")
    assert done == "data: [DONE]"
    chunks = [ChatCompletionChunk.model_validate_json(event.removeprefix("data: ")) for event in events]
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert "".join(delta.content or "" for delta in deltas) == (choice.message.content or "")
    assert chunks[-2].choices[0].finish_reason == choice.finish_reason
    assert chunks[-1].usage == completion.usage
    assert len({chunk.id for chunk in chunks}) == 1


@pytest.mark.parametrize("reply", REPLIES)
def test_messages(server: ModelServer, reply: Reply) -> None:
    server.model.answering = lambda _: reply
    whole = Message.model_validate_json(message(server, "hi")[1], strict=True)
    _, body = message(server, "hi", stream=True)
    lines = [event.split("\n") for event in body.strip().split("\n\n")]
    events = [json.loads(data.removeprefix("data: ")) for _, data in lines]
    assert [name.removeprefix("event: ") for name, _ in lines] == [event["type"] for event in events]
    for event in events:
        # The SDK drops these by their name.
        if event["type"] != "ping":
            EVENT.validate_python(event)
    begun = [event["content_block"]["type"] for event in events if event["type"] == "content_block_start"]
    assert begun == [block.type for block in whole.content]
    ended = next(event for event in events if event["type"] == "message_delta")
    assert (ended["delta"]["stop_reason"], ended["usage"]["output_tokens"]) == (
        whole.stop_reason,
        whole.usage.output_tokens,
    )


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        ([], "isn't empty"),
        ([{"role": "robot", "content": "x"}], "no role 'robot'"),
        ([{"role": "tool", "tool_call_id": "a", "content": "x"}], "no call before it"),
        (
            [
                {
                    "role": "assistant",
                    "tool_calls": [{"id": "a", "type": "function", "function": {"name": "n", "arguments": ""}}],
                },
                {"role": "user", "content": "x"},
            ],
            "have no answer",
        ),
    ],
)
def test_conversations_that_openai_refuses(server: ModelServer, messages: list[Any], says: str) -> None:
    status, body = chat(server, "", messages=messages)
    assert (status, says in json.loads(body)["error"]["message"]) == (400, True)


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        ([{"role": "assistant", "content": "x"}], "first message"),
        ([{"role": "user", "content": ""}], "non-empty"),
        ([{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "x"}]}], "user role"),
    ],
)
def test_conversations_that_anthropic_refuses(server: ModelServer, messages: list[Any], says: str) -> None:
    status, body = message(server, "", messages=messages)
    assert (status, says in json.loads(body)["error"]["message"]) == (400, True)
    assert message(server, "x", max_tokens=None)[0] == 400


def test_keys_and_unknown_models(server: ModelServer) -> None:
    server.model.answering = scripted
    assert chat(server, "hi", model="missing")[0] == 404
    server.model.keys = ["good"]
    try:
        assert chat(server, "hi")[0] == 401
        body = {"model": "m", "input": "x"}
        assert send(f"{server.openai_url}/embeddings", body)[0] == 401
        assert send(f"{server.openai_url}/embeddings", body, authorization="Bearer good")[0] == 200
        assert send(f"{server.openai_url}/models", None, "GET", **{"x-api-key": "good"})[0] == 200
    finally:
        server.model.keys = ()


def test_embeddings(server: ModelServer) -> None:
    texts = ["the cat sleeps", "a cat sleeps", "interest rates"]
    given = {"model": "m", "input": texts, "dimensions": 32}
    status, body = send(f"{server.openai_url}/embeddings", given)
    found = CreateEmbeddingResponse.model_validate_json(body, strict=True)
    cat, other, rates = (entry.embedding for entry in found.data)
    assert (status, len(cat)) == (200, 32)
    near, far = (sum(a * b for a, b in zip(cat, vector, strict=True)) for vector in (other, rates))
    assert near > far
    assert json.loads(send(f"{server.openai_url}/embeddings", given)[1]) == json.loads(body)


def asked(*said: str, attempt: int = 0, schema: Any = None) -> Ask:
    roles: Any = {"u": "user", "a": "assistant", "t": "tool"}
    turns = tuple(Turn(roles[text[0]], text[2:]) for text in said)
    return Ask("openai", "m", turns, attempt=attempt, schema=schema)


@pytest.mark.parametrize(
    ("ask", "reply"),
    [
        (asked("u:What now?"), Reply("You said: What now?")),
        (asked("u:Do this:\nsay yes\\nno"), Reply("yes\nno")),
        (asked("u:call a {}\nand call b\nsay {result}"), Reply(calls=(Call("a", "{}"), Call("b", "{}")))),
        (asked("u:call a {}\nsay It's {result}", "a:", "t:sun"), Reply("It's sun")),
        (asked("u:call a {}", "a:", "t:sun"), Reply("sun")),
        (asked("u:say x", "a:x"), Reply("Done.")),
        (asked("u:say x", "a:x", "u:say y"), Reply("y")),
        (asked("u:fail 500 x2\nsay x"), Reply(status=500, error="as you wish")),
        (asked("u:fail 500 x2\nsay x", attempt=1), Reply(status=500, error="as you wish")),
        (asked("u:fail 500 x2\nsay x", attempt=2), Reply("x")),
        (asked("u:fail 429 after 3 busy\nsay x"), Reply(status=429, error="busy", headers={"retry-after": "3"})),
        (asked("u:break 2\nsay x"), Reply("x", breaks_after=2)),
        (asked("u:wait 0.5\npace 2\nthink hm\nsay x"), Reply("x", delay=0.5, pace=2.0, thinking="hm")),
        (asked("u:fail 400 no", attempt=1), Reply("Done.")),
        (asked("u:refuse no"), Reply("no", stop="refusal")),
        (asked("u:x", schema={"type": "object", "properties": {"n": {"type": "integer"}}}), Reply('{"n": 1}')),
    ],
)
def test_scripts(ask: Ask, reply: Reply) -> None:
    assert scripted(ask) == reply


@pytest.mark.parametrize(
    ("schema", "instance"),
    [
        ({"type": "array", "items": {"enum": ["b", "a"]}, "minItems": 2}, ["b", "b"]),
        ({"anyOf": [{"type": "null"}, {"type": "string"}]}, None),
        ({"$ref": "#/$defs/A", "$defs": {"A": {"const": 3}}}, 3),
        ({"properties": {"a": {"type": "boolean"}, "b": {}}, "required": ["a"]}, {"a": True}),
        ({"type": ["number", "null"]}, 1.5),
    ],
)
def test_instances_of_schemas(schema: Any, instance: Any) -> None:
    assert sample(schema) == instance


def test_a_process_keeps_what_it_was_asked() -> None:
    with serving_process() as running:
        script = 'fail 500\ncall a {"x": 1}\nsay {result}'
        for _ in range(2):
            body: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": script}]}
            send(f"{running.openai_url}/chat/completions", body)
        found = running.requests()
        assert (found["total"], found["by_conversation"]) == (2, {script: 2})
        assert [(kept["turn"], kept["attempt"], kept["status"]) for kept in found["requests"]] == [
            (0, 0, 500),
            (0, 1, 200),
        ]
        assert found["answered_more_than_once"] == []
        send(f"{running.openai_url}/chat/completions", body)
        twice = [{"conversation": script, "turn": 0, "times": 2}]
        assert running.requests()["answered_more_than_once"] == twice
        send(f"{running.url}/_requests", None, "DELETE")
        assert running.requests()["total"] == 0
