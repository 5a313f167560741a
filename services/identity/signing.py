"""Signs what leaves the server and must come back unaltered: links, form tokens, states."""

import base64
import hashlib
import hmac

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.store.keyring import KeyRing


class Signer:
    """Signatures under the key ring's current key, good under each of its keys; each purpose has keys of its own."""

    def __init__(self, ring: KeyRing, purpose: str) -> None:
        info = b"orchestrator signing " + purpose.encode()
        ordered = [ring.current, *(key_id for key_id in ring.keys if key_id != ring.current)]
        self._keys = [HKDF(SHA256(), 32, salt=None, info=info).derive(ring.keys[key_id]) for key_id in ordered]

    def sign(self, *parts: str) -> str:
        """The signature of these texts in this order, as 43 characters that URLs take as they are."""
        return _signature(self._keys[0], parts)

    def valid(self, signature: str, *parts: str) -> bool:
        """Whether that is their signature; comparing takes as long for any wrong one."""
        given = signature.encode("utf-8", "replace")
        return any(hmac.compare_digest(_signature(key, parts).encode(), given) for key in self._keys)


def _signature(key: bytes, parts: tuple[str, ...]) -> str:
    encoded = [part.encode() for part in parts]
    message = b"".join(len(part).to_bytes(4, "big") + part for part in encoded)
    return base64.urlsafe_b64encode(hmac.digest(key, message, hashlib.sha256)).decode().rstrip("=")
