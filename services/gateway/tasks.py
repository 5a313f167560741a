"""The page on which outsiders answer a task: opening it decides nothing, and it works without JavaScript."""

import secrets
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from nodes.human import typed
from orchestrator import exact_json
from orchestrator.people import folded
from orchestrator.task_form import REJECTED, find_option, problems
from services.errors import ServiceError
from services.gateway import visitors
from services.gateway.answers import Code, Refused
from services.gateway.bodies import Body, read_form
from services.gateway.clients import address_of
from services.gateway.pages import page
from services.gateway.site import Site
from services.identity.caller import Caller, Role, set_caller
from services.identity.signing import Signer
from services.store.people import links
from services.store.people.asking import fields_of
from services.usecases.answering import Given, closed
from services.usecases.task_links import Opened, TaskLinks

COOKIE = "task_page"


def routes(site: Site) -> list[BaseRoute]:
    """`/task/{token}`."""
    pages = _Pages(site)
    return [
        Route("/task/{token}", pages.show, methods=["GET"]),
        Route("/task/{token}", pages.take, methods=["POST"]),
    ]


class _Pages:
    """What the address of a link answers."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._links = TaskLinks(site.backend)
        self._signer = Signer(site.keys, "task pages") if site.keys else None

    async def show(self, request: Request) -> Response:
        """The task and its form; nothing changes, however often it is opened and by whom."""
        token = request.path_params["token"]
        opened = await self._links.open(token)
        if opened is None:
            raise _nothing()
        if self._signer is None:
            return _message(
                request, opened, "This installation can't take answers by links: it has no SECRET_KEY.", 503
            )
        if opened.task.status != "OPEN":
            return _message(request, opened, _ended(opened), 200)
        return self._form(request, opened, token, await self._known(request, opened))

    async def take(self, request: Request) -> Response:
        """An answer that a person sends from the page."""
        token = request.path_params["token"]
        opened = await self._links.open(token)
        if opened is None:
            raise _nothing()
        known = await self._known(request, opened)
        return await self._taken(request, opened, token, await read_form(request), known=known)

    async def _known(self, request: Request, opened: Opened) -> bool:
        """Whether the link's person has signed in, which is better than a code; else the link itself says who calls."""
        workspace, recipient = opened.task.row.workspace, opened.link.recipient
        set_caller(Caller(recipient, workspace, Role.APPROVER, address_of(request), "link"))
        if self._site.local:
            return False
        visitor = await visitors.member(self._site, request, workspace, "web")
        if visitor is None or not visitor.role.includes(Role.APPROVER):
            return False
        return folded(recipient) in {folded(name) for name in visitor.names}

    async def _taken(self, request: Request, opened: Opened, token: str, form: Body, *, known: bool) -> Response:
        if not self._is_ours(request, token, form.text("csrf")):
            text = "This answer didn't come from the page itself. Open the link again, and answer there."
            return _message(request, opened, text, 403)
        if opened.task.status != "OPEN":
            return _message(request, opened, _ended(opened), 409)
        option = find_option(opened.task.options, form.text("decision"))
        if option is None:
            return self._form(request, opened, token, known, form, {"decision": "Choose one of the answers."}, 422)
        fields = fields_of(opened.task.row)
        filled = {
            field.name: value
            for field in fields
            if (value := typed.value(field, [*form.fields.get(f"f_{field.name}", ())])) is not None
        }
        wrong = dict(problems(fields, filled, complete=option.port != REJECTED))
        if wrong:
            return self._form(request, opened, token, known, form, wrong, 422)
        try:
            if not known:
                await self._links.confirm(opened, token, form.text("code"))
            given = Given(
                opened.task.row.id,
                option.name,
                comment=form.text("comment").strip(),
                fields_json=exact_json.dumps(filled) if filled else "",
            )
            answered = await self._links.answer(opened, token, given, address_of(request))
        except ServiceError as error:
            if error.code in ("WRONG_CODE", "BAD_FIELDS", "BAD_COMMENT"):
                where = {"WRONG_CODE": "code", "BAD_COMMENT": "comment"}.get(error.code, "decision")
                return self._form(request, opened, token, known, form, {where: _sentence(error.message)}, 422)
            return _message(request, opened, _sentence(error.message), 409)
        taken = answered.taken
        text = f"Thank you. Your answer was taken: {option.text}."
        if not taken.decision:
            text = f"Thank you. {taken.agreed} of {taken.required} people have agreed."
        return _message(request, opened, text, 200)

    def _form(
        self,
        request: Request,
        opened: Opened,
        token: str,
        known: bool,
        form: Body | None = None,
        wrong: dict[str, str] | None = None,
        status: int = 200,
    ) -> Response:
        assert self._signer
        cookie = request.cookies.get(COOKIE, "") or secrets.token_urlsafe(24)
        response = page(
            request,
            "task.html",
            status=status,
            task=opened.task.row,
            recipient=opened.link.recipient,
            known=known,
            options=opened.task.options,
            fields=[_shown(field, form) for field in fields_of(opened.task.row)],
            subject=_subject(opened),
            comment=form.text("comment") if form else "",
            csrf=self._signer.sign(cookie, links.hashed(token)),
            wrong=wrong or {},
        )
        secure = self._site.public_url.startswith("https:")
        response.set_cookie(COOKIE, cookie, path="/task/", httponly=True, samesite="strict", secure=secure)
        return response

    def _is_ours(self, request: Request, token: str, csrf: str) -> bool:
        """Whether a browser sends it from our page, in which it was given the cookie and the token."""
        cookie = request.cookies.get(COOKIE, "")
        if self._signer is None or not cookie or not self._signer.valid(csrf, cookie, links.hashed(token)):
            return False
        origin = request.headers.get("origin")
        own = {urlsplit(self._site.public_url).netloc, request.headers.get("host", "")}
        if origin is not None and urlsplit(origin).netloc not in own:
            return False
        return request.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")


def _nothing() -> Refused:
    return Refused(Code.NOT_FOUND, "NOT_FOUND", "there is nothing at this address")


def _message(request: Request, opened: Opened, text: str, status: int) -> Response:
    return page(request, "message.html", status=status, title=opened.task.row.title, text=text)


def _ended(opened: Opened) -> str:
    return f"There is nothing to decide any more: {closed(opened.task).message}."


def _sentence(message: str) -> str:
    return f"{message[:1].upper()}{message[1:]}."


def _subject(opened: Opened) -> list[tuple[str, str]]:
    """What is decided about, as lines to read."""
    found = exact_json.loads(opened.task.row.subject or "{}")
    if not isinstance(found, dict):
        return []
    shown = [(name, value if isinstance(value, str) else exact_json.dumps(value)) for name, value in found.items()]
    return [(name, text[:2000]) for name, text in shown[:50]]


def _shown(field: Any, form: Body | None) -> dict[str, Any]:
    """A field with what it holds now: what was sent, or what it begins with."""
    default = exact_json.loads(field.default) if field.default else None
    given = default if isinstance(default, list) else [] if default is None else [default]
    texts = [str(one).lower() if isinstance(one, bool) else str(one) for one in given]
    if form is not None:
        texts = [*form.fields.get(f"f_{field.name}", ())]
    return {"spec": field, "texts": texts, "text": texts[-1] if texts else ""}
