"""What people do with tasks in Telegram: buttons, in updates that carry the bot's secret token."""

import hmac
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from nodes.credentials.credential import Credential
from nodes.errors import NodeError
from nodes.human.request import clipped
from nodes.human.telegram import TELEGRAM_BOT, TelegramBot, api_of
from services.gateway import pressing
from services.gateway.bodies import read
from services.gateway.callbacks import MAX_BODY, object_of, part, sender_of, unproved
from services.gateway.clients import address_of
from services.gateway.pressing import Pressed, Refusal, Sender
from services.gateway.site import Site

_log = structlog.get_logger(__name__)


def routes(site: Site) -> list[BaseRoute]:
    """`/hooks/telegram`, and the same with a credential's id."""

    async def receive(request: Request) -> Response:
        body = await read(request, MAX_BODY)
        secret = request.headers.get("x-telegram-bot-api-secret-token", "")
        if not secret:
            raise unproved()
        sender = await sender_of(
            site,
            TELEGRAM_BOT,
            request.path_params.get("credential", ""),
            lambda credential: _proves(credential, secret),
        )
        return await _update(site, sender, object_of(body), address_of(request))

    return [Route(path, receive, methods=["POST"]) for path in ("/hooks/telegram", "/hooks/telegram/{credential}")]


async def _update(site: Site, sender: Sender, update: dict[str, Any], address: str) -> Response:
    query = update.get("callback_query")
    if not isinstance(query, dict):
        # What else people write to the bot is nothing to us.
        return PlainTextResponse("")
    names = [f"telegram:{part(query, 'from', 'id')}"]
    pressing.speaks(sender, names[0], address)
    try:
        pressed = await pressing.find(site, str(query.get("data") or ""), sender, "TELEGRAM")
        pressing.check(pressed, names)
    except Refusal as refusal:
        return _said(query, str(refusal))
    if pressed.fields:
        return _said(query, await _send_link(site, sender, pressed, names[0]))
    who = pressing.person(pressed, names, "TELEGRAM")
    return _said(query, await pressing.tried(site, pressed, who, {}, "", address))


async def _send_link(site: Site, sender: Sender, pressed: Pressed, name: str) -> str:
    """Sends who pressed a link to the form, to them alone."""
    text = f"{clipped(pressed.task.row.title, 200)}\n{await pressing.personal_link(site, pressed, name)}"
    api = api_of(site.backend.integrations.http, sender.credential, pressed.base_url)
    body = {"chat_id": name.removeprefix("telegram:"), "text": text}
    try:
        await api.call("POST", "/sendMessage", body, what="you")
    except NodeError as error:
        _log.warning("a link can't be sent in Telegram", task_id=pressed.task.row.id, reason=error.code)
        return "This task has a form. Write to the bot once, so that it may send you the link, and press again."
    return "The link to the form is in your chat with the bot."


def _said(query: dict[str, Any], text: str) -> Response:
    """Telegram takes the answer to an update for a call of a method."""
    answer = {
        "method": "answerCallbackQuery",
        "callback_query_id": str(query.get("id", "")),
        "text": clipped(text, 190),
        "show_alert": True,
    }
    return JSONResponse(answer)


def _proves(credential: Credential, secret: str) -> bool:
    assert isinstance(credential.fields, TelegramBot)
    own = credential.fields.secret_token.get_secret_value().encode()
    return bool(own) and hmac.compare_digest(own, secret.encode("utf-8", "replace"))
