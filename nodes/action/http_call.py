"""The requests that HTTP_REQUEST sends for one item, and their answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from nodes.action.http_parameters import HttpRequestParameters
from nodes.base import Item, NodeExecutionContext, PermanentError
from nodes.credentials.credential import Credential
from nodes.http.authentication import Authorization
from nodes.http.exchange import shown_url, status_error
from nodes.http.hop import for_another, same_origin
from nodes.http.multipart import Body, file_body, multipart_body
from nodes.http.reading import FILE_LIMIT, How, Received, read
from nodes.http.request import body_content, header_list, query_list, target
from nodes.values import shown

KEYED = frozenset({"POST", "PUT", "PATCH", "DELETE"})
Context = NodeExecutionContext[HttpRequestParameters]


@dataclass(frozen=True)
class HttpAnswer:
    """An answer that was read."""

    status: int
    headers: httpx.Headers
    received: Received
    full: bool

    def item(self) -> Item:
        """The answer as one item."""
        if not self.full:
            return {"json": {}}
        return {"json": {"status": self.status, "headers": dict(self.headers), "body": self.received.body}}


@dataclass(frozen=True)
class HttpCall:
    """The requests for one item."""

    context: Context
    credential: Credential | None
    proof: Authorization

    def request(self, url: str, sent: Mapping[str, Any], *, page: int = 0, linked: bool = False) -> httpx.Request:
        """The request for a page; `sent` are the parameters that say which, `linked` if the URL says it all."""
        given = self.context.parameters
        place = given.pagination.place if given.pagination else "query"
        own = {} if linked else given.query
        query = {**own, **(sent if place == "query" else {}), **self.proof.query}
        if linked:
            query = {name: value for name, value in query.items() if name not in httpx.URL(url).params}
        address = target(url, query_list(query))
        if self.credential is not None and address.userinfo:
            raise PermanentError(
                'the parameter "url" has a user name, and the node a credential',
                code="INVALID_PARAMETER",
                hint="remove one of them",
            )
        headers = _joined(given.headers, {**(sent if place == "headers" else {}), **self.proof.headers})
        if linked and not same_origin(address, target(given.url, [])) and self.credential is None:
            headers = for_another(headers)
        body = _with(given.body, sent) if place == "body" and sent else given.body
        return self._built(address, header_list(headers), body, page)

    def _built(self, url: httpx.URL, headers: list[tuple[bytes, bytes]], body: Any, page: int) -> httpx.Request:
        given, context = self.context.parameters, self.context
        names = {name.lower() for name, _ in headers}
        content: bytes | Body | None
        if given.body_type in ("multipart", "file") and not (body is None and given.body_type == "multipart"):
            make = multipart_body if given.body_type == "multipart" else file_body
            content = make(context.files, context.item, body)
            content_type = content.content_type.encode("latin-1", "replace")
            headers.append((b"content-length", str(content.size).encode()))
        else:
            content, content_type = body_content(body, given.body_type)
        if content_type and (b"content-type" not in names or given.body_type == "multipart"):
            headers = [(name, value) for name, value in headers if name.lower() != b"content-type"]
            headers.append((b"content-type", content_type))
        if context.idempotency_key and given.method in KEYED and b"idempotency-key" not in names:
            key = f"{context.idempotency_key}-{page}" if page else context.idempotency_key
            headers.append((b"idempotency-key", key.encode()))
        return context.resources.http.build(given.method, url, headers=headers, content=content)

    async def send(self, request: httpx.Request) -> tuple[httpx.URL, HttpAnswer]:
        """Where the answer came from, and the answer."""
        given, context = self.context.parameters, self.context
        how: How = "json" if given.pagination else given.response
        what = f"{request.method} {shown_url(request.url)}"
        async with context.resources.http.stream(
            request,
            timeout=given.timeout,
            follow_redirects=given.follow_redirects,
            credential=self.credential,
            limit=FILE_LIMIT,
        ) as incoming:
            context.log(f"{what} answered {incoming.status}")
            if incoming.status >= 400 and given.fail_on_status:
                raise status_error(request, await incoming.excerpt())
            received = await read(incoming, how, context, what)
            return incoming.url, HttpAnswer(incoming.status, incoming.headers, received, given.full_response)


def _joined(headers: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, Any]:
    """The user's headers and ours; ours count where both have one, in whatever case."""
    names = {name.lower() for name in ours}
    return {**{name: value for name, value in headers.items() if name.lower() not in names}, **ours}


def _with(body: Any, sent: Mapping[str, Any]) -> dict[str, Any]:
    if body is not None and not isinstance(body, Mapping):
        raise PermanentError(
            f'the parameter "body" is {shown(body)}; "pagination" puts a parameter into it, so it must be an object',
            code="INVALID_PARAMETER",
        )
    return {**(body or {}), **sent}
