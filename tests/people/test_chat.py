"""Slack, Discord and Telegram from end to end: the message, the signed callback, and the message's end."""

import asyncio
import json
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from workflow_engine.v1 import human_task_pb2 as tasks

from services.gateway import pressing
from tests.people.conftest import (
    DISCORD_KEY,
    SIGNING_SECRET,
    TELEGRAM_SECRET,
    Installation,
    Json,
    asking,
    discord_signed,
    slack_signed,
    telegram_sent,
)

FIELDS = [
    {"name": "amount", "type": "number", "required": True},
    {"name": "size", "type": "select", "options": ["S", "L"]},
    {"name": "rush", "type": "boolean"},
]


async def slack(installation: Installation) -> str:
    return await installation.credential("slack_app", {"token": "xoxb-1", "signing_secret": SIGNING_SECRET})


async def discord(installation: Installation) -> str:
    raw = DISCORD_KEY.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return await installation.credential("discord_bot", {"token": "bot-1", "public_key": raw.hex()})


async def telegram(installation: Installation) -> str:
    return await installation.credential("telegram_bot", {"token": "12:ab", "secret_token": TELEGRAM_SECRET})


def mine(calls: list[Json], task_id: str) -> list[Json]:
    return [call for call in calls if task_id in json.dumps(call)]


def press(value: str, chat: str, user: str = "U1") -> Json:
    return {
        "type": "block_actions",
        "user": {"id": user},
        "trigger_id": "T1",
        "response_url": f"{chat}/response",
        "actions": [{"value": value}],
    }


async def test_slack_from_message_to_message(installation: Installation) -> None:
    chat = installation.chat
    flow = asking("SLACK", await slack(installation), channel="C1", base_url=chat.url, assignees=["slack:U1"])
    run = await installation.start(flow, {"id": "<!channel> 7"})
    task = await installation.task(run)
    (message,) = mine(await chat.wait("chat.postMessage"), task.task_id)
    assert message["channel"] == "C1"
    assert "&lt;!channel&gt; 7" in json.dumps(message["blocks"]), "data mentions nobody"
    values = [button["value"] for button in message["blocks"][-1]["elements"]]
    assert values == [f"0:{task.task_id}", f"1:{task.task_id}"]
    refused = await installation.http.post("/hooks/slack", **slack_signed(press(values[0], chat.url, "U2")))
    assert refused.status_code == 200
    assert "isn't for you" in (await chat.wait("/response"))[-1]["text"]
    assert chat.of("/response")[-1]["response_type"] == "ephemeral"
    first = await installation.http.post("/hooks/slack", **slack_signed(press(values[0], chat.url)))
    assert (first.status_code, first.text) == (200, "")
    assert "Your answer: Approve" in chat.of("/response")[-1]["text"]
    again = await installation.http.post("/hooks/slack", **slack_signed(press(values[1], chat.url)))
    assert again.status_code == 200
    assert "answered already" in chat.of("/response")[-1]["text"]
    human = await installation.human(run)
    assert (human["decision"], human["answered_by"]) == ("approved", "slack:U1")
    update = (await chat.wait("chat.update"))[-1]
    assert "Answered by slack:U1: approved" in json.dumps(update["blocks"])
    assert not [block for block in update["blocks"] if block["type"] == "actions"]
    shown = await installation.show(task.task_id)
    assert [event.kind for event in shown.events] == ["asked", "delivered", "answered"]
    assert (shown.answered_via, shown.channel) == ("SLACK", "SLACK")
    assert "Bearer xoxb-1" in chat.authorizations


