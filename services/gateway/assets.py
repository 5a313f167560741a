"""What the gateway's own pages load: a style sheet, and a script that one of them can do without."""

from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

_KINDS = {"page.css": "text/css", "chat.js": "text/javascript"}


def routes() -> list[BaseRoute]:
    """One for each file."""
    return [_route(name, kind) for name, kind in _KINDS.items()]


def _route(name: str, kind: str) -> Route:
    text = files("services.gateway").joinpath("templates", name).read_text("utf-8")

    async def asset(request: Request) -> Response:
        return Response(text, media_type=kind, headers={"cache-control": "public, max-age=300"})

    return Route(f"/{name}", asset)
