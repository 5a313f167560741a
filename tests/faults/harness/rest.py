"""A service of the API as the gateway has it, over REST, but called as a stub is."""

import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from urllib.parse import quote

import grpc.aio
import httpx
from google.protobuf import json_format
from google.protobuf.message import Message

from services.gateway import contract
from services.gateway.contract import Method
from services.gateway.rest_table import TABLE


class Rest:
    """One service at one gateway; what fails does so as a gRPC call would."""

    def __init__(self, web: httpx.AsyncClient, service: str) -> None:
        self._web = web
        self._methods = {method.name: method for method in contract.methods([service])}

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        """The method of that name."""
        return partial(self._call, self._methods[name])

    async def _call(self, method: Method, request: Message, timeout: float) -> Message:
        place = TABLE[method.path]
        fields: dict[str, Any] = json_format.MessageToDict(request, preserving_proto_field_name=True)
        path = re.sub(r"{(\w+)}", lambda found: quote(str(fields.pop(found[1])), safe=""), place.path)
        given: dict[str, Any] = {"params": fields} if place.in_query else {"json": fields}
        try:
            answer = await self._web.request(place.verb, path, timeout=timeout, **given)
        except httpx.TransportError as error:
            raise _failure(grpc.StatusCode.UNAVAILABLE, repr(error)) from None
        if answer.is_success:
            return json_format.Parse(answer.content, method.response())
        told = answer.json()
        code = "CANCELLED" if told["code"] == "canceled" else told["code"].upper()
        raise _failure(grpc.StatusCode[code], f"{told['reason']}: {told['message']}")


def _failure(code: grpc.StatusCode, details: str) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details)