async def test_slack_form(installation: Installation) -> None:
    chat = installation.chat
    chat.emails["U7"] = "Ann@Example.org"
    flow = asking("SLACK", await slack(installation), base_url=chat.url, assignees=["ann@example.org"], fields=FIELDS)
    chat.emails["U7"] = "ann@example.org"
    run = await installation.start(flow, {"id": 1})
    task = await installation.task(run)
    (message,) = mine(await chat.wait("chat.postMessage"), task.task_id)
    assert message["channel"] == "U7", "a direct message to who has the address"
    value = message["blocks"][-1]["elements"][0]["value"]
    pressed = await installation.http.post("/hooks/slack", **slack_signed(press(value, chat.url, "U7")))
    assert pressed.status_code == 200
    view = (await chat.wait("views.open"))[-1]["view"]
    assert view["private_metadata"] == value
    kinds = [block["element"]["type"] for block in view["blocks"]]
    assert kinds == ["number_input", "static_select", "checkboxes", "plain_text_input"]

    def submitted(amount: str) -> Json:
        states: Json = {
            "f_0": {"value": {"type": "number_input", "value": amount}},
            "f_1": {"value": {"selected_option": {"value": "L"}}},
            "f_2": {"value": {"selected_options": [{"value": "true"}]}},
            "c_comment": {"value": {"value": "soon"}},
        }
        shown = {"private_metadata": value, "state": {"values": states}}
        return {"type": "view_submission", "user": {"id": "U7"}, "view": shown}

    bad = (await installation.http.post("/hooks/slack", **slack_signed(submitted("many")))).json()
    assert bad == {"response_action": "errors", "errors": {"f_0": "Amount must be a number"}}
    good = await installation.http.post("/hooks/slack", **slack_signed(submitted("90.5")))
    assert (good.status_code, good.text) == (200, "")
    human = await installation.human(run)
    assert human["fields"] == {"amount": 90.5, "size": "L", "rush": True}
    assert (human["answered_by"], human["comment"]) == ("ann@example.org", "soon")


@pytest.mark.parametrize(
    ("changes", "late"),
    [({"secret": "another-secret-altogether"}, 0), ({}, 600), ({}, -600)],
)
async def test_slack_unsigned_or_late(installation: Installation, changes: Json, late: float) -> None:
    await slack(installation)
    signed = slack_signed({"type": "x"}, at=time.time() - late, **changes)
    assert (await installation.http.post("/hooks/slack", **signed)).status_code == 401


async def test_one_credentials_signature_answers_no_others_task(installation: Installation) -> None:
    chat = installation.chat
    own = await slack(installation)
    other = "the-signing-secret-of-another-app"
    other_id = await installation.credential("slack_app", {"token": "xoxb-2", "signing_secret": other})
    run = await installation.start(asking("SLACK", own, channel="C1", base_url=chat.url), {"id": 1})
    task = await installation.task(run)
    forged = slack_signed(press(f"0:{task.task_id}", chat.url), secret=other)
    answer = await installation.http.post("/hooks/slack", **forged)
    assert answer.status_code == 200
    assert "isn't there" in chat.of("/response")[-1]["text"]
    assert (await installation.http.post(f"/hooks/slack/{own}", **forged)).status_code == 401
    assert (await installation.http.post(f"/hooks/slack/{other_id}", **forged)).status_code == 200
    assert (await installation.show(task.task_id)).status == tasks.TASK_OPEN
    await installation.stub.CancelExecution(cancel(run))


async def test_a_double_click_decides_once(installation: Installation) -> None:
    chat = installation.chat
    run = await installation.start(
        asking("SLACK", await slack(installation), channel="C1", base_url=chat.url), {"id": 1}
    )
    task = await installation.task(run)
    presses = [
        installation.http.post("/hooks/slack", **slack_signed(press(f"{i % 2}:{task.task_id}", chat.url, f"U{i}")))
        for i in range(6)
    ]
    inbox = installation.people.AnswerHumanTask(
        tasks.AnswerHumanTaskRequest(task_id=task.task_id, decision="rejected", user_id="web")
    )
    answers = await asyncio.gather(*presses, inbox, return_exceptions=True)
    assert all(getattr(answer, "status_code", 200) == 200 for answer in answers)
    result = await installation.end(run)
    (item,) = [item for items in result.values() for item in items]
    answered = [event for event in (await installation.show(task.task_id)).events if event.kind == "answered"]
    assert len(answered) == 1
    assert answered[0].by == item["human"]["answered_by"]


