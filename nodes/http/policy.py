"""Where nodes may connect to: every public address, and what the operator allows beside."""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from nodes.http.addresses import METADATA, Address, Network, special

_NAME = re.compile(r"(?:\*\.)?(?=.{1,253}$)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
# Names that no public name server has; what they resolve to is somebody's inside.
_INTERNAL = ("localhost", "localdomain", "local", "internal", "intranet", "lan", "svc", "cluster.local", "home.arpa")


@dataclass(frozen=True)
class Entry:
    """One entry of the allow list: a network, or a name (`*.` and a domain for all below it), and maybe a port."""

    network: Network | None = None
    name: str = ""
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """An entry as the operator writes it; ValueError says what is wrong with it."""
        host, port = _split(text)
        try:
            return cls(network=ipaddress.ip_network(host), port=port)
        except ValueError as error:
            if "/" in host or ":" in host or re.fullmatch(r"[0-9.]+", host):
                raise ValueError(f"{text!r} is no network: {error}") from None
        name = host.lower().rstrip(".")
        if not _NAME.fullmatch(name):
            raise ValueError(f"{text!r} is no CIDR, address, host name or *.domain")
        return cls(name=name, port=port)

    def fits(self, host: str, address: Address, port: int) -> bool:
        """Whether it allows a connection to an address of a host."""
        if self.port not in (None, port):
            return False
        if self.network is not None:
            # A wide network isn't meant to open the machine's own credentials; the very address is.
            return address in self.network and (address not in METADATA or self.network.num_addresses == 1)
        known = host.endswith(self.name[1:]) if self.name.startswith("*.") else host == self.name
        return known and address not in METADATA


@dataclass(frozen=True)
class EgressPolicy:
    """The operator's allow list."""

    allowed: tuple[Entry, ...] = ()

    @classmethod
    def parse(cls, entries: str | Iterable[str]) -> Self:
        """From entries, or one text with commas between them; ValueError names one that can't be read."""
        texts = entries.split(",") if isinstance(entries, str) else entries
        return cls(tuple(Entry.parse(text.strip()) for text in texts if text.strip()))

    def refusal(self, host: str, address: Address, port: int) -> str:
        """Why a host's address is refused; empty if it isn't."""
        host = host.lower().rstrip(".")
        if any(entry.fits(host, address, port) for entry in self.allowed):
            return ""
        return special(address) or ("an internal name" if is_internal(host) else "")


def is_internal(host: str) -> bool:
    """Whether a name has a meaning inside a network only."""
    if ":" in host or host.replace(".", "").isdigit():
        return False
    return "." not in host or any(host.endswith(f".{suffix}") for suffix in _INTERNAL)


def _split(text: str) -> tuple[str, int | None]:
    found = re.fullmatch(r"\[(?P<v6>[^\]]*)\](?::(?P<port6>[0-9]+))?|(?P<host>[^:]*):(?P<port>[0-9]+)", text)
    if found is None:
        return text, None
    port = found["port6"] or found["port"]
    if port and not 0 < int(port[:6]) < 65536:
        raise ValueError(f"{text!r} names the port {port[:6]}; ports are 1 to 65535")
    return found["v6"] or found["host"], int(port) if port else None
