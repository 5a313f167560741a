"""The HTTP client that all nodes of a worker share."""

from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

MOST_REDIRECTS = 10


def open_client() -> httpx.AsyncClient:
    """A client that keeps connections, but nothing of one request for the next: no cookies."""
    return httpx.AsyncClient(
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        headers={"user-agent": "orchestrator"},
        limits=httpx.Limits(max_connections=200, max_keepalive_connections=50),
        max_redirects=MOST_REDIRECTS,
    )
