"""`/form/…`: shows a FORM, checks what was filled in, and starts a run with it."""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from activities.triggers.ports import Binding
from nodes.base import Item
from nodes.files.files import Files
from nodes.parameters import parse as parse_parameters
from nodes.trigger.form import FormParameters
from nodes.trigger.form_fields import Filled, FormField, read
from services.gateway import bodies
from services.gateway.answers import not_found
from services.gateway.bodies import Body
from services.gateway.clients import address_of
from services.gateway.pages import page
from services.gateway.site import Site
from services.identity.caller import set_caller
from services.usecases.firing import Firing, activator

# A field can't have this name: it has a hyphen.
NONCE = "form-nonce"
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")
# A browser's own field for numbers loses what isn't one, and the last digits of long ones.
_INPUTS = {"number": "text", "integer": "text", "datetime": "datetime-local"}


@dataclass(frozen=True)
class FieldView:
    """A field as the page shows it, with what was typed and what is wrong with it."""

    field: FormField
    texts: Sequence[str] = ()
    error: str = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.field, name)

    @property
    def label(self) -> str:
        """What people read."""
        return self.field.shown

    @property
    def input(self) -> str:
        """The kind of input."""
        return _INPUTS.get(self.field.type, self.field.type)

    @property
    def text(self) -> str:
        """What stands in it."""
        return self.texts[0] if self.texts else ""

    @property
    def ticked(self) -> bool:
        """Whether a box is ticked."""
        return bool(self.texts) and self.texts[-1].lower() == "true"


def routes(site: Site) -> list[BaseRoute]:
    """The address of every form."""
    return [Route("/form/{path:path}", Forms(site).answer, methods=["GET", "POST"])]


class Forms:
    """Shows and takes the forms that are turned on."""

    def __init__(self, site: Site) -> None:
        self._firing = Firing(site.backend)

    async def answer(self, request: Request) -> Response:
        """The form's page, its thanks, or where to find them."""
        binding = await self._firing.at(f"form:{request.path_params['path']}")
        if binding is None:
            raise not_found()
        set_caller(activator(binding, "form", address_of(request)))
        parameters = parse_parameters(FormParameters, binding.parameters)
        if request.method == "POST":
            return await self._sent(request, binding, parameters)
        if "sent" in request.query_params:
            return page(request, "message.html", title=parameters.title, text=parameters.thanks)
        return _form(request, parameters, _defaults(parameters))

    async def _sent(self, request: Request, binding: Binding, parameters: FormParameters) -> Response:
        body = await bodies.read_form(request, bodies.MAX_EVENT)
        numbers: dict[str, int] = {}
        for upload in body.uploads:
            numbers[upload.field] = numbers.get(upload.field, 0) + 1
        filled = read(parameters.fields, body.fields, numbers)
        nonce = nonce if _NONCE.fullmatch(nonce := body.text(NONCE)) else ""
        if filled.errors:
            return _form(request, parameters, body.fields, filled, nonce)

        async def items(files: Files) -> Sequence[Item]:
            return [await _item(parameters, filled, body, files)]

        await self._firing.start(binding, nonce, items)
        # By a page of its own, so that reloading it sends nothing again.
        return RedirectResponse(f"{request.url.path}?sent", 303, {"Cache-Control": "no-store"})


async def _item(parameters: FormParameters, filled: Filled, body: Body, files: Files) -> Item:
    wanted = {one.name for one in parameters.fields if one.type == "file"}
    kept = await bodies.stored([upload for upload in body.uploads if upload.field in wanted], files)
    return {"json": filled.values, "files": kept} if kept else {"json": filled.values}


def _form(
    request: Request,
    parameters: FormParameters,
    texts: Mapping[str, Sequence[str]],
    filled: Filled | None = None,
    nonce: str = "",
) -> Response:
    errors = filled.errors if filled else {}
    return page(
        request,
        "form.html",
        status=422 if errors else 200,
        title=f"Error: {parameters.title}" if errors else parameters.title,
        heading=parameters.title,
        description=parameters.description,
        submit_label=parameters.submit_label,
        # The same one until it was taken: sent twice, the form starts one run.
        token=nonce or secrets.token_urlsafe(24),
        errors=errors,
        views=[FieldView(one, texts.get(one.name, ()), errors.get(one.name, "")) for one in parameters.fields],
    )


def _defaults(parameters: FormParameters) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in parameters.fields:
        if one.default is not None:
            values = one.default if isinstance(one.default, list) else [one.default]
            found[one.name] = [str(value).lower() if isinstance(value, bool) else str(value) for value in values]
    return found
