"""Where services send browsers back: from signing in by an OpenID provider, and from consent for an integration."""

import hmac

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from workflow_engine.v1 import integration_pb2

from services.gateway import calls, contract, cookies
from services.gateway.answers import invalid
from services.gateway.clients import address_of
from services.gateway.cookies import Tokens, is_secure
from services.gateway.pages import page
from services.gateway.renewal import seconds_to
from services.gateway.session import local_path
from services.gateway.sign_on import SignOn
from services.gateway.site import Site
from services.identity.caller import Caller, Role, set_caller
from services.store import integrations_tokens

CALLBACK = "/oauth/callback"
_STATE, _NEXT = "orchestrator_signin", "orchestrator_next"
_MINUTES = 10


def routes(site: Site) -> list[BaseRoute]:
    """`/oauth/login` begins a sign-in; `/oauth/callback` ends it, or a consent, by its state."""
    complete = next(m for m in contract.methods(contract.KNOWN) if m.name == "CompleteAuthorization")

    async def login(request: Request) -> Response:
        sign_on = _configured(site)
        _sets_caller(request)
        begun = await sign_on.begin(site.public_url + CALLBACK)
        response = RedirectResponse(begun.url, 303)
        for name, value in ((_STATE, begun.state), (_NEXT, local_path(request.query_params.get("next", "")))):
            response.set_cookie(
                name, value, _MINUTES * 60, path="/oauth/", secure=is_secure(request), httponly=True, samesite="lax"
            )
        return response

    async def callback(request: Request) -> Response:
        given = {name: request.query_params.get(name, "") for name in ("state", "code", "error", "error_description")}
        if not given["state"]:
            raise invalid("UNKNOWN_STATE", "the address lacks its state; begin again")
        kept = request.cookies.get(_STATE, "")
        if kept and hmac.compare_digest(kept.encode(), given["state"].encode()):
            return await _finished(site, request, given)
        message = integration_pb2.CompleteAuthorizationRequest(**given)
        workspace = await _workspace(site, given["state"])
        answer = await calls.unary(site, request, complete, message, via="web", workspace=workspace)
        assert isinstance(answer, integration_pb2.CompleteAuthorizationResponse)
        return page(request, "consented.html", name=answer.integration.name)

    return [Route("/oauth/login", login), Route(CALLBACK, callback)]


async def _workspace(site: Site, state: str) -> str:
    """A service's redirect names no workspace: whoever calls must be a member of the one that its state is for."""
    async with site.backend.database.reading() as session:
        return await integrations_tokens.workspace_of_consent(session, state)


async def _finished(site: Site, request: Request, given: dict[str, str]) -> Response:
    _sets_caller(request)
    signed_in = await _configured(site).finish(given["state"], given["code"], given["error"])
    tokens = signed_in.tokens
    response = RedirectResponse(local_path(request.cookies.get(_NEXT, "")), 303)
    cookies.keep(
        request, response, Tokens(tokens.access_token, tokens.refresh_token, seconds_to(tokens.refresh_expires_at))
    )
    for name in (_STATE, _NEXT):
        response.delete_cookie(name, path="/oauth/")
    return response


def _configured(site: Site) -> SignOn:
    if site.sign_on is None or not site.sign_on.configured:
        raise invalid("OIDC_NOT_CONFIGURED", "this server has no OpenID provider to sign in by")
    return site.sign_on


def _sets_caller(request: Request) -> None:
    """The audit log is to say where somebody came from who has no name yet."""
    set_caller(Caller("", "", Role.VIEWER, address_of(request), "web"))
