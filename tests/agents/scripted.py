"""A model that says what a test tells it to, in OpenAI's wire format, streamed."""

import json
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from openai.types.chat import ChatCompletionChunk

# A text, calls as (tool, arguments), or a status to refuse with.
Reply = str | Sequence[tuple[str, dict[str, Any]]] | int
Request = dict[str, Any]
_WORDS = ("refund", "shipping", "warranty", "garden")


class ScriptedModel:
    """Answers each request by `reply`, and keeps what it was asked."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.reply: Callable[[Request], Reply] = lambda request: "nothing"
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["content-length"])))
                if self.path.endswith("/embeddings"):
                    self._send(200, "application/json", json.dumps(_embeddings(request)))
                    return
                outer.requests.append(request)
                reply = outer.reply(request)
                if isinstance(reply, int):
                    body, kind = (
                        json.dumps({"error": {"message": "not now", "type": "x", "code": None}}),
                        "application/json",
                    )
                else:
                    body, kind = _stream(request, reply, len(outer.requests)), "text/event-stream"
                self._send(reply if isinstance(reply, int) else 200, kind, body)

            def _send(self, status: int, kind: str, body: str) -> None:
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.server.server_port}/v1"


def _embeddings(request: Request) -> dict[str, Any]:
    """A vector for each text: how often it has each of some words."""
    given = request["input"]
    texts = [given] if isinstance(given, str) else given
    data = [
        {"object": "embedding", "index": place, "embedding": [0.01 + text.lower().count(word) for word in _WORDS]}
        for place, text in enumerate(texts)
    ]
    usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
    return {"object": "list", "data": data, "model": request["model"], "usage": usage}


def last(request: Request) -> tuple[str, str]:
    """Who spoke last, and what was said."""
    message = request["messages"][-1]
    return message["role"], str(message["content"])


def tools(request: Request) -> list[str]:
    """The tools that the model was offered."""
    return [tool["function"]["name"] for tool in request.get("tools", [])]


def told(request: Request) -> str:
    """Everything that the model was told."""
    return json.dumps(request["messages"], ensure_ascii=False)


def _stream(request: Request, reply: Reply, number: int) -> str:
    base = {"id": f"c{number}", "object": "chat.completion.chunk", "created": 1, "model": request["model"]}
    assert not isinstance(reply, int)
    if isinstance(reply, str):
        delta: dict[str, Any] = {"role": "assistant", "content": reply}
        reason = "stop"
    else:
        calls = [
            {
                "index": place,
                "id": f"call_{number}_{place}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(arguments)},
            }
            for place, (name, arguments) in enumerate(reply)
        ]
        delta, reason = {"role": "assistant", "tool_calls": calls}, "tool_calls"
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    chunks = [
        {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
        {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]},
        {**base, "choices": [], "usage": usage},
    ]
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk)
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
