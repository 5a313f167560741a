"""Sends one request and reads the whole answer, within limits; failures are sorted by whether to try again."""

import asyncio
import ssl
from dataclasses import dataclass

import httpx

from nodes.errors import NodeError, PermanentError, RetryableError
from orchestrator.items import OUTPUT_LIMIT

# An answer with one of these may be another one the next time; so may any 5xx.
_WORTH_RETRYING = frozenset({408, 425, 429})
_EXCERPT = 500
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


async def send(client: httpx.AsyncClient, request: httpx.Request, *, timeout: float, follow_redirects: bool) -> Answer:
    """The answer, whatever its status; RetryableError or PermanentError if there is none."""
    what = f"{request.method} {shown_url(request.url)}"
    try:
        async with asyncio.timeout(timeout):
            response = await client.send(request, stream=True, follow_redirects=follow_redirects)
            try:
                return Answer(response.status_code, response.headers, await _body(response, what))
            finally:
                await response.aclose()
    except (TimeoutError, httpx.TimeoutException):
        raise RetryableError(
            f"{what}: no complete answer within {timeout:g} s", code="TIMEOUT", hint='raise "timeout" or retry'
        ) from None
    except httpx.TooManyRedirects:
        raise PermanentError(f"{what}: more than {client.max_redirects} redirects", code="TOO_MANY_REDIRECTS") from None
    except (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL) as error:
        raise PermanentError(f"{what}: can't be sent: {error}", code="INVALID_REQUEST") from None
    except httpx.DecodingError as error:
        raise PermanentError(f"{what}: the answer can't be unpacked: {error}", code="INVALID_RESPONSE") from None
    except httpx.TransportError as error:
        raise _unreachable(what, error) from None


def status_error(request: httpx.Request, answer: Answer) -> NodeError:
    """The error that a status from 400 means."""
    excerpt = (answer.text() or "").strip()[:_EXCERPT]
    message = f"{request.method} {shown_url(request.url)} answered {answer.status}"
    message += f": {excerpt}" if excerpt else " without a body"
    if answer.status in _WORTH_RETRYING or answer.status >= 500:
        after = str(answer.headers.get("retry-after", ""))[:40]
        hint = f"the server asks to try again after {after}" if after else "retry, or look at the server"
        return RetryableError(message, code="HTTP_STATUS", hint=hint)
    hint = _HINTS.get(answer.status, 'correct the request, or set "fail_on_status": false to handle the status')
    return PermanentError(message, code="HTTP_STATUS", hint=hint)


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


async def _body(response: httpx.Response, what: str) -> bytes:
    pieces, size = [], 0
    async for piece in response.aiter_bytes():
        size += len(piece)
        if size > OUTPUT_LIMIT:
            raise PermanentError(
                f"{what}: the answer is larger than {OUTPUT_LIMIT >> 20} MiB",
                code="RESPONSE_TOO_LARGE",
                hint="ask for less at a time, for example page by page",
            )
        pieces.append(piece)
    return b"".join(pieces)


def _unreachable(what: str, error: httpx.TransportError) -> NodeError:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            reason = cause.verify_message
            return PermanentError(f"{what}: the server's certificate isn't valid: {reason}", code="TLS")
        cause = cause.__cause__ or cause.__context__
    reason = str(error)[:200] or "the connection broke off"
    return RetryableError(
        f"{what}: {reason}", code="CONNECTION_FAILED", hint="check the host's name, and whether the server is up"
    )


def _known(charset: str) -> bool:
    try:
        "".encode(charset)
    except LookupError:
        return False
    return True
