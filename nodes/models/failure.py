"""Sorts what an SDK raises: whether another try may help, and what the provider said, without secrets."""

import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import httpx2

from nodes.credentials.redaction import Redaction
from nodes.errors import NodeError, PermanentError, RetryableError
from nodes.http.exchange import LONGEST_WAIT, retry_after
from nodes.models.connection import Connection

_WORTH_RETRYING = frozenset({408, 425, 429})
_EXCERPT = 500
_CONTEXT_CODES = frozenset({"context_length_exceeded", "request_too_large", "string_above_max_length"})
_CONTEXT_TEXTS = (
    "context length",
    "context window",
    "context size",
    "context limit",
    "prompt is too long",
    "input is too long",
    "too many tokens",
    "maximum number of tokens",
)
_QUOTA_CODES = frozenset({"insufficient_quota", "billing_error", "billing_hard_limit_reached"})
_QUOTA_TEXTS = ("credit balance is too low", "exceeded your current quota")
_FILTER_CODES = frozenset({"content_filter", "content_policy_violation"})
_FILTER_TEXTS = ("blocked by content filtering", "content management policy")
# An error in the midst of a stream has a kind instead of a status.
_STATUS_OF: Mapping[str, int] = MappingProxyType(
    {
        "invalid_request_error": 400,
        "authentication_error": 401,
        "invalid_api_key": 401,
        "billing_error": 402,
        "insufficient_quota": 402,
        "permission_error": 403,
        "not_found_error": 404,
        "model_not_found": 404,
        "request_too_large": 413,
        "rate_limit_error": 429,
        "rate_limit_exceeded": 429,
        "timeout_error": 504,
        "overloaded_error": 529,
    }
)


@dataclass(frozen=True)
class Said:
    """A provider's refusal."""

    status: int
    text: str
    kinds: frozenset[str]
    wait: float | None = None

    def means(self, kinds: frozenset[str], texts: tuple[str, ...]) -> bool:
        """Whether it has one of the kinds, or holds one of the texts."""
        return bool(self.kinds & kinds) or any(text in self.text.lower() for text in texts)


def refusal(error: Exception) -> str | None:
    """What the provider said if it refused the content, which is an answer and no failure."""
    said = _said(error)
    if said is not None and said.status < 500 and said.means(_FILTER_CODES, _FILTER_TEXTS):
        return said.text
    return None


def failure(connection: Connection, error: Exception) -> NodeError:
    """The error that an SDK's error means."""
    for cause in _causes(error):
        if isinstance(cause, NodeError):
            return cause
        if isinstance(cause, ssl.SSLCertVerificationError):
            return PermanentError(f"{connection.what}: the certificate isn't valid: {cause.verify_message}", code="TLS")
    said = _said(error)
    if said is not None:
        return _refused(connection, said)
    causes = [cause for cause in _causes(error) if isinstance(cause, httpx2.HTTPError)]
    if any(isinstance(cause, httpx2.TimeoutException) for cause in causes):
        return RetryableError(f"{connection.what} doesn't answer in time", code="TIMEOUT", hint="retry")
    if any(isinstance(cause, httpx2.LocalProtocolError | httpx2.UnsupportedProtocol) for cause in causes):
        return PermanentError(
            f"{connection.what} can't be asked: {_clean(connection, str(causes[-1]))}", code="INVALID_REQUEST"
        )
    if causes:
        reason = _clean(connection, str(causes[-1])) or "the connection broke off"
        return RetryableError(
            f"{connection.what}: {reason}", code="CONNECTION_FAILED", hint="retry; check whether the service is up"
        )
    return broken(connection, f"it can't be read ({type(error).__name__})")


def broken(connection: Connection, why: str) -> RetryableError:
    """The error for an answer that has begun and didn't come to its end."""
    return RetryableError(f"{connection.what}: the answer broke off: {why}", code="INCOMPLETE_RESPONSE", hint="retry")


def no_stream(connection: Connection, content_type: str) -> PermanentError:
    """The error for an answer that is none of the API's."""
    return PermanentError(
        f"{connection.what} answered with {content_type[:100] or 'no stated type'} instead of a stream of events",
        code="INVALID_RESPONSE",
        hint='check "base_url", and that the service can stream',
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _said(error: Exception) -> Said | None:
    body, response = getattr(error, "body", None), getattr(error, "response", None)
    headers = response.headers if isinstance(response, httpx2.Response) else {}
    status = response.status_code if isinstance(response, httpx2.Response) else 0
    if status == 0 and body is None:
        return None
    inner = body.get("error", body) if isinstance(body, dict) else body
    fields: dict[str, Any] = inner if isinstance(inner, dict) else {"message": inner}
    kinds = frozenset(str(fields[key]) for key in ("code", "type") if fields.get(key) is not None)
    text = fields.get("message") or fields.get("detail") or ""
    if status < 300:
        status = next((_STATUS_OF[kind] for kind in sorted(kinds) if kind in _STATUS_OF), 0) or _numeric(kinds) or 500
    return Said(status, text if isinstance(text, str) else str(text), kinds, _wait(headers))


def _numeric(kinds: frozenset[str]) -> int:
    return next((int(kind) for kind in sorted(kinds) if len(kind) == 3 and kind.isdecimal() and kind >= "400"), 0)


def _wait(headers: Mapping[str, str]) -> float | None:
    milliseconds = str(headers.get("retry-after-ms", "")).strip()
    if milliseconds.isascii() and milliseconds.isdecimal():
        return min(int(milliseconds[:12]) / 1000, float(LONGEST_WAIT))
    return retry_after(headers)


def _refused(connection: Connection, said: Said) -> NodeError:
    message = f"{connection.what} answered {said.status}"
    if said.status == 401:
        # Providers repeat a part of the key here.
        return _not_authorized(connection, f"{message} {', '.join(sorted(said.kinds))}".rstrip())
    text = _clean(connection, said.text)
    message += f": {text}" if text else ""
    if said.status == 402 or said.means(_QUOTA_CODES, _QUOTA_TEXTS):
        return PermanentError(message, code="QUOTA_EXCEEDED", hint="look at the account's plan and billing")
    if said.status in _WORTH_RETRYING or said.status >= 500:
        hint = "retry" if said.wait is None else f"the provider asks to try again after {said.wait:g} s"
        return RetryableError(message, code="HTTP_STATUS", hint=hint, retry_after=said.wait)
    if said.status == 413 or said.means(_CONTEXT_CODES, _CONTEXT_TEXTS):
        return PermanentError(
            message, code="CONTEXT_TOO_LONG", hint="shorten the conversation, or name a model with a larger context"
        )
    if said.status == 403:
        return _not_authorized(connection, message)
    if said.status == 404:
        return PermanentError(message, code="MODEL_NOT_FOUND", hint='check the model\'s name and "base_url"')
    return PermanentError(message, code="HTTP_STATUS", hint="correct the model's parameters as the message says")


def _not_authorized(connection: Connection, message: str) -> PermanentError:
    if connection.credential is None:
        return PermanentError(
            f"{message}; the node has no credential", code="MISSING_CREDENTIAL", hint="give the node an integration"
        )
    return PermanentError(
        f'the credential "{connection.credential.name}" was refused: {message}',
        code="CREDENTIAL_REJECTED",
        hint="correct the integration's key, or give it the rights to this model",
    )


def _clean(connection: Connection, text: str) -> str:
    secrets = connection.credential.secrets() if connection.credential else ()
    return Redaction(secrets).excerpt(text.strip()[:_EXCERPT])
