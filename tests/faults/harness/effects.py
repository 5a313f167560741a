"""A service whose effects are counted, in a process of its own: `python -m tests.faults.harness.effects PORT SECRET`.

POST /do does what the body's `effect` names, once for each Idempotency-Key. POST /flaky fails twice for each key first.
POST /open wants the secret as a password. POST /unkeyed has effects as often as it is asked. GET /journal tells all.
"""

import base64
import json
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_REFUSALS = 2
_WORK = 0.05


class Journal:
    """Which key did which effect, and how often each was asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.keys: dict[str, str] = {}
        self.requests: Counter[str] = Counter()
        self.unkeyed: Counter[str] = Counter()
        self.opened = 0

    def do(self, key: str, effect: str) -> None:
        """Does it, unless the key did."""
        with self._lock:
            self.requests[key] += 1
            self.keys.setdefault(key, effect)

    def asked(self, key: str) -> int:
        """Counts a request that may yet be refused."""
        with self._lock:
            self.requests[key] += 1
            return self.requests[key]

    def shown(self) -> dict[str, Any]:
        """All of it."""
        with self._lock:
            return {
                "keys": dict(self.keys),
                "requests": sum(self.requests.values()),
                "unkeyed": dict(self.unkeyed),
                "opened": self.opened,
            }


class Server(ThreadingHTTPServer):
    """The service."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, secret: str) -> None:
        self.journal = Journal()
        self.expected = "Basic " + base64.b64encode(f"shop:{secret}".encode()).decode()
        super().__init__(("127.0.0.1", port), Handler)


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """The journal."""
        self._answer(200, self.server.journal.shown())

    def do_POST(self) -> None:
        """An effect."""
        given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        effect, key = str(given["effect"]), self.headers.get("Idempotency-Key", "")
        journal = self.server.journal
        time.sleep(_WORK)
        if self.path == "/unkeyed":
            journal.unkeyed[effect] += 1
            return self._answer(200, {"did": effect})
        if not key:
            return self._answer(400, {"error": "no Idempotency-Key"})
        if self.path == "/flaky" and journal.asked(key) <= _REFUSALS:
            return self._answer(503, {"error": "busy"})
        if self.path == "/open":
            if self.headers.get("Authorization") != self.server.expected:
                return self._answer(401, {"error": "wrong password"})
            journal.opened += 1
        journal.do(key, effect)
        return self._answer(200, {"did": effect})

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


if __name__ == "__main__":
    Server(int(sys.argv[1]), sys.argv[2]).serve_forever()
