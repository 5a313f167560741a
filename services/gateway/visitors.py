"""Who of the installation's own people visits an outsiders' address: such a page asks, and lets others in by itself."""

from collections.abc import Sequence
from urllib.parse import quote

import grpc
from starlette.requests import Request
from starlette.responses import RedirectResponse
from workflow_engine.v1 import auth_pb2

from services.gateway import calls
from services.gateway.answers import Code
from services.gateway.clients import address_of
from services.gateway.origins import comes_from_here
from services.gateway.paths import SAFE
from services.gateway.renewal import METHODS
from services.gateway.site import Site
from services.identity.caller import Caller, Role

_NOBODY: Sequence[grpc.StatusCode] = (Code.UNAUTHENTICATED, Code.PERMISSION_DENIED)


async def member(site: Site, request: Request, workspace: str, via: str) -> Caller | None:
    """Who visits, if it is a member of the workspace: by a bearer token, or a session that a page of ours sends."""
    address = address_of(request)
    if site.local:
        return Caller("", workspace, Role.OWNER, address, via, local=True)
    session = getattr(request.state, "visitor_token", "")
    if "authorization" not in request.headers:
        if not session:
            return None
        if request.method not in SAFE and not comes_from_here(request, site.public_url, strict=True):
            return None
    message = auth_pb2.WhoAmIRequest()
    try:
        answer = await calls.aside(
            site, request, METHODS["WhoAmI"], message, via=via, token=session or None, workspace=workspace
        )
    except grpc.aio.AioRpcError as error:
        if error.code() in _NOBODY:
            return None
        raise
    assert isinstance(answer, auth_pb2.WhoAmIResponse)
    if answer.workspace.id != workspace:
        return None
    role = Role(auth_pb2.Role.Name(answer.workspace.role))
    return Caller(answer.user.id, workspace, role, address, via, email=answer.user.email)


def sign_in_page(request: Request) -> RedirectResponse:
    """Where a browser signs in, and then comes back from."""
    return RedirectResponse(f"/signin?next={quote(request.url.path)}", 303, {"cache-control": "no-store"})
