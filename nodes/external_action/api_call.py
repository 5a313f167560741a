"""Calls an operation of any service that has an OpenAPI description, and checks both ways against it."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import httpx
from pydantic import AfterValidator, Field, SecretStr

from nodes.base import NodeExecutionContext, NodeExecutor, Output, Parameters, PermanentError
from nodes.credentials.credential import Credential, CredentialFields, CredentialSlot, CredentialType
from nodes.http.authentication import TYPES, authorization
from nodes.http.exchange import shown_url, status_error
from nodes.http.request import header_list, target
from nodes.openapi.description import Description, Operation
from nodes.openapi.request import Prepared, prepare
from nodes.openapi.response import body_of
from nodes.openapi.security import is_required, schemes
from nodes.openapi.source import Descriptions
from nodes.openapi.style import escaped
from nodes.parameters import Duration, misuse
from nodes.tool.reading import file_of
from nodes.values import listed
from orchestrator.model import NodeType

_SAFE = ("GET", "HEAD", "OPTIONS")


class ApiKeyFields(CredentialFields):
    """What an API key is."""

    key: SecretStr = Field(description="The key; the description of the API says where it goes.")


API_KEY = CredentialType("api_key", "API key", ApiKeyFields)


def _spec(spec: dict[str, Any] | str) -> dict[str, Any] | str:
    if not spec or (isinstance(spec, str) and not spec.strip()):
        raise misuse("is empty; give an OpenAPI description, as an object, as text, or its URL")
    return spec


class ApiCallParameters(Parameters):
    """Parameters of API_CALL."""

    spec: Annotated[dict[str, Any] | str, AfterValidator(_spec)] = Field(
        description="The OpenAPI 3 description: an object, JSON or YAML text, or the URL of one."
    )
    operation_id: str = Field(
        min_length=1, max_length=500, description='The operationId; or a method and a path such as "GET /users/{id}".'
    )
    arguments: dict[str, Any] = Field(
        default_factory=dict,
        description="The operation's parameters by name, and `body` for what is sent. "
        "Where two parameters share a name: `path.id`, `query.id`.",
    )
    base_url: str = Field(
        default="", max_length=8192, description="Where the service is, instead of what the description says."
    )
    validate_response: bool = Field(default=True, description="Check the answer against the description, too.")
    full_response: bool = Field(
        default=False, description="Emit {status, headers, body} instead of the body's data alone."
    )
    timeout: Duration = Field(default=30.0, gt=0, le=3600, description="How long the whole exchange may take.")


class ApiCall(NodeExecutor[ApiCallParameters]):
    """Calls one operation of a described API."""

    type = NodeType.EXTERNAL_ACTION_NODE
    subtype = "API_CALL"
    model = ApiCallParameters
    credentials: ClassVar = {"auth": CredentialSlot((API_KEY, *TYPES), required=False)}

    def __init__(self) -> None:
        self._descriptions = Descriptions()

    async def execute(self, context: NodeExecutionContext[ApiCallParameters]) -> Output:
        """Calls the operation for one item."""
        given, http = context.parameters, context.resources.http
        description = await self._descriptions.get(given.spec, http)
        operation = description.operation(given.operation_id)
        prepared = prepare(description, operation, given.arguments)
        credential = await context.credential()
        base = given.base_url or description.base_url(operation)
        _authorize(description, operation, prepared, credential)
        request = _request(context, prepared, base)
        answer = await http.send(request, timeout=given.timeout, credential=credential)
        context.log(f"{request.method} {shown_url(request.url)} answered {answer.status}")
        if answer.status >= 400:
            raise status_error(request, answer)
        body = body_of(description, operation, answer, checked=given.validate_response)
        files = await file_of(context, answer, operation.name) if answer.body and answer.text() is None else {}
        if given.full_response:
            full = {"status": answer.status, "headers": dict(answer.headers), "body": body}
            return Output({"main": [{"json": full, **files}]})
        return Output({"main": [{"json": entry, **files} for entry in _entries(body)]})


def _request(context: NodeExecutionContext[ApiCallParameters], prepared: Prepared, base: str) -> httpx.Request:
    headers = header_list(dict(prepared.headers))
    names = {name.lower() for name, _ in headers}
    if b"accept" not in names:
        headers.append((b"accept", b"application/json, */*;q=0.5"))
    if context.idempotency_key and prepared.method not in _SAFE and b"idempotency-key" not in names:
        headers.append((b"idempotency-key", context.idempotency_key.encode()))
    url = target(prepared.url(str(target(base, []))), [])
    return context.resources.http.build(prepared.method, url, headers=headers, content=prepared.content)


def _authorize(
    description: Description, operation: Operation, prepared: Prepared, credential: Credential | None
) -> None:
    """Puts the credential where the description wants it."""
    if credential is None:
        if is_required(description, operation):
            wanted = listed([scheme.name for scheme in schemes(description, operation)])
            raise PermanentError(
                f'{operation.name} needs a credential ({wanted}), and the node has none in its slot "auth"',
                code="MISSING_CREDENTIAL",
                hint='create an integration, and put its id into the node\'s credentials as "auth"',
            )
        return
    if credential.type is not API_KEY:
        proof = authorization(credential)
        prepared.headers += proof.headers.items()
        prepared.query += [(escaped(name), escaped(value)) for name, value in proof.query.items()]
        return
    assert isinstance(credential.fields, ApiKeyFields)
    _place_key(description, operation, prepared, credential.fields.key.get_secret_value())


def _place_key(description: Description, operation: Operation, prepared: Prepared, key: str) -> None:
    for scheme in schemes(description, operation):
        if scheme.type == "http" and scheme.scheme == "bearer":
            prepared.headers.append(("Authorization", f"Bearer {key}"))
        elif scheme.type == "apiKey" and scheme.place == "header":
            prepared.headers.append((scheme.key_name, key))
        elif scheme.type == "apiKey" and scheme.place == "query":
            prepared.query.append((escaped(scheme.key_name), escaped(key)))
        elif scheme.type == "apiKey" and scheme.place == "cookie":
            prepared.add_cookies([(scheme.key_name, key)])
        else:
            continue
        return
    raise PermanentError(
        f"the description doesn't say where {operation.name} takes an API key",
        code="INVALID_CREDENTIAL",
        hint="use a credential that says it itself: a bearer token, a header or a query parameter",
    )


def _entries(body: Any) -> list[dict[str, Any]]:
    if body is None:
        return [{}]
    if isinstance(body, Mapping):
        return [dict(body)]
    if isinstance(body, list) and all(isinstance(entry, Mapping) for entry in body):
        return [dict(entry) for entry in body]
    return [{"data": body}]
