"""Lets a browser's session count as a sign-in: renewed in time, and only for requests that were meant."""

import time

import grpc
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway import cookies
from services.gateway.answers import Refused, answer, failure_of
from services.gateway.cookies import Tokens, claims_of
from services.gateway.csrf import HEADER, Csrf, refused
from services.gateway.origins import comes_from_here
from services.gateway.paths import SAFE, SIGN_IN, checks_origin_itself, is_for_outsiders, is_visited
from services.gateway.renewal import EARLY, Renewal
from services.gateway.site import Site


class SessionCookies:
    """Middleware: puts the session's access token where calls of the API find it."""

    def __init__(self, app: ASGIApp, site: Site, csrf: Csrf, renewal: Renewal) -> None:
        self._app = app
        self._site = site
        self._csrf = csrf
        self._renewal = renewal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reads the cookies, unless the request signs in by itself."""
        if scope["type"] != "http" or not self._counts(HTTPConnection(scope)):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        changes = Response()
        try:
            await self._let_in(request, changes)
        except Refused as error:
            await answer(request, failure_of(error))(scope, receive, send)
            return
        await self._app(scope, receive, _with_cookies(send, changes))

    def _counts(self, request: HTTPConnection) -> bool:
        path, method = request.url.path, request.scope["method"]
        if "authorization" in request.headers or (method, path) in SIGN_IN:
            return False
        if is_for_outsiders(path) and not is_visited(path):
            return False
        return any(cookies.read(request))

    async def _let_in(self, request: Request, changes: Response) -> None:
        access, refresh = cookies.read(request)
        if refresh and claims_of(access).expires < time.time() + EARLY:
            access = await self._renewed(request, access, refresh, changes)
        if not access:
            return
        if is_visited(request.url.path):
            # It counts for nothing but what the page itself asks of it.
            request.state.visitor_token = access
            return
        session_id = claims_of(access).session_id
        request.state.session_id = session_id
        if request.method in SAFE or checks_origin_itself(request.url.path):
            request.state.access_token = access
            return
        if not comes_from_here(request, self._site.public_url, strict=True):
            raise refused()
        if self._csrf.valid(request.headers.get(HEADER, ""), session_id):
            request.state.access_token = access
        else:
            raise refused()

    async def _renewed(self, request: Request, access: str, refresh: str, changes: Response) -> str:
        try:
            tokens: Tokens | None = await self._renewal.renewed(request, refresh)
        except grpc.aio.AioRpcError:
            # It can't be told now; the API says what comes of the old one.
            return access
        if tokens is None:
            cookies.forget(request, changes)
            return ""
        cookies.keep(request, changes, tokens)
        return tokens.access


def _with_cookies(send: Send, changes: Response) -> Send:
    added = [value for name, value in changes.raw_headers if name == b"set-cookie"]

    async def changed(message: Message) -> None:
        # An endpoint that sets the same cookies has the last word.
        if message["type"] == "http.response.start" and added:
            headers = MutableHeaders(raw=list(message["headers"]))
            if not any("orchestrator_access=" in value for value in headers.getlist("set-cookie")):
                for value in added:
                    headers.append("set-cookie", value.decode("latin-1"))
                message = {**message, "headers": headers.raw}
        await send(message)

    return changed