async def test_a_canceled_run_says_so_in_its_message(installation: Installation) -> None:
    chat = installation.chat
    run = await installation.start(
        asking("SLACK", await slack(installation), channel="C9", base_url=chat.url), {"id": 1}
    )
    task = await installation.task(run)
    before = len(chat.of("chat.update"))
    await installation.stub.CancelExecution(cancel(run))
    await installation.task(run, tasks.TASK_CANCELED)
    update = (await chat.wait("chat.update", before + 1))[-1]
    assert "No longer needed" in json.dumps(update)
    await installation.http.post("/hooks/slack", **slack_signed(press(f"0:{task.task_id}", chat.url)))
    assert "has ended" in chat.of("/response")[-1]["text"]


async def test_slack_that_is_down_is_tried_again(installation: Installation) -> None:
    chat = installation.chat
    flow = asking("SLACK", await slack(installation), channel="C1", base_url=chat.url)
    flow["nodes"][1]["retry"] = {"max_attempts": 3, "initial_interval": "100ms"}
    chat.fails["chat.postMessage"] = [503, 429]
    run = await installation.start(flow, {"id": 1})
    task = await installation.task(run)
    assert len(mine(chat.of("chat.postMessage"), task.task_id)) == 3
    await installation.people.AnswerHumanTask(
        tasks.AnswerHumanTaskRequest(task_id=task.task_id, decision="approve", user_id="ann")
    )
    assert (await installation.human(run))["decision"] == "approved"


async def test_discord_from_message_to_message(installation: Installation) -> None:
    chat = installation.chat
    flow = asking("DISCORD", await discord(installation), channel="55", base_url=chat.url, assignees=["discord:42"])
    run = await installation.start(flow, {"id": 3})
    task = await installation.task(run)
    (message,) = mine(await chat.wait("/channels/55/messages"), task.task_id)
    (row,) = message["components"]
    assert [button["label"] for button in row["components"]] == ["Approve", "Reject"]
    assert message["allowed_mentions"] == {"parse": [], "users": ["42"]}
    value = row["components"][1]["custom_id"]

    def pressed(user: str) -> Json:
        return {"id": "1", "type": 3, "data": {"custom_id": value}, "member": {"user": {"id": user}}}

    assert (await installation.http.post("/hooks/discord", **discord_signed({"type": 1}))).json() == {"type": 1}
    wrong = await installation.http.post("/hooks/discord", **discord_signed(pressed("41")))
    assert wrong.json()["data"]["flags"] == 64
    assert "isn't for you" in wrong.json()["data"]["content"]
    good = await installation.http.post("/hooks/discord", **discord_signed(pressed("42")))
    assert "Your answer: Reject" in good.json()["data"]["content"]
    replayed = await installation.http.post("/hooks/discord", **discord_signed(pressed("42")))
    assert "answered already" in replayed.json()["data"]["content"]
    assert (await installation.human(run, "Rejected"))["answered_by"] == "discord:42"
    _, path, update = next(call for call in reversed(chat.calls) if call[0] == "PATCH")
    assert "/channels/55/messages/" in path
    assert update["components"] == []
    assert "Bot bot-1" in chat.authorizations
    forged = Ed25519PrivateKey.from_private_bytes(b"x" * 32)
    bad = await installation.http.post("/hooks/discord", **discord_signed({"type": 1}, key=forged))
    assert bad.status_code == 401, "Discord itself tries this out"


