"""Both SDKs against the server: texts, calls, pictures, structured output, what they cost, and what they carry."""

import base64
import json
from typing import Any

import pytest
from anthropic.types import ContentBlockParam, MessageParam
from anthropic.types.message_create_params import MessageCreateParamsStreaming
from openai.types.chat import ChatCompletionContentPartParam, ChatCompletionMessageParam
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from pydantic import TypeAdapter

from nodes.models.chat import Answer, ChatModel, ChatRequest, Message, Picture, ToolCall, ToolSpec
from nodes.models.providers import open_model
from tests.model_server.conversation import Call, Reply
from tests.model_server.running import ModelServer
from tests.nodes.models.conftest import KEY, Open, key_of

WEATHER = ToolSpec("weather", "The weather.", {"type": "object", "properties": {"city": {"type": "string"}}})
TASK = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "hours": {"type": "number"}},
    "required": ["title", "hours"],
    "additionalProperties": False,
}

OPENAI: tuple[TypeAdapter[Any], ...] = (
    TypeAdapter(CompletionCreateParamsStreaming),
    TypeAdapter(ChatCompletionMessageParam),
    TypeAdapter(ChatCompletionContentPartParam),
)
ANTHROPIC: tuple[TypeAdapter[Any], ...] = (
    TypeAdapter(MessageCreateParamsStreaming),
    TypeAdapter(MessageParam),
    TypeAdapter(ContentBlockParam),
)


async def ask(model: ChatModel, *messages: Message | str, pieces: list[str] | None = None, **given: Any) -> Answer:
    said = [Message("user", message) if isinstance(message, str) else message for message in messages]
    return await model.answer(ChatRequest(said, **given), ([] if pieces is None else pieces).append)


def check_requests(server: ModelServer) -> None:
    """What was sent is of the SDKs' own types, down to the last block."""
    for kept in server.kept:
        body = kept.ask.body
        whole, message, block = OPENAI if kept.ask.provider == "openai" else ANTHROPIC
        whole.validate_python(body)
        for sent in body["messages"]:
            message.validate_python(sent)
            # Iterables within a type are checked only when they are read.
            for part in sent["content"] if isinstance(sent["content"], list) else ():
                block.validate_python(part)


async def test_a_text_comes_in_pieces_and_as_a_whole(model: Open, server: ModelServer, provider: str) -> None:
    pieces: list[str] = []
    answer = await ask(model(), Message("system", "Be brief."), "say Grüße an alle 👋", pieces=pieces)
    assert (answer.message, answer.stop) == (Message("assistant", "Grüße an alle 👋"), "end")
    assert pieces == ["Grüße ", "an ", "alle ", "👋"]
    assert (answer.usage.provider, answer.usage.model, answer.usage.cost_usd) == (provider, "test-model", 0.0)
    assert (answer.usage.input_tokens, answer.usage.output_tokens, answer.usage.cached_tokens) == (7, 4, 0)
    (kept,) = server.kept
    assert [turn.role for turn in kept.ask.turns] == ["system", "user"]
    assert kept.ask.stream
    check_requests(server)


async def test_pieces_arrive_before_the_answer_is_complete(model: Open) -> None:
    at: list[int] = []

    def noted(piece: str) -> None:
        at.append(len(piece))
        if len(at) == 2:
            raise KeyError("seen enough")

    with pytest.raises(KeyError):
        await model().answer(ChatRequest([Message("user", "pace 0.01\nsay one two three four")]), noted)
    assert at == [4, 4]


async def test_tools_are_called_in_parallel_and_answered(model: Open, server: ModelServer) -> None:
    asked = Message("user", 'call weather {"city": "Köln"}\nand call weather {"city": "Rom"}\nsay {result}')
    first = await ask(model(), asked, tools=[WEATHER])
    assert (first.stop, [call.name for call in first.message.calls]) == ("tools", ["weather", "weather"])
    assert [json.loads(call.arguments)["city"] for call in first.message.calls] == ["Köln", "Rom"]
    assert len({call.id for call in first.message.calls}) == 2
    results = [Message("tool", f"{n} °C", call_id=call.id) for n, call in enumerate(first.message.calls)]
    second = await ask(model(), asked, first.message, *results, tools=[WEATHER])
    assert (second.stop, second.message.text) == ("end", "1 °C")
    assert [kept.ask.turn for kept in server.kept] == [0, 1]
    assert [turn.text for turn in server.kept[1].ask.turns if turn.role == "tool"] == ["0 °C", "1 °C"]
    assert server.kept[0].ask.tools == ("weather",)
    check_requests(server)


async def test_arguments_are_passed_on_as_they_were_written(model: Open, server: ModelServer) -> None:
    server.model.answering = lambda asked: (
        Reply("Done.") if asked.turn else Reply("I'll look.", [Call("weather", '{"city')])
    )
    first = await ask(model(), "hello", tools=[WEATHER])
    (call,) = first.message.calls
    assert (first.message.text, call.arguments) == ("I'll look.", '{"city')
    second = await ask(
        model(), "hello", first.message, Message("tool", "no JSON", call_id=call.id), "again", tools=[WEATHER]
    )
    assert second.message.text == "Done."
    check_requests(server)


