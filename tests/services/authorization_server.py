"""An OAuth 2 authorization server that isn't ours (the MCP SDK's), with a resource behind it, on 127.0.0.1."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import uvicorn
from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    OAuthAuthorizationServerProvider,
    RefreshToken,
    construct_redirect_uri,
)
from mcp.server.auth.routes import create_auth_routes
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from pydantic import AnyHttpUrl, AnyUrl
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

CLIENT_ID = "orchestrator"
CLIENT_SECRET = "client secret/with=odd+characters"
REDIRECT = "http://127.0.0.1:9/callback"


@dataclass
class Provider(OAuthAuthorizationServerProvider[AuthorizationCode, RefreshToken, AccessToken]):
    """Who consents at once; keeps everything in memory. `lasts` is the life of access tokens in seconds."""

    authentication: str = "client_secret_post"
    lasts: int = 3600
    delay: float = 0.0
    grants: list[str] = field(default_factory=list)
    codes: dict[str, AuthorizationCode] = field(default_factory=dict)
    refresh_tokens: dict[str, RefreshToken] = field(default_factory=dict)
    access_tokens: dict[str, AccessToken] = field(default_factory=dict)

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        if client_id != CLIENT_ID:
            return None
        return OAuthClientInformationFull(
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            redirect_uris=[AnyUrl(REDIRECT)],
            grant_types=["authorization_code", "refresh_token"],
            scope="read write",
            token_endpoint_auth_method=self.authentication,  # type: ignore[arg-type]
        )

    async def authorize(self, client: OAuthClientInformationFull, params: AuthorizationParams) -> str:
        code = f"code-{uuid4().hex}"
        self.codes[code] = AuthorizationCode(
            code=code,
            client_id=CLIENT_ID,
            scopes=params.scopes or [],
            expires_at=time.time() + 60,
            code_challenge=params.code_challenge,
            redirect_uri=params.redirect_uri,
            redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly,
        )
        return construct_redirect_uri(str(params.redirect_uri), code=code, state=params.state)

    async def load_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: str
    ) -> AuthorizationCode | None:
        return self.codes.get(authorization_code)

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: AuthorizationCode
    ) -> OAuthToken:
        del self.codes[authorization_code.code]
        return self.give("authorization_code", authorization_code.scopes)

    async def load_refresh_token(self, client: OAuthClientInformationFull, refresh_token: str) -> RefreshToken | None:
        await asyncio.sleep(self.delay)
        return self.refresh_tokens.get(refresh_token)

    async def exchange_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: RefreshToken, scopes: list[str]
    ) -> OAuthToken:
        # Refresh tokens are rotated: the old one is good for nothing any more.
        del self.refresh_tokens[refresh_token.token]
        return self.give("refresh_token", scopes)

    async def load_access_token(self, token: str) -> AccessToken | None:
        return self.access_tokens.get(token)

    def give(self, grant: str, scopes: list[str], *, renewable: bool = True) -> OAuthToken:
        self.grants.append(grant)
        access, refresh = f"access-{uuid4().hex}", f"refresh-{uuid4().hex}"
        expires = int(time.time()) + self.lasts
        self.access_tokens[access] = AccessToken(token=access, client_id=CLIENT_ID, scopes=scopes, expires_at=expires)
        if renewable:
            self.refresh_tokens[refresh] = RefreshToken(token=refresh, client_id=CLIENT_ID, scopes=scopes)
        return OAuthToken(
            access_token=access,
            expires_in=self.lasts,
            scope=" ".join(scopes),
            refresh_token=refresh if renewable else None,
        )


@dataclass
class Service:
    """The running server, and what its clients sent it."""

    url: str
    provider: Provider
    seen: list[dict[str, Any]] = field(default_factory=list)

    def fields(self, **changes: Any) -> dict[str, Any]:
        """The fields of an integration of the type `oauth2` with it."""
        return {
            "authorize_url": f"{self.url}/authorize",
            "token_url": f"{self.url}/token",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "scopes": ["read"],
            "client_authentication": "body",
        } | changes

    async def echo(self, request: Request) -> Response:
        """What the client sent, as services do that help with looking for errors."""
        body = (await request.body()).decode()
        self.seen.append({"headers": dict(request.headers), "query": dict(request.query_params)})
        status = int(request.path_params["status"])
        answer = {"headers": dict(request.headers), "query": dict(request.query_params), "url": str(request.url)}
        return JSONResponse(
            answer | {"body": body}, status, headers={"x-echo": request.headers.get("authorization", "")}
        )

    async def own_token(self, request: Request) -> Response:
        """The client-credentials grant, which the SDK's server hasn't."""
        form = await request.form()
        await asyncio.sleep(self.provider.delay)
        if form.get("client_secret") != CLIENT_SECRET or form.get("grant_type") != "client_credentials":
            description = f"wrong secret {form.get('client_secret')}"
            return JSONResponse({"error": "invalid_client", "error_description": description}, 401)
        given = self.provider.give("client_credentials", str(form.get("scope", "")).split(), renewable=False)
        return JSONResponse(given.model_dump(exclude_none=True))


@asynccontextmanager
async def running() -> AsyncIterator[Service]:
    """The server, until the block ends."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    service = Service(url, Provider())
    routes = [
        *create_auth_routes(service.provider, AnyHttpUrl(url)),
        Route("/own-token", service.own_token, methods=["POST"]),
        Route("/echo/{status}", service.echo, methods=["GET", "POST"]),
    ]
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), log_level="error", lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        yield service
    finally:
        server.should_exit = True
        await serving