async def test_discord_form(installation: Installation) -> None:
    chat = installation.chat
    flow = asking("DISCORD", await discord(installation), channel="56", base_url=chat.url, fields=FIELDS)
    run = await installation.start(flow, {"id": 3})
    task = await installation.task(run)
    pressed = {"type": 3, "data": {"custom_id": f"0:{task.task_id}"}, "user": {"id": "5"}}
    modal = (await installation.http.post("/hooks/discord", **discord_signed(pressed))).json()
    assert modal["type"] == 9
    assert [row["components"][0]["custom_id"] for row in modal["data"]["components"]] == [
        "f_0",
        "f_1",
        "f_2",
        "comment",
    ]

    def filled(amount: str) -> Json:
        texts = {"f_0": amount, "f_1": "S", "f_2": "no", "comment": "hm"}
        rows = [{"type": 1, "components": [{"custom_id": name, "value": text}]} for name, text in texts.items()]
        data = {"custom_id": modal["data"]["custom_id"], "components": rows}
        return {"type": 5, "data": data, "user": {"id": "5"}}

    bad = (await installation.http.post("/hooks/discord", **discord_signed(filled("x")))).json()
    assert "Amount must be a number" in bad["data"]["content"]
    await installation.http.post("/hooks/discord", **discord_signed(filled("7")))
    human = await installation.human(run)
    assert human["fields"] == {"amount": 7, "size": "S", "rush": False}


async def test_telegram_from_message_to_message(installation: Installation) -> None:
    chat = installation.chat
    flow = asking("TELEGRAM", await telegram(installation), chat_id=-100, base_url=chat.url, assignees=["telegram:11"])
    run = await installation.start(flow, {"id": 3})
    task = await installation.task(run)
    (message,) = mine(await chat.wait("/bot12:ab/sendMessage"), task.task_id)
    data = message["reply_markup"]["inline_keyboard"][0][0]["callback_data"]
    assert len(data.encode()) <= 64

    def update(user: int) -> Json:
        return {"update_id": 5, "callback_query": {"id": "7", "from": {"id": user}, "data": data}}

    wrong = (await installation.http.post("/hooks/telegram", **telegram_sent(update(12)))).json()
    assert wrong["method"] == "answerCallbackQuery"
    assert "isn't for you" in wrong["text"]
    good = (await installation.http.post("/hooks/telegram", **telegram_sent(update(11)))).json()
    assert (good["callback_query_id"], good["text"]) == ("7", "Thank you. Your answer: Approve.")
    again = (await installation.http.post("/hooks/telegram", **telegram_sent(update(11)))).json()
    assert "answered already" in again["text"]
    assert (await installation.human(run))["answered_by"] == "telegram:11"
    edit = (await chat.wait("/bot12:ab/editMessageText"))[-1]
    assert "Answered by telegram:11" in edit["text"]
    for secret in ("", "telegram-secret-token-of-the-test", TELEGRAM_SECRET + "x"):
        refused = await installation.http.post("/hooks/telegram", **telegram_sent(update(11), secret=secret))
        assert refused.status_code == 401


async def test_telegram_form_by_a_link_of_ones_own(installation: Installation) -> None:
    chat = installation.chat
    flow = asking("TELEGRAM", await telegram(installation), chat_id=-5, base_url=chat.url, fields=FIELDS)
    run = await installation.start(flow, {"id": 3})
    task = await installation.task(run)
    query: Any = {"id": "7", "from": {"id": 77}, "data": f"0:{task.task_id}"}
    said = (await installation.http.post("/hooks/telegram", **telegram_sent({"callback_query": query}))).json()
    assert "in your chat" in said["text"]
    private = next(call for call in reversed(chat.of("/sendMessage")) if call["chat_id"] == "77")
    assert "/task/" in private["text"]
    await installation.stub.CancelExecution(cancel(run))


def _nobody(caller: Any) -> None:
    """An entry point that forgets to say who calls."""


PRESSED: dict[str, tuple[Any, Json, Any]] = {
    "slack": (slack, {"channel": "C1"}, lambda value, chat: slack_signed(press(value, chat))),
    "discord": (
        discord,
        {"channel": "57"},
        lambda value, _: discord_signed({"type": 3, "data": {"custom_id": value}, "user": {"id": "5"}}),
    ),
    "telegram": (
        telegram,
        {"chat_id": 5},
        lambda value, _: telegram_sent({"callback_query": {"id": "7", "from": {"id": 11}, "data": value}}),
    ),
}


