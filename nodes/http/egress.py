"""The only way out to the network: every node's requests, and the addresses of its other connections, pass here."""

from collections.abc import Mapping
from typing import Any

import httpx

from nodes.credentials.credential import Credential
from nodes.http.client import open_client
from nodes.http.exchange import Answer, send


class Egress:
    """Sends requests to the hosts that the operator's policy allows."""

    def __init__(self) -> None:
        # For SDKs that take a client: the same policy, no credentials, no redirects unless asked for.
        self.client = open_client()

    def build(
        self,
        method: str,
        url: str | httpx.URL,
        *,
        headers: Mapping[str, str] | list[tuple[bytes, bytes]] | None = None,
        query: Mapping[str, Any] | None = None,
        json: Any = None,
        content: bytes | None = None,
    ) -> httpx.Request:
        """A request, not yet sent."""
        return self.client.build_request(method, url, headers=headers, params=query, json=json, content=content)

    async def send(
        self,
        request: httpx.Request,
        *,
        timeout: float = 30.0,
        follow_redirects: bool = True,
        credential: Credential | None = None,
    ) -> Answer:
        """The whole answer, whatever its status; RetryableError or PermanentError if there is none.

        `credential` is the one whose values the request holds: it is refused to hosts that aren't the credential's,
        and its values are dropped where a redirect leaves the origin. `timeout` is in seconds, for all of it.
        """
        return await send(self.client, request, timeout=timeout, follow_redirects=follow_redirects)

    async def close(self) -> None:
        """Closes kept connections."""
        await self.client.aclose()
