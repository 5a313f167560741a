"""Offers one HTTP call as a tool: arguments fill the URL, the query or the body."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

import httpx
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from nodes.base import Item, NodeExecutionContext
from nodes.credentials.credential import Credential, CredentialSlot
from nodes.http.authentication import TYPES, authorization
from nodes.http.egress import Egress
from nodes.http.exchange import shown_url, status_error
from nodes.http.request import header_list, query_list, target
from nodes.json_schema import InvalidSchema, Schema
from nodes.parameters import Duration, misuse
from nodes.tool.placeholders import check, fill, names_in
from nodes.tool.reading import item_of
from nodes.tool.tool import Tool, ToolDescription, ToolParameters
from nodes.values import listed
from orchestrator import exact_json

_WITHOUT_BODY = ("GET", "HEAD", "DELETE")
_SAFE = ("GET", "HEAD")


def _usable(schema: dict[str, Any] | None) -> dict[str, Any] | None:
    if schema is None:
        return None
    try:
        Schema(schema)
    except InvalidSchema as error:
        raise misuse(f"is no JSON Schema: {error}") from None
    if schema.get("type", "object") != "object":
        raise misuse('must describe an object: "type": "object"')
    return schema


class HttpToolParameters(ToolParameters):
    """Parameters of HTTP."""

    name: str = Field(
        default="http_request", pattern=r"^[A-Za-z0-9_-]{1,64}$", description="The name by which an agent calls it."
    )
    description: str = Field(default="", max_length=4096, description="What it does, and when an agent should use it.")
    method: Annotated[
        Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"],
        BeforeValidator(lambda given: given.upper() if isinstance(given, str) else given),
    ] = Field(default="GET", description="The HTTP method.")
    url: Annotated[str, AfterValidator(check)] = Field(
        min_length=1,
        max_length=64 * 1024,
        description="The address. {placeholders} in its path and query are filled with arguments of their names.",
    )
    headers: dict[str, Any] = Field(default_factory=dict, description="Headers by name; null leaves one out.")
    arguments_schema: Annotated[dict[str, Any] | None, AfterValidator(_usable)] = Field(
        default=None,
        alias="schema",
        description="The JSON Schema of the arguments; by default each placeholder is a text that must be given.",
    )
    timeout: Duration = Field(default=30.0, gt=0, le=3600, description="How long the whole exchange may take.")

    @model_validator(mode="after")
    def _described(self) -> Self:
        if not isinstance(self.arguments_schema, dict) or "{{" in self.url:
            return self
        known = self.arguments_schema.get("properties")
        unknown = [name for name in names_in(self.url) if isinstance(known, dict) and name not in known]
        if unknown:
            raise misuse(f'has a "schema" without {listed(unknown)}, which the URL needs')
        return self


class HttpTool(Tool[HttpToolParameters]):
    """Offers one HTTP call."""

    subtype = "HTTP"
    model = HttpToolParameters
    credentials: ClassVar = {"auth": CredentialSlot(TYPES, required=False)}

    async def list_tools(self, context: NodeExecutionContext[HttpToolParameters]) -> list[ToolDescription]:
        """Its one function."""
        given = context.parameters
        return [ToolDescription(given.name, given.description, _schema(given))]

    async def invoke(
        self, context: NodeExecutionContext[HttpToolParameters], tool: ToolDescription, arguments: dict[str, Any]
    ) -> list[Item]:
        """Sends the request; its answer's status and body are one item."""
        given, http = context.parameters, context.resources.http
        credential = await context.credential()
        request = _request(http, given, arguments, credential, context.idempotency_key)
        answer = await http.send(request, timeout=given.timeout, credential=credential)
        context.log(f"{request.method} {shown_url(request.url)} answered {answer.status}")
        if answer.status >= 400:
            raise status_error(request, answer)
        return [await item_of(context, answer, given.name)]


def _schema(given: HttpToolParameters) -> Mapping[str, Any]:
    if given.arguments_schema is not None:
        return given.arguments_schema
    names = names_in(given.url)
    return {"type": "object", "properties": {name: {"type": ["string", "number"]} for name in names}, "required": names}


def _request(
    http: Egress, given: HttpToolParameters, arguments: Mapping[str, Any], credential: Credential | None, key: str
) -> httpx.Request:
    placed = names_in(given.url)
    rest = {name: value for name, value in arguments.items() if name not in placed}
    url = fill(given.url, arguments)
    proof = authorization(credential) if credential else None
    headers = header_list({**given.headers, **(proof.headers if proof else {})})
    query = [*(proof.query.items() if proof else ())]
    content = None
    if given.method in _WITHOUT_BODY:
        query = [*query_list(rest), *query]
    elif rest:
        content = exact_json.dumps(rest).encode()
        headers.append((b"content-type", b"application/json"))
    if key and given.method not in _SAFE:
        headers.append((b"idempotency-key", key.encode()))
    return http.build(given.method, target(url, query), headers=headers, content=content)
