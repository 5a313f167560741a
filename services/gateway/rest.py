"""The API under /api/v1, as people who know REST expect it; the table says where."""

import re
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from services.gateway import calls, contract
from services.gateway.answers import invalid
from services.gateway.bodies import MAX_CALL, read
from services.gateway.content_type import JSON, content_type, unsupported
from services.gateway.contract import Method
from services.gateway.events import watch
from services.gateway.rest_table import TABLE, Place
from services.gateway.site import Site

# Messages that JSON writes as text.
TEXTUAL = {"google.protobuf.Timestamp", "google.protobuf.Duration"}
_PARAMETER = re.compile(r"{(\w+)}")


def routes(site: Site) -> list[BaseRoute]:
    """One route for each method that the table has; those with a verb of their own come before plain ids."""
    found = [(TABLE[method.path], method) for method in contract.methods(site.services) if method.path in TABLE]
    ordered = sorted(found, key=lambda pair: ":" not in pair[0].path.rpartition("/")[2])
    return [_route(site, place, method) for place, method in ordered]


def parameters_of(place: Place) -> list[str]:
    """The fields that are in the path."""
    return _PARAMETER.findall(place.path)


def is_in_query(field: Any) -> bool:
    """Whether a query can give the field: text, numbers, enumerations, times, and lists of these."""
    return field.message_type is None or field.message_type.full_name in TEXTUAL


def _route(site: Site, place: Place, method: Method) -> Route:
    async def unary(request: Request) -> Response:
        message = _queried(request, method) if place.in_query else await _posted(request, method)
        answer = await calls.unary(site, request, method, message)
        return Response(contract.write_json(answer), media_type=JSON, headers={"cache-control": "no-store"})

    async def stream(request: Request) -> Response:
        return await watch(site, request, method, _queried(request, method, also=("after",)))

    return Route(place.path, stream if method.streams else unary, methods=[place.verb], name=f"rest {method.path}")


def _queried(request: Request, method: Method, also: tuple[str, ...] = ()) -> Message:
    """The request that path and query describe."""
    fields = {name: field for field in method.request.DESCRIPTOR.fields for name in (field.name, field.json_name)}
    given: dict[str, Any] = dict(request.path_params)
    for name in dict.fromkeys(request.query_params):
        if name in also:
            continue
        field = fields.get(name)
        if field is None or not is_in_query(field):
            known = ", ".join(field.name for field in method.request.DESCRIPTOR.fields if is_in_query(field))
            raise invalid(
                "UNKNOWN_PARAMETER", f"there is no query parameter {name[:60]!r}; there are: {known or 'none'}"
            )
        if field.name in given:
            raise invalid("PARAMETER_TWICE", f"{field.name} is given twice")
        given[field.name] = _value(field, request.query_params.getlist(name))
    return contract.read_fields(method.request, given)


def _value(field: Any, texts: list[str]) -> Any:
    if field.is_repeated:
        parted = texts if field.enum_type is None else [part for text in texts for part in text.split(",") if part]
        return [_scalar(field, text) for text in parted]
    if len(texts) > 1:
        raise invalid("PARAMETER_TWICE", f"{field.name} is given twice")
    return _scalar(field, texts[0])


def _scalar(field: Any, text: str) -> Any:
    if field.type == FieldDescriptor.TYPE_BOOL:
        if text not in ("true", "false"):
            raise invalid("BAD_PARAMETERS", f"{field.name} must be true or false")
        return text == "true"
    return text


async def _posted(request: Request, method: Method) -> Message:
    """The request that the path and a JSON body describe; no body stands for no fields."""
    kind, body = content_type(request).media_type, await read(request, MAX_CALL)
    if kind != JSON and (body or kind):
        raise unsupported(JSON)
    if request.query_params:
        raise invalid("UNKNOWN_PARAMETER", "this takes its parameters in a JSON body, and none in the query")
    message = contract.read_json(method.request, body)
    for name, text in request.path_params.items():
        from_path = getattr(contract.read_fields(method.request, {name: text}), name)
        if getattr(message, name) not in (from_path, method.request.DESCRIPTOR.fields_by_name[name].default_value):
            raise invalid("PARAMETER_TWICE", f"the body gives another {name} than the path; leave it out")
        setattr(message, name, from_path)
    return message
