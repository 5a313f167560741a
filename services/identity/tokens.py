"""Access tokens: JWTs under keys that come from the key ring, and the secrets of refresh tokens and API keys."""

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OctKey

from services.errors import Unauthenticated
from services.store.ids import new_id
from services.store.keyring import KeyRing

# Issues and takes its own tokens only: nobody else's are meant for it, and its own for nobody else.
ISSUER = AUDIENCE = "orchestrator"
API_KEY, REFRESH = "orc_", "orr_"
PREFIX_LENGTH = 12
_LONGEST = 4096
_LEEWAY = 5


@dataclass(frozen=True)
class Access:
    """Who an access token speaks of."""

    user_id: str
    session_id: str


@dataclass(frozen=True)
class Tokens:
    """What whoever signs in gets."""

    access_token: str = field(repr=False)
    access_expires_at: datetime
    refresh_token: str = field(repr=False)
    refresh_expires_at: datetime


class AccessTokens:
    """Makes access tokens under the current key, and reads those under any key of the ring."""

    def __init__(self, ring: KeyRing, algorithm: str, lasts: timedelta) -> None:
        self._algorithm = algorithm
        self._lasts = lasts
        info = f"orchestrator access token {algorithm}".encode()
        self._keys = {
            key_id: OctKey.import_key(
                HKDF(SHA512(), 64, salt=None, info=info).derive(key), {"kid": key_id, "alg": algorithm, "use": "sig"}
            )
            for key_id, key in ring.keys.items()
        }
        self._current = ring.current
        self._set = KeySet(list(self._keys.values()))
        self._claims = _claims(lambda: int(time.time()))
        self._lasting = _claims(lambda: 0)

    def make(self, access: Access, now: datetime) -> tuple[str, datetime]:
        """A token, and when it expires."""
        expires = now + self._lasts
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": access.user_id,
            "sid": access.session_id,
            "exp": int(expires.timestamp()),
            "jti": new_id(),
        }
        header = {"alg": self._algorithm, "kid": self._current}
        token = jwt.encode(header, claims, self._keys[self._current], algorithms=[self._algorithm])
        return token, datetime.fromtimestamp(claims["exp"], UTC)  # type: ignore[arg-type]

    def read(self, token: str, *, begun: bool = False) -> Access:
        """Who a token speaks of; Unauthenticated if it isn't ours, was altered, or has expired.

        A call that was `begun` in time may go on.
        """
        if len(token) > _LONGEST:
            raise not_signed_in()
        try:
            read = jwt.decode(token, self._set, algorithms=[self._algorithm])
            (self._lasting if begun else self._claims).validate(read.claims)
        except (JoseError, ValueError, TypeError):
            raise not_signed_in() from None
        return Access(str(read.claims["sub"]), str(read.claims["sid"]))


def _claims(clock: Callable[[], int]) -> jwt.JWTClaimsRegistry:
    needed: Any = {name: {"essential": True} for name in ("exp", "sub", "sid")}
    needed |= {"iss": {"essential": True, "value": ISSUER}, "aud": {"essential": True, "value": AUDIENCE}}
    return jwt.JWTClaimsRegistry(clock, _LEEWAY, **needed)


def not_signed_in() -> Unauthenticated:
    """For a token that isn't good, or not any more, whatever the reason."""
    return Unauthenticated("BAD_TOKEN", "the access token or API key isn't valid, or not any more; sign in again")


def new_token(kind: str) -> str:
    """A secret that nobody guesses, beginning with what it is."""
    return kind + secrets.token_urlsafe(32)


def hashed(token: str) -> str:
    """What is kept of a token: as it can't be guessed, a plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()
