"""Gives the calls of a channel the metadata that says who makes them."""

from collections.abc import Sequence
from typing import Any

import grpc

Carried = Sequence[tuple[str, str]]


class _SignedCall(grpc.aio.UnaryUnaryClientInterceptor):
    """Gives every call what says who makes it."""

    def __init__(self, carried: Carried) -> None:
        self._carried = carried

    async def intercept_unary_unary(
        self, continuation: Any, client_call_details: grpc.aio.ClientCallDetails, request: Any
    ) -> Any:
        """One answer."""
        return await continuation(_signed(client_call_details, self._carried), request)


class _SignedStream(grpc.aio.UnaryStreamClientInterceptor):
    """The same for calls whose answers are streams: gRPC takes an interceptor for one kind only."""

    def __init__(self, carried: Carried) -> None:
        self._carried = carried

    async def intercept_unary_stream(
        self, continuation: Any, client_call_details: grpc.aio.ClientCallDetails, request: Any
    ) -> Any:
        """A stream of answers."""
        return await continuation(_signed(client_call_details, self._carried), request)


def signing(carried: Carried) -> list[grpc.aio.ClientInterceptor]:
    """What gives every call of a channel the same metadata."""
    return [_SignedCall(carried), _SignedStream(carried)]


def _signed(details: grpc.aio.ClientCallDetails, carried: Carried) -> grpc.aio.ClientCallDetails:
    return grpc.aio.ClientCallDetails(
        details.method,
        details.timeout,
        grpc.aio.Metadata(*(details.metadata or ()), *carried),
        details.credentials,
        details.wait_for_ready,
    )
