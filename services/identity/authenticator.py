"""Says of each call who makes it, and whether they may: by the bearer token, the workspace and the method."""

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import unquote

from services.errors import Forbidden, Unauthenticated
from services.identity.cache import Cache
from services.identity.caller import Caller, Role
from services.identity.permissions import TABLE, Access, Need
from services.identity.tokens import API_KEY, AccessTokens, hashed, not_signed_in
from services.store.engine import Database
from services.store.identity import principals
from services.store.identity.principals import Principal

AUTHORIZATION, WORKSPACE = "authorization", "x-workspace"
GATEWAY, ADDRESS, VIA = "x-gateway", "x-client-address", "x-via"


class Authenticator:
    """`gateway_token` proves that a call comes through this process's own gateway, whose word counts for the address.

    Without `tokens` (a server without SECRET_KEY) there is nobody but local callers.
    """

    def __init__(
        self, database: Database, tokens: AccessTokens | None, cache: Cache, gateway_token: str, *, local: bool
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._cache = cache
        self._gateway_token = gateway_token
        self._local = local

    async def caller(self, method: str, metadata: Mapping[str, str], peer: str, *, begun: bool = False) -> Caller:
        """Who calls; Unauthenticated or Forbidden if they may not call that, or, once it was `begun`, not any more."""
        address, via = self._origin(metadata, peer)
        need = TABLE.get(method)
        workspace = metadata.get(WORKSPACE, "")
        if self._local:
            return Caller("", workspace, Role.OWNER, address, via, local=True)
        if need is None:
            raise Forbidden("PERMISSION_DENIED", f"{method[:200]} may be called by nobody")
        if need is Access.PUBLIC:
            return Caller("", "", Role.VIEWER, address, via)
        principal = await self.principal(metadata.get(AUTHORIZATION, ""), begun=begun)
        return _let_in(principal, method, need, workspace, address, via)

    async def principal(self, authorization: str, *, begun: bool = False) -> Principal:
        """Who an `authorization` header speaks of."""
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if not authorization:
            message = "sign in first: this call needs an access token or an API key (authorization: Bearer …)"
            raise Unauthenticated("SIGN_IN_FIRST", message)
        if scheme.lower() != "bearer" or not token or self._tokens is None:
            raise not_signed_in()
        if token.startswith(API_KEY):
            found = await self._by_key(hashed(token))
        else:
            access = self._tokens.read(token, begun=begun)
            found = await self._by_session(access.session_id)
            if found is not None and found.user_id != access.user_id:
                raise not_signed_in()
        if found is None or (found.expires_at is not None and found.expires_at <= datetime.now(UTC)):
            raise not_signed_in()
        return found

    async def _by_key(self, sha256: str) -> Principal | None:
        async def find() -> Principal | None:
            async with self._database.driver() as connection:
                return await principals.of_api_key(connection, sha256)

        return await self._cache.get(f"key {sha256}", find)

    async def _by_session(self, session_id: str) -> Principal | None:
        async def find() -> Principal | None:
            async with self._database.driver() as connection:
                return await principals.of_session(connection, session_id)

        return await self._cache.get(f"session {session_id}", find)

    def _origin(self, metadata: Mapping[str, str], peer: str) -> tuple[str, str]:
        if hmac.compare_digest(metadata.get(GATEWAY, "").encode(), self._gateway_token.encode()):
            return metadata.get(ADDRESS, "")[:100], metadata.get(VIA, "rest")[:40]
        return address_of(peer), "grpc"


def _let_in(principal: Principal, method: str, need: Need, workspace: str, address: str, via: str) -> Caller:
    membership = principal.membership(workspace)
    if membership is None and need is not Access.SIGNED_IN:
        if workspace:
            raise Forbidden("NOT_A_MEMBER", f"you aren't a member of a workspace {workspace[:128]!r}")
        raise Forbidden("NOT_A_MEMBER", "you aren't a member of any workspace; an owner of one can add you")
    role = membership.role if membership else Role.VIEWER
    if isinstance(need, Role) and not role.includes(need):
        name = method.rpartition("/")[2]
        message = f"{name} needs the role {need} in the workspace; yours is {role}"
        raise Forbidden("PERMISSION_DENIED", message)
    return Caller(
        principal.user_id,
        membership.workspace if membership else "",
        role,
        address,
        via,
        email=principal.email,
        session_id=principal.session_id,
        api_key_id=principal.api_key_id,
    )


def address_of(peer: str) -> str:
    """The address in gRPC's name of a peer, such as `ipv4:127.0.0.1:1234` or `ipv6:%5B::1%5D:1234`."""
    family, _, rest = peer.partition(":")
    if family not in ("ipv4", "ipv6"):
        return ""
    return unquote(rest).rpartition(":")[0].strip("[]")
