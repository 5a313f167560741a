"""The description of the REST API by OpenAPI 3.1, made from the contract and the table of places."""

from functools import cache
from importlib.metadata import version
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from workflow_engine.v1 import workflow_pb2

from services.gateway import contract
from services.gateway.comments import comments
from services.gateway.contract import Method
from services.gateway.rest import is_in_query, parameters_of
from services.gateway.rest_table import TABLE, Place
from services.gateway.schemas import Schema, Schemas
from services.gateway.site import Site

_ABOUT = """The same methods as the gRPC API, as JSON. Each is also there by the Connect protocol: POST its request to \
`/{package.Service}/{Method}`. Errors have a code of gRPC's, a stable reason, and every problem that was found."""
_PUBLIC = frozenset({"SignIn", "RefreshToken"})
_ERROR: Schema = {
    "type": "object",
    "required": ["code", "message", "reason", "problems", "details"],
    "properties": {
        "code": {"type": "string", "description": "gRPC's status, in lower case."},
        "message": {"type": "string"},
        "reason": {"type": "string", "description": "A stable code."},
        "problems": {"type": "array", "items": {"$ref": "#/components/schemas/Problem"}},
        "details": {
            "type": "array",
            "items": {"type": "object"},
            "description": "google.rpc details, as Connect has them.",
        },
    },
}
_SECURITY: Schema = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An access token or an API key."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "orchestrator_access",
        "description": "A browser's session (POST /api/v1/session). What changes something also sends X-CSRF-Token.",
    },
}


def routes(site: Site) -> list[BaseRoute]:
    """`/openapi.json`."""

    async def shown(request: Request) -> Response:
        return JSONResponse({**document(site.services), "servers": [{"url": site.public_url}]})

    return [Route("/openapi.json", shown)]


@cache
def document(services: tuple[str, ...]) -> dict[str, Any]:
    """The description, without the server's own address."""
    schemas = Schemas()
    schemas.of(workflow_pb2.Problem.DESCRIPTOR)
    paths: dict[str, dict[str, Any]] = {}
    for method in contract.methods(services):
        place = TABLE.get(method.path)
        if place is None:
            continue
        paths.setdefault(place.path, {})[place.verb.lower()] = _operation(method, place, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Orchestrator", "version": version("orchestrator"), "description": _ABOUT},
        "paths": paths,
        "components": {"schemas": {**schemas.found, "Error": _ERROR}, "securitySchemes": _SECURITY},
        "security": [{"bearer": []}, {"session": []}],
    }


def _operation(method: Method, place: Place, schemas: Schemas) -> dict[str, Any]:
    service = method.service.rpartition(".")[2]
    kind = "text/event-stream" if method.streams else "application/json"
    answer = {"type": "string"} if method.streams else schemas.of(method.response.DESCRIPTOR)
    operation: dict[str, Any] = {
        "operationId": method.name,
        "tags": [service],
        "summary": comments().get(f"{service}.{method.name}", _words(method.name)),
        "parameters": _parameters(method, place, schemas),
        "responses": {
            "200": {"description": "Done.", "content": {kind: {"schema": answer}}},
            "default": {
                "description": "It failed; the body says why.",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
            },
        },
    }
    if method.streams:
        operation["responses"]["204"] = {"description": "Nothing more is to come."}
    if not place.in_query:
        body = schemas.without(method.request.DESCRIPTOR, parameters_of(place))
        operation["requestBody"] = {"content": {"application/json": {"schema": body}}}
    if method.name in _PUBLIC:
        operation["security"] = []
    return operation


def _parameters(method: Method, place: Place, schemas: Schemas) -> list[dict[str, Any]]:
    in_path = parameters_of(place)
    found = []
    for field in method.request.DESCRIPTOR.fields:
        if field.name in in_path:
            found.append({"name": field.name, "in": "path", "required": True, "schema": schemas.of_field(field)})
        elif place.in_query and is_in_query(field):
            found.append({"name": field.name, "in": "query", "schema": schemas.of_field(field)})
            said = comments().get(f"{method.request.DESCRIPTOR.name}.{field.name}")
            if said:
                found[-1]["description"] = said
    if method.streams:
        number = {"type": "string", "pattern": "^[0-9]{1,19}$"}
        about = "The last event that the client has; the same as after_sequence."
        found.append({"name": "after", "in": "query", "schema": number, "description": about})
        found.append({"name": "Last-Event-ID", "in": "header", "schema": number, "description": about})
    return found


def _words(name: str) -> str:
    spaced = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()
    return f"{spaced[0].upper()}{spaced[1:]}."
