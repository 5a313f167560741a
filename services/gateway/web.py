"""Serves the web: its files, and its one page for every address that the page itself understands."""

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

import services
from services.gateway.pages import page

BUILT = Path(services.__path__[0]) / "web" / "dist"
# The first parts of addresses that the page knows.
CLIENT_ROUTES = frozenset({"", "executions", "workflows", "inbox", "credentials", "settings"})
# Their names change with their content.
_IMMUTABLE = {"cache-control": "public, max-age=31536000, immutable"}
_FRESH = {"cache-control": "no-cache"}


def web(folder: Path = BUILT) -> ASGIApp:
    """What answers where no route does."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        await _answer(request, folder)(scope, receive, send)

    return app


def _answer(request: Request, folder: Path) -> Response:
    path = request.url.path.lstrip("/")
    if request.method not in ("GET", "HEAD"):
        raise HTTPException(404)
    file = _file(folder, path)
    if file:
        return FileResponse(file, headers=_IMMUTABLE if path.startswith("assets/") else _FRESH)
    if path.partition("/")[0] not in CLIENT_ROUTES:
        raise HTTPException(404)
    start = _file(folder, "index.html")
    return FileResponse(start, headers=_FRESH) if start else page(request, "unbuilt.html", status=503)


def _file(folder: Path, path: str) -> Path | None:
    """The file of that name, if it is one of the web's."""
    if not path or "\0" in path:
        return None
    root = folder.resolve()
    try:
        found = (root / path).resolve()
        return found if found.is_relative_to(root) and found.is_file() else None
    except (OSError, ValueError):
        return None
