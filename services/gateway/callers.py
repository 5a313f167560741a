"""Has senders of webhooks prove who they are, against a stored credential; every comparison takes the same time."""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable

from starlette.requests import Request

from nodes.credentials.credential import Credential
from nodes.http.authentication import BasicFields, BearerFields, HeaderFields
from nodes.trigger.webhook import Signature, WebhookParameters, WebhookSecretFields
from services.gateway.answers import Code, Refused

_HEADERS = {"plain": "X-Hub-Signature-256", "stripe": "Stripe-Signature", "slack": "X-Slack-Signature"}
_SLACK_TIME = "X-Slack-Request-Timestamp"
_CHALLENGES = {"basic": 'Basic realm="webhook", charset="UTF-8"', "bearer": "Bearer"}
# A header may name several signatures, as while a secret is being replaced; not any number of them.
_MOST_SIGNATURES = 10


def check(request: Request, raw: bytes, parameters: WebhookParameters, credential: Credential) -> None:
    """Refused unless the request comes from who has the secret; it says the same whatever is wrong."""
    fields = credential.fields
    match fields:
        case HeaderFields():
            proven = _equal(_one(request, fields.name), fields.value.get_secret_value())
        case BearerFields():
            scheme, _, token = _one(request, "Authorization").partition(" ")
            proven = scheme.lower() == "bearer" and _equal(token.strip(), fields.token.get_secret_value())
        case BasicFields():
            proven = _basic(_one(request, "Authorization"), fields)
        case WebhookSecretFields():
            proven = signed(request, raw, parameters.signature or Signature(), fields.secret.get_secret_value())
        case _:
            proven = False
    if not proven:
        challenge = _CHALLENGES.get(parameters.auth)
        headers = {"www-authenticate": challenge} if challenge else {}
        message = "the request doesn't prove that it may call this address"
        raise Refused(Code.UNAUTHENTICATED, "UNAUTHENTICATED", message, headers=headers)


def secret_header(parameters: WebhookParameters, credential: Credential | None) -> str:
    """The header that holds a secret beside those that always do, in lower case."""
    fields = credential.fields if credential else None
    return fields.name.lower() if parameters.auth == "header" and isinstance(fields, HeaderFields) else ""


def signed(
    request: Request, raw: bytes, signature: Signature, secret: str, now: Callable[[], float] = time.time
) -> bool:
    """Whether the bytes are signed with the secret, and not too long ago where the time is signed, too."""
    given = _one(request, signature.header or _HEADERS[signature.format])
    at, candidates = _read(request, signature, given)
    if at is None:
        content = raw
    elif not _recent(at, signature.tolerance, now()):
        return False
    else:
        content = (b"v0:" + at.encode() + b":" if signature.format == "slack" else at.encode() + b".") + raw
    digest = hmac.digest(secret.encode(), content, getattr(hashlib, signature.algorithm))
    wanted = base64.b64encode(digest).decode() if signature.encoding == "base64" else digest.hex()
    if signature.encoding == "hex":
        candidates = [candidate.lower() for candidate in candidates]
    # Each is compared, so that the time doesn't tell which one fits.
    fitting = [_equal(candidate, wanted) for candidate in candidates[:_MOST_SIGNATURES]]
    return any(fitting)


def _read(request: Request, signature: Signature, given: str) -> tuple[str | None, list[str]]:
    """The signed time, if one is, and the signatures."""
    if signature.format == "stripe":
        parts = [part.strip().partition("=") for part in given.split(",")]
        times = [value for key, _, value in parts if key == "t"]
        return (times[0] if len(times) == 1 else ""), [value for key, _, value in parts if key == "v1"]
    if signature.format == "slack":
        at = _one(request, signature.timestamp_header or _SLACK_TIME)
        return at, [given.removeprefix("v0=")] if given.startswith("v0=") else []
    prefix = "sha256=" if signature.prefix is None else signature.prefix
    found = [given.removeprefix(prefix)] if given.startswith(prefix) else []
    return (_one(request, signature.timestamp_header) if signature.timestamp_header else None), found


def _recent(at: str, tolerance: float, now: float) -> bool:
    return at.isascii() and at.isdecimal() and len(at) <= 12 and abs(now - int(at)) <= tolerance


def _basic(given: str, fields: BasicFields) -> bool:
    scheme, _, encoded = given.partition(" ")
    try:
        user, _, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return False
    # Both are compared, so that the time doesn't tell which one is wrong.
    right = [_equal(user, fields.user), _equal(password, fields.password.get_secret_value())]
    return scheme.lower() == "basic" and all(right)


def _one(request: Request, name: str) -> str:
    """The header's value; nothing where it comes twice, as then nobody can say which one counts."""
    values = request.headers.getlist(name)
    return values[0].strip() if len(values) == 1 else ""


def _equal(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())
