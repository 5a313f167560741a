"""Renders the pages for outsiders: forms and chats, which work without scripts."""

import secrets
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from services.gateway.refusals import Refusal

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page on which nothing but our own styles and scripts works, and which no other site can frame."""
    nonce = secrets.token_urlsafe(16)
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        # With "no-referrer" browsers would not tell ourselves, either, that a form comes from our own page.
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    text = _TEMPLATES.get_template(template).render(nonce=nonce, **values)
    return HTMLResponse(text, status, headers)


def refusal_page(refusal: Refusal) -> HTMLResponse:
    """A refusal for people."""
    response = page("refusal.html", refusal.status, title="That didn't work", message=refusal.message)
    response.headers.update(refusal.headers)
    return response
