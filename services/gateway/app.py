"""The application: all routes, in the order in which they are tried."""

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from services.gateway import codec, health
from services.gateway.site import Site


def make_app(site: Site) -> Starlette:
    """The gateway as an ASGI application."""
    routes: list[BaseRoute] = [*health.routes(site), *codec.routes(site)]
    return Starlette(routes=routes)
