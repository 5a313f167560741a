"""`/chat/…`: a CHAT's page, which needs no script, and its API, which can stream."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from activities.triggers.ports import Binding
from nodes.parameters import parse as parse_parameters
from nodes.trigger.chat import ChatParameters
from orchestrator import exact_json
from services.gateway import bodies, visitors
from services.gateway.answers import Code, Failure, Refused, invalid, not_found
from services.gateway.clients import address_of
from services.gateway.content_type import unsupported
from services.gateway.failures import explained
from services.gateway.pages import page
from services.gateway.site import Site
from services.identity.caller import Caller, set_caller
from services.usecases.chatting import Chatting
from services.usecases.firing import Firing, activator

COOKIE = "orchestrator_chat"
_PAGE_SECONDS = 20.0
_MOST_ID = 128
_DAYS = 30


def routes(site: Site) -> list[BaseRoute]:
    """The address of every chat, and of its messages."""
    chats = Chats(site)
    return [
        Route("/chat/{path:path}/messages", chats.message, methods=["POST"]),
        Route("/chat/{path:path}", chats.page, methods=["GET", "POST"]),
    ]


class Chats:
    """Shows and takes the chats that are turned on."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._firing = Firing(site.backend)
        self._chatting = Chatting(site.backend, site.keys)

    async def page(self, request: Request) -> Response:
        """The chat so far; a message that is sent leads back to it."""
        try:
            binding, parameters = await self._found(request)
        except Refused as error:
            if error.code is Code.UNAUTHENTICATED:
                return visitors.sign_in_page(request)
            raise
        if request.method == "POST":
            return await self._sent(request, binding)
        return await self._shown(request, binding, parameters)

    async def message(self, request: Request) -> Response:
        """Answers a message: at its end, or as it is being said."""
        binding, parameters = await self._found(request)
        body = await bodies.parse(request, await bodies.read(request))
        given = body.value if isinstance(body.value, dict) and not body.fields else None
        if given is None:
            raise unsupported("application/json: an object with a message")
        session_id = self._session(request, binding, given.get("session_id"))
        message_id = given.get("message_id", "")
        if not isinstance(message_id, str) or len(message_id) > _MOST_ID:
            raise invalid("BAD_MESSAGE_ID", f"message_id must be a text of up to {_MOST_ID} characters")
        execution_id = await self._chatting.say(binding, session_id, given.get("message"), message_id)
        shown = {"session_id": session_id, "execution_id": execution_id}
        if "text/event-stream" in request.headers.get("accept", ""):
            stream = self._streamed(execution_id, shown, parameters.timeout)
            answer: Response = StreamingResponse(stream, media_type="text/event-stream")
        else:
            answer = await self._answered(execution_id, shown, parameters.timeout)
        self._keep(answer, request, session_id)
        return answer

    async def _found(self, request: Request) -> tuple[Binding, ChatParameters]:
        binding = await self._firing.at(f"chat:{request.path_params['path']}")
        if binding is None:
            raise not_found()
        parameters = parse_parameters(ChatParameters, binding.parameters)
        caller: Caller | None = activator(binding, "chat", address_of(request))
        if not parameters.public:
            caller = await visitors.member(self._site, request, binding.workspace, "chat")
        if caller is None:
            message = "this chat is for members of its workspace: sign in"
            challenge = {"www-authenticate": "Bearer"}
            raise Refused(Code.UNAUTHENTICATED, "UNAUTHENTICATED", message, headers=challenge)
        set_caller(caller)
        if request.method == "POST" and request.headers.get("sec-fetch-site", "none") == "cross-site":
            raise Refused(Code.PERMISSION_DENIED, "CROSS_SITE", "messages aren't taken from another site's pages")
        return binding, parameters

    def _session(self, request: Request, binding: Binding, given: object = None) -> str:
        if given is not None and given != "":
            if not isinstance(given, str) or not self._chatting.known(binding, given):
                raise invalid("UNKNOWN_SESSION", "there is no such chat; leave session_id out to begin one")
            return given
        kept = request.cookies.get(COOKIE, "")
        return kept if self._chatting.known(binding, kept) else self._chatting.new_session(binding)

    async def _answered(self, execution_id: str, shown: dict[str, Any], seconds: float) -> Response:
        reply = await self._chatting.reply(execution_id, seconds)
        if reply is None:
            return JSONResponse({**shown, "status": "RUNNING"}, 202)
        if not reply.well:
            failure = _unanswered(reply.text)
            return JSONResponse(failure.body | shown, failure.http_status)
        return JSONResponse({**shown, "reply": reply.text})

    async def _streamed(self, execution_id: str, shown: dict[str, Any], seconds: float) -> AsyncIterator[str]:
        yield _event("started", shown)
        try:
            async with asyncio.timeout(seconds):
                async for text in self._chatting.listen(execution_id):
                    yield _event("text", {"text": text})
            reply = await self._chatting.reply(execution_id, seconds)
        except Exception as error:  # noqa: BLE001 - the status is sent already: the stream says what happened
            yield _event("error", explained("/chat/", error).body)
            return
        if reply is not None and reply.well:
            yield _event("reply", {**shown, "reply": reply.text})
        else:
            yield _event("error", _unanswered(reply.text if reply else "no answer yet").body)

    async def _sent(self, request: Request, binding: Binding) -> Response:
        body = await bodies.parse(request, await bodies.read(request))
        session_id = self._session(request, binding)
        text, nonce = body.text("message").strip(), body.text("form-nonce")[:_MOST_ID]
        if text:
            await self._chatting.say(binding, session_id, text, nonce)
        answer = RedirectResponse(f"{request.url.path}#latest", 303, {"Cache-Control": "no-store"})
        self._keep(answer, request, session_id)
        return answer

    async def _shown(self, request: Request, binding: Binding, parameters: ChatParameters) -> Response:
        kept = request.cookies.get(COOKIE, "")
        known = self._chatting.known(binding, kept)
        turns = await self._chatting.turns(binding, kept, _PAGE_SECONDS) if known else []
        return page(
            request,
            "chat.html",
            title=parameters.title,
            welcome=parameters.welcome_message,
            turns=turns,
            waits=any(turn.reply is None for turn in turns),
            token=secrets.token_urlsafe(24),
        )

    def _keep(self, answer: Response, request: Request, session_id: str) -> None:
        answer.set_cookie(
            COOKIE,
            session_id,
            max_age=_DAYS * 86_400,
            path=request.url.path.removesuffix("/messages"),
            secure=self._site.public_url.startswith("https://"),
            httponly=True,
            samesite="lax",
        )


def _unanswered(why: str) -> Failure:
    return Failure(Code.ABORTED, why, "NOT_ANSWERED", status=502)


def _event(kind: str, data: dict[str, Any]) -> str:
    return f"event: {kind}\ndata: {exact_json.dumps(data)}\n\n"
