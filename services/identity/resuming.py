"""The addresses at which runs that wait for a call are called: signed, so that knowing a run's id isn't enough."""

from collections.abc import Callable
from functools import lru_cache

from services.identity.signing import Signer
from services.store.keyring import KeyRing

_PURPOSE = "resume"
# Runs whose address is remembered: each of their nodes may be asked for it.
_RECENT = 1000


def resume_urls(keys: KeyRing, public_url: str) -> Callable[[str], str]:
    """Makes the address of a run, by its id."""
    signer = Signer(keys, _PURPOSE)

    @lru_cache(maxsize=_RECENT)
    def of(execution_id: str) -> str:
        return f"{public_url}/webhook/wait/{execution_id}/{signer.sign(execution_id)}"

    return of


class Resuming:
    """Says whether such an address is one that we made."""

    def __init__(self, keys: KeyRing | None) -> None:
        self._signer = Signer(keys, _PURPOSE) if keys else None

    def valid(self, execution_id: str, signature: str) -> bool:
        """Whether the signature is the run's."""
        return self._signer is not None and self._signer.valid(signature, execution_id)
