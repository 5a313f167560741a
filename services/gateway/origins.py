"""Keeps other sites' pages from calling through a browser: by the Host that is asked, and the Origin that asks."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.answers import Code, Refused, answer, failure_of
from services.gateway.paths import SAFE, checks_origin_itself
from services.gateway.site import Site

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Origins:
    """Middleware. A local server asks nobody to sign in, so its Host must be this machine: DNS can lie to browsers."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self._app = app
        self._site = site
        public = urlsplit(site.public_url).hostname
        self._hosts = _LOOPBACK | ({public} if public else set())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuses what another site's page has sent."""
        if scope["type"] == "http":
            request = HTTPConnection(scope)
            refused = self._refusal(request, scope["method"])
            if refused:
                await answer(request, failure_of(refused))(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, request: HTTPConnection, method: str) -> Refused | None:
        hosts = request.headers.getlist("host")
        if len(hosts) != 1 or _hostname(hosts[0]) is None:
            return Refused(Code.INVALID_ARGUMENT, "BAD_HOST", "the request needs one Host header")
        if self._site.local and _hostname(hosts[0]) not in self._hosts:
            message = (
                "a server on one's own machine answers as localhost only; ORCHESTRATOR_PUBLIC_URL can name another"
            )
            return Refused(Code.PERMISSION_DENIED, "HOST_NOT_ALLOWED", message)
        if method in SAFE or checks_origin_itself(request.url.path) or "authorization" in request.headers:
            return None
        if comes_from_here(request, self._site.public_url, self._site.options.cors_origins):
            return None
        message = "the request was sent by a page of another site; behind a proxy, set ORCHESTRATOR_PUBLIC_URL"
        return Refused(Code.PERMISSION_DENIED, "OTHER_ORIGIN", message)


def comes_from_here(
    request: HTTPConnection, public_url: str, others: Sequence[str] = (), *, strict: bool = False
) -> bool:
    """Whether a page of ours sent it; programs say nothing about that, which is enough unless it is `strict`."""
    origin = request.headers.get("origin")
    if origin is not None:
        ours = {f"{request.url.scheme}://{request.headers.get('host', '')}", _origin(public_url), *others}
        return origin.lower() in {one.lower() for one in ours}
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    return not strict


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _hostname(host: str) -> str | None:
    try:
        parts = urlsplit(f"//{host}")
        return parts.hostname.rstrip(".") if parts.hostname and parts.netloc == host and "@" not in host else None
    except ValueError:
        return None
