"""An answer while it arrives."""

from collections.abc import AsyncIterator

import httpx

from nodes.http.exchange import Answer, shown_url
from nodes.http.unpacking import too_large

# Enough for what an error shows.
EXCERPT = 64 * 1024


class Incoming:
    """The head of an answer, and its body to be read once."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response

    @property
    def status(self) -> int:
        """The status code."""
        return self._response.status_code

    @property
    def headers(self) -> httpx.Headers:
        """The headers."""
        return self._response.headers

    @property
    def content_type(self) -> str:
        """The media type, without its parameters."""
        return Answer(self.status, self.headers, b"").content_type

    @property
    def url(self) -> httpx.URL:
        """Where it came from, after all redirects."""
        return self._response.request.url

    @property
    def is_empty(self) -> bool:
        """Whether it has no body by its very kind."""
        return self._response.request.method == "HEAD" or self.status in (204, 304)

    async def chunks(self, limit: int | None = None) -> AsyncIterator[bytes]:
        """The unpacked body, in pieces; PermanentError if it has more bytes than `limit` or the request's limit."""
        size = 0
        async for piece in self._response.aiter_bytes():
            size += len(piece)
            if limit is not None and size > limit:
                raise too_large(f"{self._response.request.method} {shown_url(self.url)}", limit)
            yield piece

    async def read(self, limit: int | None = None) -> Answer:
        """The whole answer."""
        return Answer(self.status, self.headers, b"".join([piece async for piece in self.chunks(limit)]))

    async def excerpt(self) -> Answer:
        """The answer with no more than the beginning of its body, for an error."""
        body = b""
        async for piece in self.chunks():
            body += piece
            if len(body) > EXCERPT:
                break
        return Answer(self.status, self.headers, body[:EXCERPT])