async def test_calls_without_arguments(model: Open, server: ModelServer) -> None:
    server.model.answering = lambda _: Reply(calls=[Call("now", "")])
    answer = await ask(model(), "hello", tools=[ToolSpec("now", "The time.", {"type": "object"})])
    assert [call.arguments for call in answer.message.calls] == ["{}"]


async def test_pictures(model: Open, server: ModelServer) -> None:
    seen = Message("user", "What is it?", pictures=(Picture("image/png", b"\x89PNG"), Picture("image/jpeg", b"\xff")))
    await ask(model(), seen, Message("assistant", "A cat."), Message("user", pictures=seen.pictures[:1]))
    assert [turn.pictures for turn in server.kept[0].ask.turns] == [2, 0, 1]
    assert base64.b64encode(b"\x89PNG").decode() in json.dumps(server.kept[0].ask.body)
    check_requests(server)


async def test_an_answer_of_a_schema(model: Open, server: ModelServer) -> None:
    pieces: list[str] = []
    answer = await ask(model(), "Plan it.", schema=TASK, pieces=pieces)
    assert json.loads(answer.message.text) == {"title": "text", "hours": 1.5}
    assert "".join(pieces) == answer.message.text
    assert server.kept[0].ask.schema == TASK
    check_requests(server)


async def test_a_schema_and_tools(model: Open, server: ModelServer) -> None:
    asked = 'call weather {}\nsay {"title": "{result}", "hours": 2}'
    first = await ask(model(), asked, tools=[WEATHER], schema=TASK)
    assert first.stop == "tools"
    result = Message("tool", "sun", call_id=first.message.calls[0].id)
    second = await ask(model(), asked, first.message, result, tools=[WEATHER], schema=TASK)
    assert json.loads(second.message.text) == {"title": "sun", "hours": 2}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": {"type": "string"}},
        {"$ref": "#/$defs/Names", "$defs": {"Names": {"type": "array", "items": {"type": "string"}}}},
    ],
)
async def test_a_schema_of_no_object_is_put_into_one(model: Open, server: ModelServer, schema: dict[str, Any]) -> None:
    pieces: list[str] = []
    answer = await ask(model(), "Names?", schema=schema, pieces=pieces)
    assert json.loads(answer.message.text) == ["text"]
    assert pieces == [answer.message.text]
    assert server.kept[0].ask.schema is not None


async def test_constraints_that_a_provider_has_no_words_for(model: Open, server: ModelServer, provider: str) -> None:
    schema = {"type": "object", "properties": {"n": {"type": ["integer", "null"], "minimum": 3}}, "required": ["n"]}
    answer = await ask(model(), "How many?", schema=schema)
    sent = server.kept[0].ask.schema
    assert sent is not None
    if provider == "openai":
        assert (sent, server.kept[0].ask.body["response_format"]["json_schema"]["strict"]) == (schema, False)
    else:
        assert sent["properties"]["n"]["anyOf"][0] == {"type": "integer", "description": "{minimum: 3}"}
    assert set(json.loads(answer.message.text)) == {"n"}


async def test_an_open_schema(model: Open, server: ModelServer, provider: str) -> None:
    schema = {"type": "object", "additionalProperties": {"type": "integer"}}
    server.model.answering = lambda _: Reply('```json\n{"a": 1}\n```')
    answer = await ask(model(), "Count.", schema=schema)
    assert answer.message.text == '{"a": 1}'
    if provider == "anthropic":
        assert server.kept[0].ask.schema is None
        assert '"additionalProperties"' in server.kept[0].ask.turns[0].text
    else:
        assert server.kept[0].ask.schema == schema


@pytest.mark.parametrize(
    ("script", "stop", "text"),
    [
        ("cut Once upon a", "length", "Once upon a"),
        ("refuse I won't.", "refusal", "I won't."),
        ("fail 400 blocked by content filtering policy", "refusal", "blocked by content filtering policy"),
    ],
)
async def test_why_it_ends(model: Open, script: str, stop: str, text: str) -> None:
    answer = await ask(model(), script)
    assert (answer.stop, answer.message.text) == (stop, text)


async def test_what_it_costs(model: Open, server: ModelServer, provider: str) -> None:
    name = {"openai": "gpt-5-2025-08-07", "anthropic": "claude-sonnet-5"}[provider]
    server.model.answering = lambda _: Reply("word " * 1000, cached_tokens=400)
    usage = (await ask(model(name), "word " * 1000)).usage
    assert (usage.input_tokens, usage.output_tokens, usage.cached_tokens) == (1000, 1000, 400)
    expected = {"openai": 600 * 1.25 + 400 * 0.125 + 1000 * 10, "anthropic": 600 * 2 + 400 * 0.2 + 1000 * 10}[provider]
    assert usage.cost_usd == pytest.approx(expected / 1_000_000)


