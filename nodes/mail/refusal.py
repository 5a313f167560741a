"""What a mail server's refusals mean: 4xx may pass another time, 5xx won't."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass

from nodes.errors import NodeError, PermanentError, RetryableError

_EXCERPT = 300
_MOST_SHOWN = 20
_PERMANENT = 500


@dataclass(frozen=True)
class Refusal:
    """A recipient whom the server doesn't take mail for, and why."""

    address: str
    code: int
    message: str


def refused_error(server: str, refusals: Sequence[Refusal]) -> NodeError:
    """Names the recipients; nobody got the mail."""
    some = [f"{refusal.address} ({refusal.code} {_flat(refusal.message)})" for refusal in refusals[:_MOST_SHOWN]]
    more = f" and {len(refusals) - _MOST_SHOWN} more" if len(refusals) > _MOST_SHOWN else ""
    message = f"{server} refuses these recipients, so nothing was sent: {', '.join(some)}{more}"
    if any(refusal.code >= _PERMANENT for refusal in refusals):
        hint = 'correct the addresses, or set "partial": true to send to the others'
        return PermanentError(message, code="RECIPIENT_REFUSED", hint=hint)
    return RetryableError(message, code="RECIPIENT_REFUSED", hint="the server says it may take them later")


def auth_error(server: str, code: int, text: str) -> NodeError:
    """The server didn't let us in."""
    message = f"{server} refuses the user name or password: {code} {_flat(text)}"
    if code < _PERMANENT:
        return RetryableError(message, code="MAIL_REFUSED", hint="the server can't check them now; retry")
    hint = "correct the mail account; many services want an app password here"
    return PermanentError(message, code="CREDENTIAL_REJECTED", hint=hint)


def response_error(server: str, code: int, text: str) -> NodeError:
    """The server answered a command, or the message itself, with an error."""
    message = f"{server} refuses the mail: {code} {_flat(text)}"
    if code < _PERMANENT:
        return RetryableError(message, code="MAIL_REFUSED", hint="the server says it may take it later")
    hint = "make the mail smaller" if code in (523, 552) else "read the server's reason, and correct the mail"
    return PermanentError(message, code="MAIL_REFUSED", hint=hint)


def tls_error(server: str, error: BaseException) -> NodeError | None:
    """The error of TLS, if that is what is behind another."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return PermanentError(
                f"{server}: the server's certificate isn't valid: {cause.verify_message}",
                code="TLS",
                hint="name the host that the certificate is for; a private authority must be trusted by the worker",
            )
        if isinstance(cause, ssl.SSLError):
            return PermanentError(
                f"{server}: TLS can't be spoken: {str(cause)[:_EXCERPT]}",
                code="TLS",
                hint='check the port and the security of the mail account: "tls" is 465, "starttls" is 587',
            )
        cause = cause.__cause__ or cause.__context__
    if "STARTTLS extension not supported" in str(error):
        return PermanentError(
            f"{server} offers no STARTTLS",
            code="TLS",
            hint='set the mail account\'s security to "tls", or to "none" if the way there is safe',
        )
    return None


def _flat(text: str) -> str:
    return " ".join(text.split())[:_EXCERPT]
