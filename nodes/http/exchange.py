"""What came of a request: an answer, or an error that says whether to try again."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from nodes.credentials.credential import Credential
from nodes.errors import NodeError, PermanentError, RetryableError

# In a request's extensions: the credential whose values it holds.
CREDENTIAL = "orchestrator.credential"
MOST_REDIRECTS = 10
# The longest that a server can make a node wait for its next attempt, in seconds.
LONGEST_WAIT = 3600

# An answer with one of these may be another one the next time; so may any 5xx.
_WORTH_RETRYING = frozenset({408, 425, 429})
_EXCERPT = 500
_BROKE_OFF = re.compile("disconnected|closed|without sending")
_ENCODINGS = ("utf-8", "utf8", "utf-16", "us-ascii", "ascii", "iso-8859", "latin", "windows-", "cp", "koi8")
_EAST_ASIAN = ("shift", "euc-", "gb", "big5", "iso-2022")


@dataclass(frozen=True)
class Answer:
    """A complete response."""

    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def content_type(self) -> str:
        """The media type, without its parameters."""
        return str(self.headers.get("content-type", "")).partition(";")[0].strip().lower()

    @property
    def is_json(self) -> bool:
        """Whether it says it is JSON."""
        return self.content_type in ("application/json", "text/json") or self.content_type.endswith("+json")

    def text(self) -> str | None:
        """The body as text; None if it is none."""
        charset = self._charset()
        try:
            return self.body.decode(charset or "utf-8").removeprefix("\ufeff")
        except UnicodeDecodeError:
            known = charset or self.content_type.startswith("text/")
            return self.body.decode(charset or "utf-8", "replace") if known else None

    def _charset(self) -> str:
        for parameter in str(self.headers.get("content-type", "")).split(";")[1:]:
            name, _, value = parameter.partition("=")
            charset = value.strip().strip("\"'").lower()
            if name.strip().lower() == "charset" and charset.startswith(_ENCODINGS + _EAST_ASIAN):
                return charset if _known(charset) else ""
        return ""


def status_error(request: httpx.Request, answer: Answer) -> NodeError:
    """The error that a status from 400 means."""
    excerpt = (answer.text() or "").strip()[:_EXCERPT]
    message = f"{request.method} {shown_url(request.url)} answered {answer.status}"
    message += f": {excerpt}" if excerpt else " without a body"
    if answer.status in _WORTH_RETRYING or answer.status >= 500:
        after = retry_after(answer.headers)
        hint = "retry, or look at the server"
        if after is not None:
            hint = f"the server asks to try again after {after:g} s"
        return RetryableError(message, code="HTTP_STATUS", hint=hint, retry_after=after)
    credential: Credential | None = request.extensions.get(CREDENTIAL)
    if answer.status == 401 and credential is not None:
        return PermanentError(
            f'the credential "{credential.name}" was refused: {message}',
            code="CREDENTIAL_REJECTED",
            hint="correct the integration's values, or authorise it again",
        )
    hint = _HINTS.get(answer.status, 'correct the request, or set "fail_on_status": false to handle the status')
    return PermanentError(message, code="HTTP_STATUS", hint=hint)


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """The seconds for which the server asks us to wait, as a number or as a date; None if it doesn't say."""
    text = str(headers.get("retry-after", "")).strip()
    if text.isascii() and text.isdigit():
        return float(min(int(text[:12]), LONGEST_WAIT))
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return min(max((when - (now or datetime.now(UTC))).total_seconds(), 0.0), float(LONGEST_WAIT))


def shown_url(url: httpx.URL) -> str:
    """A URL as errors and logs show it: no user name or password, and no values of its query."""
    names = [part.partition("=")[0] for part in url.query.decode("ascii", "replace").split("&") if part]
    query = "?" + "&".join(f"{name[:40]}=…" for name in names[:10]) if names else ""
    port = f":{url.port}" if url.port else ""
    host = f"[{url.host}]" if ":" in url.host else url.host
    return f"{url.scheme}://{host}{port}{url.path[:200]}{query}"


_HINTS = {
    401: "the server wants a credential, or refuses the one that it got",
    403: "the credential may not do this",
    404: "check the URL",
    405: "check the method",
}


def failure(what: str, error: httpx.HTTPError | httpx.InvalidURL | httpx.StreamError) -> NodeError:
    """What it means that a request got no answer, or none that can be read."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            reason = cause.verify_message
            return PermanentError(f"{what}: the server's certificate isn't valid: {reason}", code="TLS")
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.TooManyRedirects):
        return PermanentError(f"{what}: more than {MOST_REDIRECTS} redirects", code="TOO_MANY_REDIRECTS")
    if isinstance(error, httpx.TimeoutException):
        return RetryableError(f"{what}: no connection in time", code="TIMEOUT", hint="retry")
    if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError | httpx.InvalidURL | httpx.StreamError):
        return PermanentError(f"{what}: can't be sent: {error}", code="INVALID_REQUEST")
    reason = str(error)[:200] or "the connection broke off"
    if isinstance(error, httpx.RemoteProtocolError) and not _BROKE_OFF.search(reason):
        if "long" in reason:
            return PermanentError(f"{what}: the answer's headers are too large", code="RESPONSE_TOO_LARGE")
        return PermanentError(f"{what}: the answer is no HTTP: {reason}", code="INVALID_RESPONSE")
    return RetryableError(
        f"{what}: {reason}", code="CONNECTION_FAILED", hint="check the host's name, and whether the server is up"
    )


def _known(charset: str) -> bool:
    try:
        "".encode(charset)
    except LookupError:
        return False
    return True