@pytest.mark.parametrize(
    ("given", "provider", "expected"),
    [
        ({}, "openai", {}),
        ({"temperature": 0.0, "max_tokens": 7}, "openai", {"temperature": 0.0, "max_tokens": 7}),
        ({}, "anthropic", {"max_tokens": 4096}),
        ({"temperature": 0.5, "max_tokens": 7}, "anthropic", {"temperature": 0.5, "max_tokens": 7}),
    ],
    indirect=["provider"],
)
async def test_settings(model: Open, server: ModelServer, given: dict[str, Any], expected: dict[str, Any]) -> None:
    await ask(model(), "hello", **given)
    sent = server.kept[0].ask.body
    assert {key: sent[key] for key in ("temperature", "max_tokens") if key in sent} == expected


async def test_nothing_of_the_process_is_sent(
    model: Open, server: ModelServer, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, "the-operators")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "the-operators")
    for name in ("OPENAI_CUSTOM_HEADERS", "ANTHROPIC_CUSTOM_HEADERS"):
        monkeypatch.setenv(name, "X-Secret: the-operators\nAuthorization: Bearer the-operators")
    for name in ("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/")
    await ask(model(), "hello")
    await ask(model(credential=None), "hello")
    own, without = (kept.ask.headers for kept in server.kept)
    name, value = ("authorization", f"Bearer {KEY}") if provider == "openai" else ("x-api-key", KEY)
    assert own[name] == value
    assert not {"authorization", "x-api-key"} & set(without)
    for headers in (own, without):
        assert "the-operators" not in json.dumps(dict(headers))
        assert not [name for name in headers if name.startswith("x-stainless")]
        assert headers["user-agent"] == "orchestrator"


async def test_an_organization_and_a_url_of_the_credential(server: ModelServer, egress: Any) -> None:
    credential = key_of("openai", base_url=f"{server.openai_url}/", organization="org-1")
    opened = open_model(egress, provider="openai", model="m", credential=credential, base_url="", timeout=20)
    assert (await ask(opened, "say yes")).message.text == "yes"
    assert server.kept[0].ask.headers["openai-organization"] == "org-1"


@pytest.mark.parametrize("provider", ["anthropic"], indirect=True)
async def test_reasoning_comes_back_with_its_calls(model: Open, server: ModelServer) -> None:
    asked = Message("user", "think I need the weather.\ncall weather {}\nsay fine")
    first = await ask(model(), asked, tools=[WEATHER])
    assert [json.loads(block)["type"] for block in first.message.native] == ["thinking", "tool_use"]
    result = Message("tool", "sun", call_id=first.message.calls[0].id)
    second = await ask(model(), asked, first.message, result, tools=[WEATHER])
    assert (second.message.text, second.message.native) == ("fine", ())
    thought = {"type": "thinking", "thinking": "I need the weather.", "signature": "c2lnbmVk"}
    assert server.kept[1].ask.body["messages"][1]["content"][0] == thought
    check_requests(server)


@pytest.mark.parametrize("provider", ["openai"], indirect=True)
async def test_a_server_that_counts_nothing(model: Open, server: ModelServer) -> None:
    server.model.answering = lambda _: Reply("x" * 400, counts=False)
    usage = (await ask(model(), "y" * 800)).usage
    assert (usage.input_tokens, usage.output_tokens) == (204, 100)


def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    return b"data: " + json.dumps({"choices": [{"delta": delta, "finish_reason": finish}]}).encode() + b"\n\n"


def piece(arguments: str, **fields: Any) -> dict[str, Any]:
    return {"tool_calls": [{"function": {"arguments": arguments, "name": fields.pop("name", None)}, **fields}]}


@pytest.mark.parametrize("provider", ["openai"], indirect=True)
@pytest.mark.parametrize(
    ("deltas", "calls"),
    [
        # Whole calls, each with the index 0.
        (
            [piece("{}", index=0, id="a", name="x"), piece("{}", index=0, id="b", name="y")],
            [("a", "x", "{}"), ("b", "y", "{}")],
        ),
        # No index at all.
        (
            [piece("{", id="a", name="x"), piece("}", id="a"), piece("{}", id="b", name="y")],
            [("a", "x", "{}"), ("b", "y", "{}")],
        ),
        # No ids.
        (
            [piece("{}", index=0, name="x"), piece("[]", index=1, name="y")],
            [("call_1_0", "x", "{}"), ("call_1_1", "y", "[]")],
        ),
    ],
)
async def test_calls_as_compatible_servers_write_them(
    model: Open, server: ModelServer, deltas: list[dict[str, Any]], calls: list[tuple[str, str, str]]
) -> None:
    raw = b"".join(map(chunk, deltas)) + chunk({}, "stop") + b"data: [DONE]\n\n"
    server.model.answering = lambda _: Reply(raw=raw, headers={"content-type": "text/event-stream"})
    answer = await ask(model(), "hello")
    assert answer.message.calls == tuple(ToolCall(*call) for call in calls)
    assert answer.stop == "tools"
