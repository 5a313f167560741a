"""A service whose effects are counted, in a process of its own: `python -m …harness.effects PORT SECRET FILE`.

POST /do does what the body's `effect` names, once for each Idempotency-Key. POST /flaky fails twice for each key first.
POST /open wants the secret as a password. POST /unkeyed has effects as often as it is asked. GET tells all. What was
done is in the file, and so outlives the process.
"""

import base64
import json
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_REFUSALS = 2
_WORK = 0.05


class Journal:
    """Which key did which effect, and how often each was asked for; a line of its file is a kind, a key, an effect."""

    def __init__(self, file: Path) -> None:
        self._lock = threading.Lock()
        self._keys: dict[str, str] = {}
        self._asked: Counter[str] = Counter()
        self._unkeyed: Counter[str] = Counter()
        if file.exists():
            for line in file.read_text().splitlines():
                self._count(*json.loads(line))
        self._file = file.open("a")

    def do(self, key: str, effect: str) -> None:
        """Does it, unless the key did."""
        self._note("done", key, effect)

    def asked(self, key: str) -> int:
        """Counts a request; says the how manieth of the key it is."""
        return self._note("asked", key, "")

    def repeat(self, effect: str) -> None:
        """Does it, whether it was done or not."""
        self._note("unkeyed", "", effect)

    def shown(self) -> dict[str, Any]:
        """All of it."""
        with self._lock:
            return {"keys": dict(self._keys), "requests": self._asked.total(), "unkeyed": dict(self._unkeyed)}

    def _note(self, kind: str, key: str, effect: str) -> int:
        with self._lock:
            # The file is the kernel's before anybody hears of it: a kill takes nothing back.
            self._file.write(json.dumps([kind, key, effect]) + "\n")
            self._file.flush()
            self._count(kind, key, effect)
            return self._asked[key]

    def _count(self, kind: str, key: str, effect: str) -> None:
        if kind == "asked":
            self._asked[key] += 1
        elif kind == "unkeyed":
            self._unkeyed[effect] += 1
        else:
            self._keys.setdefault(key, effect)


class Server(ThreadingHTTPServer):
    """The service."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, secret: str, file: Path) -> None:
        self.journal = Journal(file)
        self.expected = "Basic " + base64.b64encode(f"shop:{secret}".encode()).decode()
        super().__init__(("127.0.0.1", port), Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Those who ask are killed, too: that they don't wait for the answer is no news."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


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
            journal.repeat(effect)
            return self._answer(200, {"did": effect})
        if not key:
            return self._answer(400, {"error": "no Idempotency-Key"})
        if journal.asked(key) <= _REFUSALS and self.path == "/flaky":
            return self._answer(503, {"error": "busy"})
        if self.path == "/open" and self.headers.get("Authorization") != self.server.expected:
            return self._answer(401, {"error": "wrong password"})
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
    Server(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])).serve_forever()
