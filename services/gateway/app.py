"""The application: all routes, in the order in which they are tried, and what every request passes."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from services.gateway import (
    assets,
    chats,
    codec,
    connect,
    docs,
    forms,
    health,
    hooks_discord,
    hooks_slack,
    hooks_telegram,
    oauth,
    openapi,
    rest,
    resuming,
    session,
    tasks,
    webhooks,
)
from services.gateway.access_log import AccessLog
from services.gateway.clients import ClientAddress
from services.gateway.csrf import Csrf
from services.gateway.failures import HANDLERS
from services.gateway.origins import Origins
from services.gateway.other_origins import OtherOrigins
from services.gateway.rates import Buckets, RateLimit, Rates
from services.gateway.renewal import Renewal
from services.gateway.security_headers import SecurityHeaders
from services.gateway.session_cookies import SessionCookies
from services.gateway.shared_rates import RedisRates
from services.gateway.site import Site
from services.gateway.web import web

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_EXPOSED = ["Retry-After"]
_TAKEN = [
    "Authorization",
    "Content-Type",
    "X-Workspace",
    "Connect-Protocol-Version",
    "Connect-Timeout-Ms",
    "Last-Event-ID",
]


def make_app(site: Site) -> Starlette:
    """The gateway as an ASGI application."""
    csrf = Csrf(site.keys)
    routes: list[BaseRoute] = [
        *health.routes(site),
        *assets.routes(),
        *session.routes(site, csrf),
        *oauth.routes(site),
        *openapi.routes(site),
        *docs.routes(site),
        *codec.routes(site),
        *resuming.routes(site),
        *webhooks.routes(site),
        *forms.routes(site),
        *chats.routes(site),
        *tasks.routes(site),
        *hooks_slack.routes(site),
        *hooks_discord.routes(site),
        *hooks_telegram.routes(site),
        *rest.routes(site),
        *connect.routes(site),
    ]
    app = Starlette(routes=routes, exception_handlers=HANDLERS, middleware=_middleware(site, csrf))
    app.router.redirect_slashes = False
    app.router.default = web()
    return app


def _rates(site: Site, per_minute: int) -> Rates:
    own = Buckets(per_minute)
    return own if site.redis is None else RedisRates(site.redis, per_minute, own)


def _middleware(site: Site, csrf: Csrf) -> list[Middleware]:
    """From the outermost inwards."""
    options = site.options
    found = [
        Middleware(ClientAddress, proxies=options.trusted_proxies),
        Middleware(AccessLog),
        Middleware(SecurityHeaders),
    ]
    if options.requests_per_minute and not site.local:
        found.append(Middleware(RateLimit, rates=_rates(site, options.requests_per_minute)))
    if options.cors_origins:
        origins = list(options.cors_origins)
        found.append(
            Middleware(
                OtherOrigins,
                allow_origins=origins,
                allow_methods=_METHODS,
                allow_headers=_TAKEN,
                expose_headers=_EXPOSED,
            )
        )
    found.append(Middleware(Origins, site=site))
    found.append(Middleware(SessionCookies, site=site, csrf=csrf, renewal=Renewal(site)))
    return found
