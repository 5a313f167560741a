"""What people do with tasks in Discord: buttons and forms, signed by the application's key."""

import time
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from nodes.credentials.credential import Credential
from nodes.human import typed
from nodes.human.discord import DISCORD_BOT, DiscordBot
from nodes.human.request import button, clipped
from orchestrator.task_form import REJECTED, TaskField
from services.gateway import pressing
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

_PING, _COMPONENT, _FORM = 1, 3, 5
_PONG, _MESSAGE, _MODAL = 1, 4, 9
_ONLY_FOR_YOU = 64
# Discord's forms have five lines of text, one of which is for the comment.
_MOST_FIELDS = 4
_COMMENT = "comment"


def routes(site: Site, clock: Clock = time.time) -> list[BaseRoute]:
    """`/hooks/discord`, and the same with a credential's id."""

    async def receive(request: Request) -> Response:
        body = await read(request, MAX_BODY)
        stamp = request.headers.get("x-signature-timestamp", "")
        signature = _bytes(request.headers.get("x-signature-ed25519", ""))
        if signature is None or not is_fresh(stamp, clock()):
            raise unproved()
        sender = await sender_of(
            site,
            DISCORD_BOT,
            request.path_params.get("credential", ""),
            lambda credential: _proves(credential, stamp.encode() + body, signature),
        )
        interaction = object_of(body)
        if interaction.get("type") == _PING:
            return JSONResponse({"type": _PONG})
        return await _Interaction(site, sender, interaction, address_of(request)).run()

    return [Route(path, receive, methods=["POST"]) for path in ("/hooks/discord", "/hooks/discord/{credential}")]


class _Interaction:
    """One interaction."""

    def __init__(self, site: Site, sender: Sender, interaction: dict[str, Any], address: str) -> None:
        self._site = site
        self._sender = sender
        self._interaction = interaction
        self._address = address
        user = part(interaction, "member", "user", "id") or part(interaction, "user", "id")
        self._names = [f"discord:{user}"]

    async def run(self) -> Response:
        pressing.speaks(self._sender, self._names[0], self._address)
        kind = self._interaction.get("type")
        if kind not in (_COMPONENT, _FORM):
            return _said("This can't be done here.")
        value = str(part(self._interaction, "data", "custom_id") or "")
        try:
            pressed = await pressing.find(self._site, value, self._sender, "DISCORD")
            pressing.check(pressed, self._names)
        except Refusal as refusal:
            return _said(str(refusal))
        if kind == _COMPONENT and pressed.fields:
            return await self._form(pressed)
        filled, comment = _filled(pressed.fields, self._interaction) if kind == _FORM else ({}, "")
        who = pressing.person(pressed, self._names, "DISCORD")
        return _said(await pressing.tried(self._site, pressed, who, filled, comment, self._address))

    async def _form(self, pressed: Pressed) -> Response:
        if len(pressed.fields) > _MOST_FIELDS:
            return _said(await pressing.personal_link(self._site, pressed, self._names[0]))
        required = pressed.option.port != REJECTED
        lines = [_line(f"f_{i}", field, required=required) for i, field in enumerate(pressed.fields)]
        comment = {"type": 4, "custom_id": _COMMENT, "label": "Comment", "style": 2, "required": False}
        row = pressed.task.row
        data = {
            "custom_id": button(pressed.position, row.id),
            "title": clipped(row.title, 45),
            "components": [{"type": 1, "components": [line]} for line in [*lines, comment]],
        }
        return JSONResponse({"type": _MODAL, "data": data})


def _line(name: str, field: TaskField, *, required: bool) -> dict[str, Any]:
    hint = ", ".join(field.options) if field.options else ("yes or no" if field.type == "boolean" else field.type)
    return {
        "type": 4,
        "custom_id": name,
        "label": clipped(field.text, 45),
        "style": 2 if field.type == "textarea" else 1,
        "required": field.required and required,
        "placeholder": clipped(hint, 100),
    }


def _filled(fields: tuple[TaskField, ...], interaction: dict[str, Any]) -> tuple[dict[str, Any], str]:
    texts: dict[str, str] = {}
    for row in part(interaction, "data", "components") or ():
        for one in [part(row, "component"), *(part(row, "components") or ())]:
            if isinstance(one, dict):
                texts[str(one.get("custom_id"))] = str(one.get("value") or "")
    found: dict[str, Any] = {}
    for position, field in enumerate(fields):
        text = texts.get(f"f_{position}", "").strip()
        given = [part_.strip() for part_ in text.split(",")] if field.type == "multiselect" else [text]
        value = typed.value(field, given)
        if value is not None:
            found[field.name] = value
    return found, texts.get(_COMMENT, "")


def _said(text: str) -> Response:
    data = {"content": clipped(text, 1900), "flags": _ONLY_FOR_YOU, "allowed_mentions": {"parse": []}}
    return JSONResponse({"type": _MESSAGE, "data": data})


def _bytes(text: str) -> bytes | None:
    if len(text) != 128 or not text.isascii():
        return None
    try:
        return bytes.fromhex(text)
    except ValueError:
        return None


def _proves(credential: Credential, signed: bytes, signature: bytes) -> bool:
    assert isinstance(credential.fields, DiscordBot)
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(credential.fields.public_key))
        key.verify(signature, signed)
    except (InvalidSignature, ValueError):
        return False
    return True
