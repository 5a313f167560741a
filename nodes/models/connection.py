"""Where a model is reached and by whose key; its requests pass the egress client and carry nothing of the process."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx

from nodes.credentials.credential import Credential
from nodes.errors import RetryableError
from nodes.http.client import USER_AGENT
from nodes.http.egress import Egress

if TYPE_CHECKING:
    import httpx2

# Whatever else the SDKs send comes from the process's environment, or says what this machine is.
_OF_THE_REQUEST = frozenset(
    {
        "accept",
        "accept-encoding",
        "anthropic-version",
        "connection",
        "content-length",
        "content-type",
        "host",
        "transfer-encoding",
    }
)


@dataclass(frozen=True)
class Connection:
    """One model of one provider; `timeout` is in seconds, for a whole answer."""

    http: Egress
    provider: str
    model: str
    credential: Credential | None
    base_url: str
    timeout: float
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def what(self) -> str:
        """The model as errors name it."""
        url = httpx.URL(self.base_url)
        return f'the model "{self.model[:200]}" at {url.host}{f":{url.port}" if url.port else ""}'

    @asynccontextmanager
    async def opened(self) -> "AsyncIterator[httpx2.AsyncClient]":
        """A client for one answer; RetryableError (TIMEOUT) if it isn't complete in time."""
        deadline = asyncio.timeout(self.timeout)
        try:
            async with deadline, self.http.client2(timeout=self.timeout) as client:
                # A conversation isn't told to whoever a redirect names.
                client.follow_redirects = False
                client.event_hooks = {"request": [self._cleaned], "response": []}
                yield client
        except TimeoutError:
            if not deadline.expired():
                raise
            raise RetryableError(
                f"{self.what} gave no complete answer within {self.timeout:g} s",
                code="TIMEOUT",
                hint='retry, raise "timeout", or lower "max_tokens"',
            ) from None

    async def _cleaned(self, request: "httpx2.Request") -> None:
        for name in list(request.headers):
            if name.lower() not in _OF_THE_REQUEST:
                del request.headers[name]
        request.headers.update({"user-agent": USER_AGENT, **self.headers})
