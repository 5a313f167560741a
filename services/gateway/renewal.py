"""Renews access tokens that are about to expire, once for all requests that come at the same time."""

import asyncio
import hashlib
import time
from datetime import UTC, datetime

import grpc
from starlette.requests import Request
from workflow_engine.v1 import auth_pb2

from services.gateway import calls, contract
from services.gateway.answers import Code
from services.gateway.cookies import Tokens
from services.gateway.site import Site

# For how long before its end a token is renewed, and for how long late requests with the old one get the new one.
EARLY, LATE = 60.0, 60.0
METHODS = {method.name: method for method in contract.methods([contract.KNOWN[0]])}


class Renewal:
    """A refresh token works once; what came of it is kept for the other requests of the same page."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._asked: dict[str, tuple[float, asyncio.Task[Tokens | None]]] = {}

    async def renewed(self, request: Request, refresh: str) -> Tokens | None:
        """New tokens; None if the session is over, and AioRpcError if that can't be told now."""
        now = time.monotonic()
        self._asked = {key: entry for key, entry in self._asked.items() if now - entry[0] < LATE}
        key = hashlib.sha256(refresh.encode()).hexdigest()
        if key not in self._asked:
            # A task of its own: the first request may be given up while others wait.
            self._asked[key] = (now, asyncio.create_task(self._renew(request, refresh)))
        task = self._asked[key][1]
        try:
            return await asyncio.shield(task)
        except grpc.aio.AioRpcError:
            self._asked.pop(key, None)
            raise

    async def _renew(self, request: Request, refresh: str) -> Tokens | None:
        method = METHODS["RefreshToken"]
        stub = self._site.channel.unary_unary(
            method.path, request_serializer=method.request.SerializeToString, response_deserializer=method.decode
        )
        about = [pair for pair in calls.metadata(self._site, request, via="web") if pair[0] != "authorization"]
        try:
            answer = await stub(auth_pb2.RefreshTokenRequest(refresh_token=refresh), timeout=30, metadata=about)
        except grpc.aio.AioRpcError as error:
            if error.code() in (Code.UNAUTHENTICATED, Code.PERMISSION_DENIED, Code.INVALID_ARGUMENT, Code.NOT_FOUND):
                return None
            raise
        assert isinstance(answer, auth_pb2.RefreshTokenResponse)
        return tokens_of(answer.tokens)


def tokens_of(tokens: auth_pb2.Tokens) -> Tokens:
    """A session's tokens, from the API's message."""
    return Tokens(tokens.access_token, tokens.refresh_token, seconds_to(tokens.refresh_expires_at.ToDatetime(UTC)))


def seconds_to(moment: datetime) -> int:
    """How long it is until then."""
    return max(int((moment - datetime.now(UTC)).total_seconds()), 0)
