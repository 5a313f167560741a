"""Proofs that a request comes from a page of ours, and not from another site that the browser visits."""

from functools import cache

from services.gateway.answers import Code, Refused
from services.identity.signing import Signer
from services.store.keyring import KeyRing, new_key, read_keys

HEADER = "x-csrf-token"


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


@cache
def _fresh() -> KeyRing:
    return read_keys(new_key())
