"""A vendor's API made from its description: it refuses what the description doesn't allow, and answers its examples."""

import json
import re
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import jsonschema_rs

HERE = Path(__file__).parent
Json = dict[str, Any]


@dataclass
class Received:
    """A request as it came."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: Any


@dataclass
class Reply:
    """What to answer instead of the description's example."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0

    def content(self) -> bytes:
        """The body's bytes: bytes as they are, anything else as JSON."""
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.body is None else json.dumps(self.body).encode()


class Operation:
    """One operation of a description."""

    def __init__(self, document: Json, method: str, path: str, operation: Json) -> None:
        self.method = method.upper()
        # Only a path within a repository has slashes.
        pattern = re.sub(r"\{(\w+)\}", lambda name: f"(?P<{name[1]}>{'.+' if name[1] == 'path' else '[^/]+'})", path)
        self.pattern = re.compile(pattern.replace("/contents/", "/contents/?"))
        self.given = operation
        self.document = document

    def problems(self, path: str, received: Received) -> list[str]:
        """What the description doesn't allow about a request."""
        found = self.pattern.fullmatch(path)
        assert found is not None
        values: dict[str, list[str]] = {}
        for name, value in received.query:
            values.setdefault(name, []).append(value)
        problems = []
        for parameter in self.given["parameters"]:
            name, kind = parameter["name"], parameter["in"]
            if kind == "path" and name in found.groupdict():
                problems += self._value(name, parameter["schema"], [unquote(found[name])])
            elif kind == "query" and name in values:
                problems += self._value(name, parameter["schema"], values.pop(name))
            elif kind == "query" and parameter["required"]:
                problems.append(f"the query lacks {name}")
        problems += [f"the query has {name}" for name in values]
        return problems + self._body(received)

    def _value(self, name: str, schema: Json, texts: list[str]) -> list[str]:
        many = schema.get("type") == "array"
        if not many and len(texts) > 1:
            return [f"{name} is repeated"]
        value = [_read(text) for text in texts] if many else _read(texts[0])
        candidates = [value, texts if many else texts[0]]
        if any(not list(self._errors(schema, candidate)) for candidate in candidates):
            return []
        return [f"{name}: {error}" for error in self._errors(schema, value)]

    def _body(self, received: Received) -> list[str]:
        wanted = self.given.get("requestBody")
        if wanted is None:
            return [f"the body is {received.body!r}"] if received.body is not None else []
        kind, content = next(iter(wanted["content"].items()))
        sent = received.headers.get("content-type", "").partition(";")[0]
        if sent != kind:
            return [f"the body is of the type {sent!r}, not {kind!r}"]
        schema = self._resolved(content["schema"])
        body = received.body
        if kind == "application/x-www-form-urlencoded":
            body = {
                name: value if _allows(schema["properties"].get(name, {}), "string") else _read(value)
                for name, value in received.body.items()
            }
        return [f"the body: {error}" for error in self._errors({"additionalProperties": False, **schema}, body)]

    def _resolved(self, schema: Json) -> Json:
        if "$ref" not in schema:
            return schema
        found: Json = self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return found

    def _errors(self, schema: Json, value: Any) -> list[str]:
        whole = {**schema, "components": self.document.get("components", {})}
        return [error.message[:200] for error in jsonschema_rs.validator_for(whole).iter_errors(value)]

    def example(self) -> Reply:
        """A good answer."""
        status, answer = next(iter(self.given["responses"].items()))
        content = answer.get("content", {}).get("application/json")
        if content is None:
            return Reply(int(status))
        if "example" in content:
            return Reply(int(status), content["example"])
        return Reply(int(status), self._made(content["schema"], ()))

    def _made(self, schema: Json, above: tuple[str, ...]) -> Any:
        """A value that a schema allows; what refers to itself ends."""
        if "$ref" in schema:
            if schema["$ref"] in above:
                return {}
            return self._made(self._resolved(schema), (*above, schema["$ref"]))
        if "enum" in schema:
            return schema["enum"][0]
        match schema.get("type"):
            case "object":
                return {
                    name: self._made(inner, above)
                    for name, inner in schema.get("properties", {}).items()
                    if name not in ("nextPageToken", "errors")
                }
            case "array":
                return [self._made(schema.get("items", {}), above)]
            case "integer" | "number":
                return 1
            case "boolean":
                return True
        return "text"


class VendorMock(ThreadingHTTPServer):
    """The API of one vendor; `violations` are what requests did that its description doesn't allow."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, vendor: str, authorization: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        document = json.loads((HERE / f"{vendor}.json").read_text(encoding="utf-8"))
        self.authorization = authorization
        self.operations = [
            Operation(document, method, path, operation)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
        ]
        self.clear()

    def clear(self) -> None:
        """Forgets what came and what was to be answered."""
        self.received: list[Received] = []
        self.violations: list[str] = []
        self.replies: deque[Reply | None] = deque()
        self.uploads: list[bytes] = []

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}/base"

    def start(self) -> None:
        """Serves in a thread until `shutdown`."""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def answer(self, received: Received) -> Reply:
        """The next reply, or the example of the operation."""
        path = received.path.removeprefix("/base")
        known = [one for one in self.operations if one.pattern.fullmatch(path) and one.method == received.method]
        if not known:
            self.violations.append(f"{received.method} {path} is no operation")
            return Reply(500)
        self.violations += known[0].problems(path, received)
        if received.headers.get("authorization") != self.authorization:
            self.violations.append(f"the authorization is {received.headers.get('authorization')!r}")
        reply = self.replies.popleft() if self.replies else None
        return reply or self._localized(known[0].example())

    def _localized(self, reply: Reply) -> Reply:
        """The reply with URLs that lead here, and without a page after it."""
        if isinstance(reply.body, dict):
            own = {"upload_url": f"{self.url}/upload", "response_metadata": {"next_cursor": ""}}
            return Reply(reply.status, {name: own.get(name, value) for name, value in reply.body.items()})
        return reply

    def handle_error(self, *arguments: Any) -> None:
        """A client that hangs up is part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # A head and a body in two packets would wait for each other.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: VendorMock

    def handle_any(self) -> None:
        content = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        path, _, query = self.path.partition("?")
        if path == "/base/upload":
            self.server.uploads.append(content)
            # The address itself is the permission.
            assert "authorization" not in headers
            return self._write((self.server.replies.popleft() if self.server.replies else None) or Reply())
        received = Received(self.command, path, parse_qsl(query, keep_blank_values=True), headers, None)
        if content:
            form = "form-urlencoded" in headers.get("content-type", "")
            received.body = dict(parse_qsl(content.decode(), strict_parsing=True)) if form else json.loads(content)
        self.server.received.append(received)
        return self._write(self.server.answer(received))

    def _write(self, reply: Reply) -> None:
        time.sleep(reply.delay)
        content = reply.content()
        self.send_response(reply.status)
        for name, value in {"content-type": "application/json", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def log_message(self, *arguments: Any) -> None:
        """Keeps the test's output clean."""


def _allows(schema: Json, kind: str) -> bool:
    return schema.get("type", kind) == kind or kind in schema.get("type", ())


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
