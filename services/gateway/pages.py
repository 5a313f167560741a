"""Renders the pages that need no JavaScript: everything that is put into them is escaped."""

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse

_ENVIRONMENT = Environment(
    loader=PackageLoader("services.gateway"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(
    request: HTTPConnection,
    template: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """A page of a template, which extends `base.html`; nobody keeps a copy of it."""
    text = _ENVIRONMENT.get_template(template).render(path=request.url.path, **values)
    return HTMLResponse(text, status, {"cache-control": "no-store", **(headers or {})})
