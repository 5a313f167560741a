"""The one style sheet of the pages that need no JavaScript."""

from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from services.gateway.site import Site


def routes(site: Site) -> list[BaseRoute]:
    """`/page.css`."""
    text = files("services.gateway").joinpath("templates/page.css").read_text("utf-8")

    async def sheet(request: Request) -> Response:
        return Response(text, media_type="text/css", headers={"cache-control": "public, max-age=300"})

    return [Route("/page.css", sheet)]
