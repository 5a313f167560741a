"""Where requests come from: the client's own address, also behind proxies that we trust."""

import ipaddress
from collections.abc import Sequence

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.options import Network
from services.identity.caller import forget_caller

_KEY = "client_address"
_MOST = 32


def address_of(request: HTTPConnection) -> str:
    """The client's address; empty where there is none."""
    return str(request.scope.get("state", {}).get(_KEY, ""))


class ClientAddress:
    """Middleware that says where a request comes from; X-Forwarded-For and -Proto are believed of proxies alone."""

    def __init__(self, app: ASGIApp, proxies: Sequence[Network] = ()) -> None:
        self._app = app
        self._proxies = tuple(proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Notes the address, and the scheme that the client used."""
        if scope["type"] == "http":
            # A connection's next request may come in the context of the last one: its caller must not.
            forget_caller()
            peer = (scope.get("client") or ("", 0))[0]
            address = peer
            if self._trusted(peer):
                headers = HTTPConnection(scope).headers
                address = self._first_stranger(peer, headers.getlist("x-forwarded-for"))
                proto = headers.get("x-forwarded-proto", "").rpartition(",")[2].strip().lower()
                if proto in ("http", "https"):
                    scope = {**scope, "scheme": proto}
            scope.setdefault("state", {})[_KEY] = address
        await self._app(scope, receive, send)

    def _first_stranger(self, peer: str, given: Sequence[str]) -> str:
        """From the right, the first address that no proxy of ours has; whatever is left of it may be made up."""
        address = peer
        for entry in reversed(",".join(given).split(",")[-_MOST:]):
            found = _plain(entry.strip())
            if not found:
                break
            address = found
            if not self._trusted(found):
                break
        return address

    def _trusted(self, address: str) -> bool:
        try:
            known = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(known in network for network in self._proxies)


def _plain(entry: str) -> str:
    host = entry[1:].partition("]")[0] if entry.startswith("[") else entry
    if host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return ""
