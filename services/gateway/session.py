"""Signing in and out in a browser: /api/v1/session for the web, /signin for people without JavaScript."""

import json
from typing import Any

import grpc
from google.protobuf import json_format
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from workflow_engine.v1 import auth_pb2

from services.gateway import calls, contract, cookies
from services.gateway.answers import Code, Failure, failure_of
from services.gateway.bodies import read, read_form
from services.gateway.content_type import JSON, content_type, unsupported
from services.gateway.csrf import Csrf
from services.gateway.pages import page
from services.gateway.renewal import METHODS, tokens_of
from services.gateway.site import Site

_PATH = "/api/v1/session"
_FORM_BYTES = 16 * 1024


def routes(site: Site, csrf: Csrf) -> list[BaseRoute]:
    """The session as a resource, and the page."""

    async def who(request: Request) -> Response:
        answer = await calls.unary(site, request, METHODS["WhoAmI"], auth_pb2.WhoAmIRequest(), via="web")
        body: dict[str, Any] = json.loads(contract.write_json(answer))
        session_id = getattr(request.state, "session_id", "")
        return JSONResponse({**body, "csrfToken": csrf.token(session_id)})

    async def sign_in(request: Request) -> Response:
        if content_type(request).media_type != JSON:
            raise unsupported(JSON)
        given = contract.read_json(auth_pb2.SignInRequest, await read(request, _FORM_BYTES))
        answer = await _signed_in(site, request, given)
        shown = json_format.MessageToDict(answer, always_print_fields_with_no_presence=True)
        # The tokens are the cookies' alone: no script of the page ever sees them.
        shown.pop("tokens", None)
        session_id = cookies.claims_of(answer.tokens.access_token).session_id
        response = JSONResponse({**shown, "csrfToken": csrf.token(session_id)})
        cookies.keep(request, response, tokens_of(answer.tokens))
        return response

    async def sign_out(request: Request) -> Response:
        if getattr(request.state, "access_token", "") or "authorization" in request.headers:
            await _signed_out(site, request)
        response = Response(status_code=204)
        cookies.forget(request, response)
        return response

    return [
        Route(_PATH, who, methods=["GET"]),
        Route(_PATH, sign_in, methods=["POST"]),
        Route(_PATH, sign_out, methods=["DELETE"]),
        *_page_routes(site),
    ]


def _page_routes(site: Site) -> list[BaseRoute]:
    async def show(request: Request) -> Response:
        return _form(site, request, local_path(request.query_params.get("next", "")))

    async def post(request: Request) -> Response:
        form = await read_form(request, _FORM_BYTES)
        email, password, target = form.text("email"), form.text("password"), local_path(form.text("next"))
        try:
            answer = await _signed_in(site, request, auth_pb2.SignInRequest(email=email, password=password))
        except grpc.aio.AioRpcError as error:
            failure = failure_of(error)
            if failure.http_status >= 500:
                raise
            return _form(site, request, target, email, failure)
        response = RedirectResponse(target, 303)
        cookies.keep(request, response, tokens_of(answer.tokens))
        return response

    return [Route("/signin", show, methods=["GET"]), Route("/signin", post, methods=["POST"])]


def local_path(path: str) -> str:
    """A path of this server that a browser may be sent to; the start page for everything else."""
    fits = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isascii() and path.isprintable()
    return path if fits and "\\" not in path and len(path) <= 2000 else "/"


async def _signed_in(site: Site, request: Request, given: Any) -> auth_pb2.SignInResponse:
    answer = await calls.unary(site, request, METHODS["SignIn"], given, via="web")
    assert isinstance(answer, auth_pb2.SignInResponse)
    return answer


async def _signed_out(site: Site, request: Request) -> None:
    try:
        await calls.unary(site, request, METHODS["SignOut"], auth_pb2.SignOutRequest(), via="web")
    except grpc.aio.AioRpcError as error:
        # A session that is over already needs no end.
        if error.code() is not Code.UNAUTHENTICATED:
            raise


def _form(site: Site, request: Request, target: str, email: str = "", failure: Failure | None = None) -> Response:
    provider = site.sign_on is not None and site.sign_on.configured
    status = failure.http_status if failure else 200
    headers = failure.headers if failure else {}
    values = {"target": target, "email": email, "failure": failure, "provider": provider, "local": site.local}
    return page(request, "signin.html", status=status, headers=headers, **values)
