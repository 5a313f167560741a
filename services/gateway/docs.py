"""The page that shows the REST API to people."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from services.gateway.openapi import document
from services.gateway.pages import page
from services.gateway.site import Site


def routes(site: Site) -> list[BaseRoute]:
    """`/docs`."""

    async def shown(request: Request) -> Response:
        return page(request, "docs.html", api=document(site.services), url=site.public_url, kind=kind_of)

    return [Route("/docs", shown)]


def kind_of(schema: dict[str, object]) -> str:
    """A schema in a few words: the name of what it refers to, or its type."""
    reference = schema.get("$ref")
    if isinstance(reference, str):
        return reference.rpartition("/")[2]
    for key, around in (("items", "list of {}"), ("additionalProperties", "map to {}")):
        inner = schema.get(key)
        if isinstance(inner, dict):
            return around.format(kind_of(inner))
    return str(schema.get("format") or schema.get("type") or "any value")
