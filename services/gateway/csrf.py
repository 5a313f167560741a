"""Proofs that a request comes from a page of ours, and not from another site that the browser visits."""

from functools import cache
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request

from services.gateway import uploads
from services.gateway.answers import Code, Refused
from services.identity.signing import Signer
from services.store.keyring import KeyRing, new_key, read_keys

HEADER, FIELD = "x-csrf-token", "csrf_token"


class Csrf:
    """Tokens that are bound to a session; without keys they are good until this process ends."""

    def __init__(self, keys: KeyRing | None) -> None:
        self._signer = Signer(keys or _fresh(), "csrf")

    def token(self, session_id: str) -> str:
        """What pages of the session send with whatever changes something."""
        return self._signer.sign(session_id)

    def valid(self, token: str, session_id: str) -> bool:
        """Whether it is the session's."""
        return bool(token) and self._signer.valid(token, session_id)


def refused() -> Refused:
    """For a request without the proof."""
    message = (
        "the request doesn't prove that a page of ours sent it: X-CSRF-Token must have what GET /api/v1/session gives"
    )
    return Refused(Code.PERMISSION_DENIED, "CSRF", message)


async def checked_form(request: Request, csrf: Csrf, **limits: Any) -> FormData:
    """A posted form; where it comes with a session's cookie, only with the session's token among its fields."""
    form = await uploads.read_form(request, **limits)
    waiting = getattr(request.state, "unproved_token", "")
    if waiting:
        given = form.get(FIELD)
        if not isinstance(given, str) or not csrf.valid(given, request.state.session_id):
            await form.close()
            raise refused()
        request.state.access_token = waiting
    return form


@cache
def _fresh() -> KeyRing:
    return read_keys(new_key())
