"""What an operator sets about the gateway."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class Options:
    """Proxies that are believed, origins whose pages may call, and how many requests a client has a minute."""

    trusted_proxies: Sequence[Network] = ()
    cors_origins: Sequence[str] = ()
    # 0 for any number.
    requests_per_minute: int = 0


def parse_networks(text: str) -> tuple[Network, ...]:
    """Networks in CIDR notation, separated by commas; ValueError names the one that isn't."""
    return tuple(ipaddress.ip_network(part) for part in _parts(text))


def parse_origins(text: str) -> tuple[str, ...]:
    """Origins such as https://app.example, separated by commas; ValueError names the one that isn't."""
    found = _parts(text)
    for origin in found:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.netloc or f"{parts.scheme}://{parts.netloc}" != origin:
            raise ValueError(f"{origin[:80]!r} is no origin; an example is https://app.example")
    return found


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
