"""The server itself: answers by a function of the request, and keeps what it was asked."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.model_server import anthropic_wire, openai_wire
from tests.model_server.conversation import Ask, Json, Refused, Reply
from tests.model_server.script import scripted

Answering = Callable[[Ask], Reply]
_WIRE = {"openai": openai_wire, "anthropic": anthropic_wire}


@dataclass
class Kept:
    """A request as it came, and the status that it got."""

    ask: Ask
    status: int
    at: float

    def shown(self) -> Json:
        """What `GET /_requests` tells of it."""
        return {
            "provider": self.ask.provider,
            "model": self.ask.model,
            "conversation": self.ask.conversation,
            "turn": self.ask.turn,
            "attempt": self.ask.attempt,
            "status": self.status,
            "at": self.at,
        }


class CutOff(Exception):
    """Ends a response before its end."""


@dataclass
class Model:
    """The state of a server: how it answers, which keys it takes (any, if none is named), what it was asked."""

    answering: Answering = scripted
    keys: Collection[str] = ()
    kept: list[Kept] = field(default_factory=list)

    def application(self) -> Starlette:
        """The routes of both providers, and of the server's own state."""
        return Starlette(
            routes=[
                Route("/v1/chat/completions", self._chat, methods=["POST"]),
                Route("/v1/messages", self._messages, methods=["POST"]),
                Route("/v1/embeddings", self._embeddings, methods=["POST"]),
                Route("/v1/models", self._models),
                Route("/_requests", self._requests, methods=["GET", "DELETE"]),
            ]
        )

    def summary(self) -> Json:
        """What it was asked, counted by conversation, and by the turn that was asked for."""
        asked = Counter(kept.ask.conversation for kept in self.kept)
        answered = Counter((kept.ask.conversation, kept.ask.turn) for kept in self.kept if kept.status == 200)
        twice = [
            {"conversation": said, "turn": turn, "times": count}
            for (said, turn), count in answered.items()
            if count > 1
        ]
        return {
            "total": len(self.kept),
            "by_conversation": dict(asked),
            "answered_more_than_once": twice,
            "requests": [kept.shown() for kept in self.kept],
        }

    async def _chat(self, request: Request) -> Response:
        return await self._asked(request, "openai")

    async def _messages(self, request: Request) -> Response:
        return await self._asked(request, "anthropic")

    async def _asked(self, request: Request, provider: str) -> Response:
        wire = _WIRE[provider]
        if not self._admits(request):
            return _failed(wire, Reply(status=401, error=f"Incorrect API key provided: {_key(request)}"), "")
        try:
            ask = wire.read(await request.json(), dict(request.headers))
        except (Refused, KeyError, TypeError, ValueError) as error:
            return _failed(wire, Reply(status=400, error=str(error)), "")
        attempt = sum(kept.ask.digest == ask.digest for kept in self.kept)
        ask = replace(ask, attempt=attempt)
        reply = Reply(status=404) if ask.model.startswith("missing") else self.answering(ask)
        self.kept.append(Kept(ask, reply.status, time.time()))
        await asyncio.sleep(reply.delay)
        if reply.raw is not None:
            return Response(reply.raw, reply.status, reply.headers)
        if reply.status != 200:
            return _failed(wire, reply, ask.model)
        if not ask.stream:
            return JSONResponse(wire.complete(ask, reply))
        return StreamingResponse(_stream(ask, reply), media_type="text/event-stream", headers=reply.headers)

    async def _embeddings(self, request: Request) -> Response:
        if not self._admits(request):
            return _failed(openai_wire, Reply(status=401, error="Incorrect API key provided"), "")
        return JSONResponse(openai_wire.embeddings(await request.json()))

    async def _models(self, request: Request) -> Response:
        if not self._admits(request):
            return _failed(openai_wire, Reply(status=401, error="Incorrect API key provided"), "")
        return JSONResponse({"object": "list", "data": [{"id": "test-model", "object": "model"}]})

    async def _requests(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.kept.clear()
        return JSONResponse(self.summary())

    def _admits(self, request: Request) -> bool:
        return not self.keys or _key(request) in self.keys


def _key(request: Request) -> str:
    return request.headers.get("x-api-key") or request.headers.get("authorization", "").removeprefix("Bearer ")


def _failed(wire: object, reply: Reply, model: str) -> Response:
    body = anthropic_wire.error(reply, model) if wire is anthropic_wire else openai_wire.error(reply, model)
    return JSONResponse(body, reply.status, dict(reply.headers))


def _written(ask: Ask, reply: Reply) -> Iterator[str]:
    if ask.provider == "openai":
        for chunk in openai_wire.chunks(ask, reply):
            yield f"data: {json.dumps(chunk)}\n\n"
        yield "data: [DONE]\n\n"
        return
    for event in anthropic_wire.events(ask, reply):
        yield f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"


async def _stream(ask: Ask, reply: Reply) -> AsyncIterator[str]:
    pieces: Iterable[str] = _written(ask, reply)
    for position, piece in enumerate(pieces):
        if position == reply.breaks_after:
            if not reply.error:
                raise CutOff
            body = json.dumps(_WIRE[ask.provider].error(reply, ask.model))
            yield f"event: error\ndata: {body}\n\n" if ask.provider == "anthropic" else f"data: {body}\n\n"
            return
        yield piece
        await asyncio.sleep(reply.pace)
