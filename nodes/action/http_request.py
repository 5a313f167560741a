"""Calls an HTTP service, once for each item, and emits its answer."""

from typing import Annotated, Any, Literal, Self

import httpx
from pydantic import BeforeValidator, Field, model_validator

from nodes.base import NodeExecutionContext, NodeExecutor, Parameters, PermanentError, Returned
from nodes.http.egress import Egress
from nodes.http.exchange import Answer, shown_url, status_error
from nodes.http.request import body_content, header_list, query_list, target
from nodes.parameters import Duration, misuse
from orchestrator import exact_json
from orchestrator.model import NodeType

KEYED = frozenset({"POST", "PUT", "PATCH", "DELETE"})
Method = Annotated[
    Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"],
    BeforeValidator(lambda given: given.upper() if isinstance(given, str) else given),
]


class HttpRequestParameters(Parameters):
    """Parameters of HTTP_REQUEST."""

    method: Method = Field(default="GET", description="The HTTP method.")
    url: str = Field(min_length=1, max_length=64 * 1024, description="The address, with http:// or https://.")
    headers: dict[str, Any] = Field(default_factory=dict, description="Headers by name; null leaves one out.")
    query: dict[str, Any] = Field(
        default_factory=dict, description="Query parameters by name, added to the URL's own; a list repeats the name."
    )
    body: Any = Field(default=None, description="What to send: an object or list for json, an object for form.")
    body_type: Literal["json", "form", "text"] = Field(
        default="json", description="How to write the body. A json body that is text must itself be JSON."
    )
    response: Literal["auto", "json", "text"] = Field(
        default="auto", description="How to read the answer; auto goes by its content type."
    )
    full_response: bool = Field(
        default=False, description="Emit {status, headers, body} instead of the body's data alone."
    )
    timeout: Duration = Field(default=30.0, gt=0, le=3600, description="How long the whole exchange may take.")
    follow_redirects: bool = Field(default=True, description="Follow redirects, at most ten.")
    fail_on_status: bool = Field(default=True, description="Fail on a status from 400; otherwise emit the answer.")

    @model_validator(mode="after")
    def _form(self) -> Self:
        if self.body_type == "form" and isinstance(self.body, list):
            raise misuse('has a "body" that is a list; body_type "form" needs an object')
        return self


class HttpRequest(NodeExecutor[HttpRequestParameters]):
    """Sends one request and emits the JSON of the answer, or its text as `data`."""

    type = NodeType.ACTION_NODE
    subtype = "HTTP_REQUEST"
    model = HttpRequestParameters

    async def execute(self, context: NodeExecutionContext[HttpRequestParameters]) -> Returned:
        """Sends the request for one item."""
        given = context.parameters
        http = context.resources.http
        request = _request(http, given, context.idempotency_key)
        answer = await http.send(request, timeout=given.timeout, follow_redirects=given.follow_redirects)
        context.log(f"{request.method} {shown_url(request.url)} answered {answer.status}")
        if answer.status >= 400 and given.fail_on_status:
            raise status_error(request, answer)
        body = _read(answer, given.response, f"{request.method} {shown_url(request.url)}")
        if given.full_response:
            return {"status": answer.status, "headers": dict(answer.headers), "body": body}
        return _items(body)


def _request(http: Egress, given: HttpRequestParameters, key: str) -> httpx.Request:
    headers = header_list(given.headers)
    names = {name.lower() for name, _ in headers}
    content, content_type = body_content(given.body, given.body_type)
    if content_type and b"content-type" not in names:
        headers.append((b"content-type", content_type))
    if key and given.method in KEYED and b"idempotency-key" not in names:
        headers.append((b"idempotency-key", key.encode()))
    url = target(given.url, query_list(given.query))
    return http.build(given.method, url, headers=headers, content=content)


def _read(answer: Answer, how: str, what: str) -> Any:
    if not answer.body:
        return "" if how == "text" else None
    text = answer.text()
    if text is None:
        raise PermanentError(
            f"{what}: the answer ({answer.content_type or 'of no stated type'}) is neither JSON nor text",
            code="INVALID_RESPONSE",
            hint="binary files can't be fetched with this node",
        )
    if how == "text" or (how == "auto" and not answer.is_json):
        return text
    try:
        return exact_json.loads(text)
    except exact_json.NotJson as error:
        if how == "auto":
            return text
        raise PermanentError(
            f"{what}: the answer is no JSON: {str(error)[:200]}", code="INVALID_RESPONSE", hint='set "response": "text"'
        ) from None


def _items(body: Any) -> dict[str, Any] | list[dict[str, Any]]:
    if body is None:
        return {}
    if isinstance(body, dict):
        return body
    if isinstance(body, list) and all(isinstance(entry, dict) for entry in body):
        return body
    return {"data": body}