@pytest.mark.parametrize("vendor", PRESSED)
async def test_a_callback_says_who_acts(
    installation: Installation, vendor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    credential, where, sent = PRESSED[vendor]
    chat = installation.chat
    flow = asking(vendor.upper(), await credential(installation), base_url=chat.url, **where)
    task = await installation.task(await installation.start(flow, {"id": 3}))
    pressed = sent(f"0:{task.task_id}", chat.url)
    with monkeypatch.context() as forgetful:
        forgetful.setattr(pressing, "set_caller", _nobody)
        assert (await installation.http.post(f"/hooks/{vendor}", **pressed)).status_code == 500
    assert (await installation.show(task.task_id)).status == tasks.TASK_OPEN
    assert (await installation.http.post(f"/hooks/{vendor}", **pressed)).status_code == 200
    assert (await installation.show(task.task_id)).status == tasks.TASK_ANSWERED
    async with installation.parts.database.single() as connection:
        query = "SELECT workspace, via, address FROM audit_log WHERE object_id = %s AND action = 'task.answer'"
        found = (await connection.exec_driver_sql(query, (task.task_id,))).all()
    assert [tuple(row) for row in found] == [("default", vendor, "127.0.0.1")]


async def test_secrets_are_nowhere(installation: Installation) -> None:
    """A bot's token is a part of Telegram's addresses, and errors tell addresses."""
    flow = asking("TELEGRAM", await telegram(installation), chat_id=1, base_url="http://127.0.0.1:1")
    run = await installation.start(flow, {"id": 3})
    history = await installation.client.get_workflow_handle(run).fetch_history()
    with pytest.raises(Exception, match="failed"):
        await installation.client.get_workflow_handle(run).result()
    history = await installation.client.get_workflow_handle(run).fetch_history()
    assert "12:ab" not in history.to_json()
    found = await installation.stub.GetExecution(get(run))
    assert "12:ab" not in str(found)
    assert "Telegram" in str(found) or "127.0.0.1" in str(found)


def cancel(run: str) -> Any:
    from workflow_engine.v1 import execution_pb2

    return execution_pb2.CancelExecutionRequest(execution_id=run)


def get(run: str) -> Any:
    from workflow_engine.v1 import execution_pb2

    return execution_pb2.GetExecutionRequest(execution_id=run)


@pytest.mark.parametrize(
    ("subtype", "place", "posts", "end"),
    [
        ("SLACK", {"channel": "C5"}, "chat.postMessage", "chat.update"),
        ("DISCORD", {"channel": "77"}, "/channels/77/messages", "PATCH"),
        ("TELEGRAM", {"chat_id": "-77"}, "sendMessage", "editMessageText"),
    ],
)
async def test_reminders_and_handing_on(
    installation: Installation, subtype: str, place: Json, posts: str, end: str
) -> None:
    chat = installation.chat
    credential = await {"SLACK": slack, "DISCORD": discord, "TELEGRAM": telegram}[subtype](installation)
    start = len(chat.of(posts))
    flow = asking(subtype, credential, base_url=chat.url, reminders=["200ms"], title="Big one", **place)
    run = await installation.start(flow, {"id": 1})
    task = await installation.task(run)
    asked, reminded = (await chat.wait(posts, start + 2))[start:]
    assert task.task_id in json.dumps(asked)
    assert "Reminder: Big one" in json.dumps(reminded)
    prefix = subtype.lower()
    await installation.people.ReassignHumanTask(
        tasks.ReassignHumanTaskRequest(task_id=task.task_id, assignees=[f"{prefix}:5"], reason="holiday")
    )
    moved = (await chat.wait(posts, start + 3))[-1]
    assert "Given to you: Big one" in json.dumps(moved)
    assert "holiday" in json.dumps(moved)
    replaced = [body for method, path, body in chat.calls if path.endswith(end) or method == end]
    assert "newer message" in json.dumps(replaced)
    await installation.stub.CancelExecution(cancel(run))
    await installation.task(run, tasks.TASK_CANCELED)
