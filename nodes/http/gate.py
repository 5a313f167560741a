"""Resolves a host once and lets only addresses through that the policy allows."""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Sequence

from nodes.errors import PermanentError, RetryableError
from nodes.http.addresses import Address, literal
from nodes.http.policy import EgressPolicy

SETTING = "ORCHESTRATOR_EGRESS_ALLOW"
_LABEL = re.compile(r"[a-z0-9_-]{1,63}")
# The addresses of a host and port, as text, best first.
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses that the operating system knows."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class Gate:
    """The policy, applied to hosts and ports."""

    def __init__(self, policy: EgressPolicy, resolver: Resolver = resolve) -> None:
        self._policy = policy
        self._resolver = resolver

    async def check(self, host: str, port: int) -> list[str]:
        """The addresses to connect to, all of them allowed; PermanentError if any isn't, or if it is no host."""
        address = self.check_literal(host, port)
        if address is not None:
            return [str(address)]
        addresses = await self._resolved(host, port)
        for address in addresses:
            self._require(host, address, port)
        return [str(address) for address in addresses]

    def check_literal(self, host: str, port: int) -> Address | None:
        """The address that a host is written as, if it is one and allowed; None for a name that may be resolved."""
        try:
            address = literal(host)
        except ValueError:
            address, labels = None, [""]
        else:
            labels = host.removesuffix(".").split(".")
        if address is not None:
            self._require(host, address, port)
        elif len(host) > 253 or not all(_LABEL.fullmatch(label.lower()) for label in labels):
            raise PermanentError(
                f'"{host[:100]}" is no host name and no address', code="INVALID_HOST", hint="correct the host"
            )
        return address

    async def _resolved(self, host: str, port: int) -> list[Address]:
        try:
            found = await self._resolver(host, port)
            addresses = [ipaddress.ip_address(text) for text in dict.fromkeys(found)]
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "the look-up failed"
            raise _unresolved(host, reason) from None
        if not addresses:
            raise _unresolved(host, "it has no address")
        return addresses

    def _require(self, host: str, address: Address, port: int) -> None:
        refusal = self._policy.refusal(host, address, port)
        if not refusal:
            return
        resolved = refusal != "an internal name" and literal(host) is None
        what = f"{host[:255]} {'resolves to' if resolved else 'is'} {refusal}"
        raise PermanentError(
            f"connecting to port {port} isn't allowed: {what}",
            code="EGRESS_DENIED",
            hint=f"only public addresses are allowed; the operator can add this one to {SETTING}",
        )


def _unresolved(host: str, reason: str) -> RetryableError:
    return RetryableError(
        f"the name {host[:255]} can't be resolved: {str(reason)[:200]}",
        code="CONNECTION_FAILED",
        hint="check the host's name",
    )
