"""The interceptor that lets calls in: nobody reaches a handler before it was said who calls, and that they may."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
from grpc.aio import ServerInterceptor, ServicerContext

from services.identity.authenticator import Authenticator
from services.identity.cache import SECONDS
from services.identity.caller import Caller, set_caller
from services.identity.permissions import AUTH_SERVICE, TABLE, Access
from services.identity.scope import check_user


class AccessInterceptor(ServerInterceptor):
    """Sets the Caller of each call, or refuses it; the error interceptor, outside of this one, answers."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Wraps the method's handler."""
        handler = await continuation(handler_call_details)
        method = str(handler_call_details.method)
        if handler is None:
            return handler
        if handler.request_streaming:
            # None of ours; the reflection service's is for anybody.
            return handler if TABLE.get(method) is Access.PUBLIC else _refused(handler, method)
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(
                self._stream(handler.unary_stream, method), handler.request_deserializer, handler.response_serializer
            )
        return grpc.unary_unary_rpc_method_handler(
            self._unary(handler.unary_unary, method), handler.request_deserializer, handler.response_serializer
        )

    def _unary(self, call: Callable[..., Awaitable[Any]], method: str) -> Callable[..., Awaitable[Any]]:
        async def let_in(request: Any, context: "ServicerContext[Any, Any]") -> Any:
            set_caller(await self._caller(method, request, context))
            return await call(request, context)

        return let_in

    def _stream(self, call: Callable[..., AsyncIterator[Any]], method: str) -> Callable[..., AsyncIterator[Any]]:
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
