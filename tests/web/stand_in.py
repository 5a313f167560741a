"""A gateway that says what a test wants it to: the pages meet states that a real run gets into only by luck.

What it answers is checked against the contract, so that a test can't show what no server says.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from google.protobuf import json_format, symbol_database
from google.protobuf.message_factory import GetMessageClass
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from workflow_engine.v1 import auth_pb2, human_task_pb2, integration_pb2, workflow_service_pb2  # noqa: F401 - registers

from services.gateway.server import HttpServer

Json = dict[str, Any]
Answer = Json | Callable[[Json], Json]

DIST = Path(__file__).parents[2] / "services" / "web" / "dist"
_PACKAGE = "workflow_engine.v1"
# What the gateway sends; a page that needs more than its own origin's files doesn't work.
_POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, code: str, message: str, problems: list[Json] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"code": code, "message": message, "reason": code.upper(), "problems": problems or []}


class StandIn:
    """Answers by method; everything can be changed while it runs."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.session: Json | None = {"local": True, "user": {"id": "local"}, "csrfToken": "token"}
        self.events: dict[str, list[Json]] = {}
        # Set to cut streams off and refuse new ones.
        self.cut = asyncio.Event()
        self.calls: list[tuple[str, Json, dict[str, str]]] = []
        self.paths: list[str] = []
        self._more = asyncio.Condition()
        self._server = HttpServer(host="127.0.0.1", port=0)

    @property
    def url(self) -> str:
        """Where the pages are."""
        return self._server.url

    async def start(self) -> None:
        """Begins to answer."""
        routes = [
            Route("/api/v1/session", self._session, methods=["GET", "POST", "DELETE"]),
            Route("/api/v1/executions/{id}/events", self._watch),
            Route("/workflow_engine.v1.{service}/{method}", self._call, methods=["POST"]),
            Route("/{path:path}", self._page),
        ]
        await self._server.start(Starlette(routes=routes))

    async def stop(self) -> None:
        """Ends at once."""
        self.cut.set()
        async with self._more:
            self._more.notify_all()
        await self._server.stop(1)

    async def happen(self, execution_id: str, *events: Json) -> None:
        """Events that whoever watches hears of now."""
        async with self._more:
            self.events.setdefault(execution_id, []).extend(events)
            self._more.notify_all()

    async def interrupt(self) -> None:
        """Cuts streams off, and refuses new ones until `cut` is cleared."""
        self.cut.set()
        async with self._more:
            self._more.notify_all()

    async def _page(self, request: Request) -> Response:
        self.paths.append(request.url.path)
        path = (DIST / request.path_params["path"]).resolve()
        found = path if path.is_file() and path.is_relative_to(DIST) else DIST / "index.html"
        return FileResponse(found, headers={"Content-Security-Policy": _POLICY})

    async def _session(self, request: Request) -> Response:
        if request.method == "POST":
            given = await request.json()
            if given.get("password") != "correct horse":
                return JSONResponse({"code": "unauthenticated", "message": "the address or the password is wrong"}, 401)
            self.session = {"user": {"id": "u1", "email": given["email"], "name": "Ada"}, "csrfToken": "token"}
        if request.method == "DELETE":
            self.session = None
            return Response(status_code=204)
        if self.session is None:
            return JSONResponse({"code": "unauthenticated", "message": "nobody is signed in"}, 401)
        return JSONResponse(self.session)

    async def _call(self, request: Request) -> Response:
        service, method = request.path_params["service"], request.path_params["method"]
        given = await request.json()
        self.calls.append((method, given, dict(request.headers)))
        described = symbol_database.Default().pool.FindServiceByName(f"{_PACKAGE}.{service}").FindMethodByName(method)
        json_format.ParseDict(given, GetMessageClass(described.input_type)())
        answer = self.answers.get(method, {})
        try:
            said = answer(given) if callable(answer) else answer
        except Refused as refused:
            return JSONResponse(refused.body, refused.status)
        message = json_format.ParseDict(said, GetMessageClass(described.output_type)())
        return JSONResponse(json_format.MessageToDict(message))

    async def _watch(self, request: Request) -> Response:
        if self.cut.is_set():
            return JSONResponse({"code": "unavailable", "message": "the server is stopping"}, 503)
        after = int(request.query_params.get("after", "0"))
        return StreamingResponse(self._stream(request.path_params["id"], after), media_type="text/event-stream")

    async def _stream(self, execution_id: str, after: int) -> AsyncIterator[str]:
        sent = after
        yield ": hello\n\n"
        while not self.cut.is_set():
            for event in [one for one in self.events.get(execution_id, []) if int(one["sequence"]) > sent]:
                sent = int(event["sequence"])
                yield f"id: {sent}\ndata: {json.dumps({'event': event})}\n\n"
                if event.get("type") == "EXECUTION_FINISHED":
                    return
            async with self._more:
                if not self.cut.is_set() and not any(
                    int(one["sequence"]) > sent for one in self.events.get(execution_id, [])
                ):
                    await self._more.wait()
