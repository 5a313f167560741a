"""The application: all routes, in the order in which they are tried."""

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from services.gateway import health, styles
from services.gateway.failures import HANDLERS
from services.gateway.site import Site


def make_app(site: Site) -> Starlette:
    """The gateway as an ASGI application."""
    routes: list[BaseRoute] = [*health.routes(site), *styles.routes(site)]
    return Starlette(routes=routes, exception_handlers=HANDLERS)
