"""No code but nodes/http opens connections to where users' data says."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGES = ("nodes", "activities", "services")
LIBRARIES = frozenset(
    {
        *("socket", "http.client", "urllib.request", "ftplib", "imaplib", "poplib", "smtplib", "telnetlib", "xmlrpc"),
        *(
            "aiohttp",
            "aiosmtplib",
            "fsspec",
            "httpcore",
            "httpcore2",
            "imap_tools",
            "requests",
            "urllib3",
            "websockets",
        ),
    }
)
# In httpx and httpx2: the types of requests and answers are for everybody, what sends them isn't.
SENDING = frozenset(
    {
        *("AsyncClient", "Client", "AsyncHTTPTransport", "HTTPTransport", "get", "post", "put", "patch", "delete"),
        *("head", "options", "request", "stream"),
    }
)
CONNECTING = frozenset({"open_connection", "create_connection", "open_unix_connection", "urlopen", "sock_connect"})
# Who may, and why.
ALLOWED = {
    "services/cli/lifeline.py": {"socket"},  # a pair, shared with its own child
    "services/observability/gathering.py": {"httpx.AsyncClient"},  # to the metrics of its own children
    "services/doctor/machine.py": {"fsspec", "open_connection"},  # to what the operator's settings name
    "nodes/mail/criteria.py": {"imap_tools"},  # builds search criteria, connects to nothing
    "nodes/mail/following.py": {"imaplib", "imap_tools"},  # over the mailboxes that imap.py opens
    "nodes/mail/reading.py": {"imap_tools"},  # reads messages, connects to nothing
    "services/gateway/server.py": {"socket"},  # listens only
    "nodes/mail/imap.py": {"imaplib", "imap_tools", "socket", "create_connection"},  # to addresses of Egress.check
    "nodes/mail/smtp.py": {"aiosmtplib", "socket", "sock_connect"},  # over a socket of Egress.connect or .check
    "nodes/files/object_store.py": {"fsspec"},  # to the one place that the operator names
    "nodes/sandbox/process.py": {"socket", "open_connection"},  # a pair, shared with its own child
}


def uses(tree: ast.AST) -> Iterator[str]:
    """What a module imports or calls that opens connections."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module.split(".")[0] in ("httpx", "httpx2"):
                yield from (f"httpx.{name.name}" for name in node.names if name.name in SENDING)
            yield from (f"{node.module}.{name.name}" for name in node.names)
            yield from (name.name for name in node.names if name.name in CONNECTING)
        elif isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name) and node.value.id in ("httpx", "httpx2") and node.attr in SENDING:
                yield f"httpx.{node.attr}"
            elif node.attr in CONNECTING:
                yield node.attr


def found(path: Path) -> set[str]:
    used = set()
    for use in uses(ast.parse(path.read_text("utf-8"))):
        if use.startswith("httpx.") or use in CONNECTING:
            used.add(use)
        used |= {library for library in LIBRARIES if use == library or use.startswith(f"{library}.")}
    return {use for use in used if not use.startswith("httpx.") or use.partition(".")[2] in SENDING}


MODULES = [
    pytest.param(path, id=str(path.relative_to(ROOT)))
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
    if not path.is_relative_to(ROOT / "nodes" / "http")
]


@pytest.mark.parametrize("path", MODULES)
def test_nobody_else_connects(path: Path) -> None:
    allowed = ALLOWED.get(path.relative_to(ROOT).as_posix(), set())
    assert found(path) <= allowed, "let context.resources.http do it: send, client, client2, check or connect"


@pytest.mark.parametrize(
    "source",
    [
        "import httpx\nhttpx.AsyncClient()",
        "from httpx2 import AsyncClient",
        "import urllib.request",
        "from urllib import request",
        "from http.client import HTTPSConnection",
        "import asyncio\nasyncio.open_connection('a', 1)",
        "from asyncio import open_connection",
        "def f():\n    import requests",
    ],
)
def test_the_search_finds(source: str, tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(source)
    assert found(path)


def test_the_search_finds_no_more(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text("import httpx\nfrom urllib.parse import quote\ndef f(u: httpx.URL) -> httpx.Request: ...")
    assert found(path) == set()
