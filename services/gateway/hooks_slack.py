"""What people do with tasks in Slack: buttons and forms, signed by the app's secret."""

import hashlib
import hmac
import time
from typing import Any
from urllib.parse import parse_qs

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from nodes.credentials.credential import Credential
from nodes.errors import NodeError
from nodes.human import slack_blocks
from nodes.human.slack import SLACK_APP, SlackAppFields
from nodes.human.slack_web import SlackWeb
from orchestrator.task_form import REJECTED, problems
from services.errors import ServiceError
from services.gateway import pressing
from services.gateway.answers import invalid
from services.gateway.bodies import read
from services.gateway.callbacks import (
    MAX_BODY,
    Clock,
    is_fresh,
    object_of,
    part,
    sender_of,
    unproved,
)
from services.gateway.clients import address_of
from services.gateway.pressing import Pressed, Refusal, Sender
from services.gateway.site import Site

_log = structlog.get_logger(__name__)


def routes(site: Site, clock: Clock = time.time) -> list[BaseRoute]:
    """`/hooks/slack`, and the same with a credential's id."""

    async def receive(request: Request) -> Response:
        body = await read(request, MAX_BODY)
        stamp = request.headers.get("x-slack-request-timestamp", "")
        signature = request.headers.get("x-slack-signature", "")
        if not signature or not is_fresh(stamp, clock()):
            raise unproved()
        sender = await sender_of(
            site,
            SLACK_APP,
            request.path_params.get("credential", ""),
            lambda credential: _proves(credential, stamp, body, signature),
        )
        return await _Callback(site, sender, _payload(body), address_of(request)).run()

    return [Route(path, receive, methods=["POST"]) for path in ("/hooks/slack", "/hooks/slack/{credential}")]


class _Callback:
    """One callback."""

    def __init__(self, site: Site, sender: Sender, payload: dict[str, Any], address: str) -> None:
        self._site = site
        self._sender = sender
        self._payload = payload
        self._address = address
        self._user = str(part(payload, "user", "id") or "")

    async def run(self) -> Response:
        pressing.speaks(self._sender, f"slack:{self._user}", self._address)
        match self._payload.get("type"):
            case "block_actions":
                return await self._press()
            case "view_submission":
                return await self._submit()
        return PlainTextResponse("")

    async def _press(self) -> Response:
        """A button: a task without fields is answered, one with fields opens its form."""
        value = part(self._payload, "actions", 0, "value")
        try:
            pressed = await pressing.find(self._site, str(value or ""), self._sender, "SLACK")
            names = await self._names(pressed)
            pressing.check(pressed, names)
        except Refusal as refusal:
            return await self._say(str(refusal))
        if pressed.fields:
            return await self._open_form(pressed)
        who = pressing.person(pressed, names, "SLACK")
        return await self._say(await pressing.tried(self._site, pressed, who, {}, "", self._address))

    async def _submit(self) -> Response:
        """A form that was filled in; what is wrong with it is shown beside the field."""
        value = str(part(self._payload, "view", "private_metadata") or "")
        try:
            pressed = await pressing.find(self._site, value, self._sender, "SLACK")
        except Refusal as refusal:
            return _closing(str(refusal))
        filled, comment = slack_blocks.filled(pressed.fields, part(self._payload, "view", "state", "values") or {})
        wrong = dict(problems(pressed.fields, filled, complete=pressed.option.port != REJECTED))
        if wrong:
            errors = {slack_blocks.block_of(pressed.fields, name): sentence for name, sentence in wrong.items()}
            return JSONResponse({"response_action": "errors", "errors": errors})
        who = pressing.person(pressed, await self._names(pressed), "SLACK")
        try:
            await pressing.answer(self._site, pressed, who, filled, comment, self._address)
        except ServiceError as error:
            return _closing(error.message)
        return PlainTextResponse("")

    async def _open_form(self, pressed: Pressed) -> Response:
        trigger = str(self._payload.get("trigger_id") or "")
        row = pressed.task.row
        view = slack_blocks.form(row.id, row.title, pressed.option, pressed.position, pressed.fields)
        try:
            await self._api(pressed.base_url).open_form(trigger, view)
        except NodeError as error:
            _log.warning("a form can't be opened in Slack", task_id=row.id, reason=error.message)
            return await self._say("The form can't be opened now. Please try again.")
        return PlainTextResponse("")

    async def _names(self, pressed: Pressed) -> list[str]:
        """What tasks may call who presses: the Slack id, and the mail address where a task may name it."""
        names = [f"slack:{self._user}"]
        row = pressed.task.row
        if any("@" in name for name in (*row.assignees, *row.excluded)):
            try:
                email = await self._api(pressed.base_url).email_of(self._user)
            except NodeError as error:
                _log.warning("Slack doesn't say whose id this is", user=self._user, reason=error.message)
                email = ""
            names += [email] if email else []
        return names

    async def _say(self, text: str) -> Response:
        """Tells the presser alone."""
        url = str(self._payload.get("response_url") or "")
        http, credential = self._site.backend.integrations.http, self._sender.credential
        if url:
            body = {"response_type": "ephemeral", "replace_original": False, "text": slack_blocks.escaped(text)}
            try:
                # The signature proves the address to be Slack's; the credential's hosts bound it all the same.
                await http.send(http.build("POST", url, json=body), timeout=10, credential=credential)
            except NodeError as error:
                _log.warning("Slack can't be told", reason=error.message)
        return PlainTextResponse("")

    def _api(self, base_url: str) -> SlackWeb:
        return SlackWeb.of(self._site.backend.integrations.http, self._sender.credential, base_url)


def _proves(credential: Credential, stamp: str, body: bytes, signature: str) -> bool:
    assert isinstance(credential.fields, SlackAppFields)
    key = credential.fields.signing_secret.get_secret_value().encode()
    expected = "v0=" + hmac.new(key, b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace"))


def _payload(body: bytes) -> dict[str, Any]:
    try:
        found = parse_qs(body.decode(), max_num_fields=50).get("payload", [""])[0]
    except ValueError:
        raise invalid("BAD_CALLBACK", "the body is no form") from None
    return object_of(found)


def _closing(text: str) -> Response:
    """Shows a text in the place of a form."""
    view = {
        "type": "modal",
        "title": {"type": "plain_text", "text": "Task"},
        "close": {"type": "plain_text", "text": "Close"},
        "blocks": [{"type": "section", "text": {"type": "plain_text", "text": text[:2900]}}],
    }
    return JSONResponse({"response_action": "update", "view": view})
