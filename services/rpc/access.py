"""The interceptor that lets calls in: nobody reaches a handler before it was said who calls, and that they may."""

import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
from grpc.aio import ServicerContext

from services.identity.authenticator import Authenticator
from services.identity.cache import SECONDS
from services.identity.caller import Caller, set_caller
from services.identity.permissions import AUTH_SERVICE, TABLE, Access
from services.identity.scope import check_user
from services.rpc.wrapping import Stream, Unary, WrappingInterceptor


class AccessInterceptor(WrappingInterceptor):
    """Sets the Caller of each call, or refuses it; the error interceptor, outside of this one, answers."""

    def __init__(self, authenticator: Authenticator) -> None:
        super().__init__()
        self._authenticator = authenticator

    def two_way(self, handler: Any, method: str) -> Any:
        """The reflection service's are for anybody."""
        return handler if TABLE.get(method) is Access.PUBLIC else _refused(handler, method)

    def unary(self, call: Unary, method: str) -> Unary:
        """Lets a call in."""

        async def let_in(request: Any, context: "ServicerContext[Any, Any]") -> Any:
            set_caller(await self._caller(method, request, context))
            return await call(request, context)

        return let_in

    def stream(self, call: Stream, method: str) -> Stream:
        """Lets a call in, for as long as it may stay."""

        async def let_in(request: Any, context: "ServicerContext[Any, Any]") -> AsyncIterator[Any]:
            set_caller(await self._caller(method, request, context))
            checked = time.monotonic()
            async for response in call(request, context):
                # Streams last; who was shown the door meanwhile hears no more.
                if time.monotonic() - checked > SECONDS:
                    await self._caller(method, request, context, begun=True)
                    checked = time.monotonic()
                yield response

        return let_in

    async def _caller(
        self, method: str, request: Any, context: "ServicerContext[Any, Any]", *, begun: bool = False
    ) -> Caller:
        given = context.invocation_metadata() or ()
        metadata = {key: value for key, value in given if isinstance(value, str)}
        caller = await self._authenticator.caller(method, metadata, context.peer(), begun=begun)
        # Everywhere but in the AuthService, a request's user_id says who makes it.
        if not method.startswith(f"/{AUTH_SERVICE}/"):
            check_user(caller, getattr(request, "user_id", ""))
        return caller


def _refused(handler: Any, method: str) -> Any:
    async def refuse(requests: Any, context: "ServicerContext[Any, Any]") -> None:
        await context.abort(grpc.StatusCode.PERMISSION_DENIED, f"{method[:200]} may be called by nobody")

    return grpc.stream_stream_rpc_method_handler(refuse, handler.request_deserializer, handler.response_serializer)
