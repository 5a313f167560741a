"""What the server's interceptors have in common: each wraps every handler that takes one request."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
from grpc.aio import ServerInterceptor

Unary = Callable[..., Awaitable[Any]]
Stream = Callable[..., AsyncIterator[Any]]


class WrappingInterceptor(ServerInterceptor):
    """Puts `unary` and `stream` around handlers, once for each method."""

    def __init__(self) -> None:
        # Each method's handler, and what it was wrapped into.
        self._wrapped: dict[str, tuple[Any, Any]] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Wraps the method's handler."""
        handler = await continuation(handler_call_details)
        method = str(handler_call_details.method)
        if handler is None:
            # What isn't known may be called anything: nothing is kept of it.
            return None
        known, wrapped = self._wrapped.get(method, (None, None))
        if known is not handler:
            wrapped = self._wrap(handler, method)
            self._wrapped[method] = handler, wrapped
        return wrapped

    def _wrap(self, handler: Any, method: str) -> Any:
        if handler.request_streaming:
            return self.two_way(handler, method)
        decode, encode = self.decoder(handler.request_deserializer), handler.response_serializer
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(self.stream(handler.unary_stream, method), decode, encode)
        return grpc.unary_unary_rpc_method_handler(self.unary(handler.unary_unary, method), decode, encode)

    def unary(self, call: Unary, method: str) -> Unary:
        """What is called in the place of a method with one answer."""
        return call

    def stream(self, call: Stream, method: str) -> Stream:
        """What is called in the place of a method with many answers."""
        return call

    def two_way(self, handler: Any, method: str) -> Any:
        """The handler in the place of one that takes many requests; none of ours does."""
        return handler

    def decoder(self, decode: Any) -> Any:
        """What reads a method's requests."""
        return decode
