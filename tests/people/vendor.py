"""A chat service as its documentation describes it: it keeps what it is sent, and answers as the real one does."""

import asyncio
import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

Json = dict[str, Any]


class ChatService(ThreadingHTTPServer):
    """Slack's, Discord's, Telegram's and Gmail's API in one; `fails` are statuses to answer first, by path."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.calls: list[tuple[str, str, Json]] = []
        self.authorizations: set[str] = set()
        self.fails: dict[str, list[int]] = {}
        self.emails: dict[str, str] = {}
        self.numbers: Counter[str] = Counter()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}"

    def start(self) -> None:
        """Serves in a thread until `shutdown`."""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def of(self, name: str) -> list[Json]:
        """The bodies of calls whose path ends so."""
        return [body for _, path, body in list(self.calls) if path.endswith(name)]

    async def wait(self, name: str, count: int = 1) -> list[Json]:
        """As `of`, once there are so many."""
        async with asyncio.timeout(60):
            while True:
                found = self.of(name)
                if len(found) >= count:
                    return found
                await asyncio.sleep(0.02)

    def take(self, method: str, path: str, body: Json, authorization: str) -> tuple[int, Json]:
        """Keeps a call; its answer."""
        path, _, query = path.partition("?")
        body = body or dict(parse_qsl(query))
        self.calls.append((method, path, body))
        self.authorizations.add(authorization)
        waiting = self.fails.get(path.rpartition("/")[2])
        if waiting:
            return waiting.pop(0), {"ok": False, "error": "internal_error", "description": "down", "message": "down"}
        self.numbers["message"] += 1
        return 200, self._answer(path, body, self.numbers["message"])

    def _answer(self, path: str, body: Json, number: int) -> Json:
        name = path.rpartition("/")[2]
        match name:
            case "chat.postMessage":
                return {"ok": True, "channel": body["channel"], "ts": f"1700000000.{number:06}"}
            case "users.info":
                return {"ok": True, "user": {"profile": {"email": self.emails.get(body["user"], "")}}}
            case "users.lookupByEmail":
                users = {email: user for user, email in self.emails.items()}
                return {"ok": True, "user": {"id": users[body["email"]]}}
            case "channels" | "messages":
                return {"id": str(9000 + number)}
            case "sendMessage" | "editMessageText":
                return {"ok": True, "result": {"message_id": number}}
            case "send":
                return {"id": f"m{number}"}
        return {"ok": True, "id": str(number)}


class _Handler(BaseHTTPRequestHandler):
    server: ChatService
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def handle_any(self) -> None:
        content = self.rfile.read(int(self.headers.get("content-length", 0)))
        body = json.loads(content) if content else {}
        status, answer = self.server.take(self.command, self.path, body, self.headers.get("authorization", ""))
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_any

    def log_message(self, format: str, *arguments: Any) -> None:
        """Tests say what they need themselves."""
