"""What a vendor's refusal means: whose fault it is, what to do, whether to try again."""

from collections.abc import Sequence
from dataclasses import dataclass

from nodes.errors import NodeError, PermanentError, RetryableError
from nodes.http.exchange import Answer, retry_after

_EXCERPT = 500
_BUSY = frozenset({408, 425})


@dataclass(frozen=True)
class Reason:
    """What a vendor says: in words, field by field, which scope is missing, whether it was too much or too often."""

    message: str = ""
    fields: Sequence[str] = ()
    missing_scope: str = ""
    too_often: bool = False
    retry_after: float | None = None


def failure(vendor: str, what: str, answer: Answer, reason: Reason) -> NodeError:
    """The error that a status from 400 means."""
    said = _said(reason)
    if reason.too_often or answer.status == 429:
        wait = reason.retry_after if reason.retry_after is not None else retry_after(answer.headers)
        return rate_limited(vendor, said, wait)
    if answer.status in _BUSY or answer.status >= 500:
        message = f"{vendor} answered {answer.status}{said}"
        wait = retry_after(answer.headers)
        return RetryableError(message, code="HTTP_STATUS", hint="retry, or look at its status page", retry_after=wait)
    match answer.status:
        case 401:
            return rejected_credential(vendor, said)
        case 403:
            return forbidden(vendor, what, said, reason.missing_scope)
        case 404 | 410:
            return not_found(vendor, what, said)
        case 409:
            return PermanentError(f"{vendor} says that {what} conflicts{said}", code="CONFLICT")
        case 400 | 422:
            message = f"{vendor} refuses what was sent about {what}{said}"
            return PermanentError(message, code="REFUSED", hint="correct the parameters that it names")
        case _:
            return PermanentError(f"{vendor} answered {answer.status} for {what}{said}", code="HTTP_STATUS")


def rate_limited(vendor: str, said: str, wait: float | None) -> NodeError:
    """It was asked too often."""
    hint = f"it asks to try again after {wait:.0f} s" if wait is not None else "retry later, or ask less often"
    return RetryableError(f"{vendor} was asked too often{said}", code="RATE_LIMITED", hint=hint, retry_after=wait)


def rejected_credential(vendor: str, said: str) -> NodeError:
    """The credential is wrong, revoked or expired."""
    hint = "put a valid one into the integration, or authorise it again"
    return PermanentError(f"{vendor} refuses the credential{said}", code="CREDENTIAL_REJECTED", hint=hint)


def forbidden(vendor: str, what: str, said: str, missing_scope: str) -> NodeError:
    """The credential is good, but not for this."""
    missing = f"; it lacks {missing_scope}" if missing_scope else ""
    hint = f"give the credential {missing_scope}" if missing_scope else "give the credential the right to do this"
    message = f"the credential may not do this with {what}: {vendor} forbids it{said}{missing}"
    return PermanentError(message, code="FORBIDDEN", hint=hint)


def not_found(vendor: str, what: str, said: str) -> NodeError:
    """It isn't there, or the credential can't see it."""
    hint = "check the names and ids; what the credential can't see isn't found either"
    return PermanentError(f"{vendor} doesn't find {what}{said}", code="NOT_FOUND", hint=hint)


def excerpt(answer: Answer) -> str:
    """The beginning of a body that isn't what the vendor documents."""
    return " ".join((answer.text() or "").split())[:_EXCERPT]


def _said(reason: Reason) -> str:
    parts = [part for part in (reason.message[:_EXCERPT], "; ".join(reason.fields)[:_EXCERPT]) if part]
    return f": {' – '.join(parts)}" if parts else ""
