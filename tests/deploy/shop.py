"""A service whose answers can be held back, and which knows how often it was asked for what."""

import json
import threading
from collections import Counter
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Shop:
    """Charges an order once for each idempotency key, however often it is asked."""

    def __init__(self) -> None:
        self.asked: Counter[Any] = Counter()
        self.charged: dict[str, Any] = {}
        self.open = threading.Event()
        self.open.set()
        # Orders that are charged even while it is closed.
        self.favoured: set[Any] = set()
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["order"]
                shop.asked[order] += 1
                if order not in shop.favoured:
                    shop.open.wait()
                shop.charged.setdefault(self.headers["Idempotency-Key"], order)
                body = json.dumps({"order": order}).encode()
                with suppress(BrokenPipeError, ConnectionResetError):
                    self.send_response(200)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = type("Server", (ThreadingHTTPServer,), {"request_queue_size": 256})(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where to charge."""
        return f"http://127.0.0.1:{self._server.server_port}/charge"

    def close(self) -> None:
        """Answers nobody any more."""
        self.open.set()
        self._server.shutdown()
        self._server.server_close()
