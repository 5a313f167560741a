"""Tells public addresses from all others, and reads an address in whatever notation a URL has it."""

import ipaddress
import re

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Whoever reaches one of these may get the machine's own credentials; some are in no special range.
METADATA = frozenset(
    ipaddress.ip_address(address)
    for address in (
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
        "fe80::a9fe:a9fe",
    )
)
_IPV4 = tuple(
    (ipaddress.IPv4Network(network), name)
    for network, name in (
        ("0.0.0.0/8", "an unspecified address"),
        ("10.0.0.0/8", "a private address"),
        ("100.64.0.0/10", "a shared address"),
        ("127.0.0.0/8", "a loopback address"),
        ("169.254.0.0/16", "a link-local address"),
        ("172.16.0.0/12", "a private address"),
        ("192.0.0.0/24", "a reserved address"),
        ("192.0.2.0/24", "a documentation address"),
        ("192.88.99.0/24", "a 6to4 address"),
        ("192.168.0.0/16", "a private address"),
        ("198.18.0.0/15", "a benchmarking address"),
        ("198.51.100.0/24", "a documentation address"),
        ("203.0.113.0/24", "a documentation address"),
        ("224.0.0.0/4", "a multicast address"),
        ("240.0.0.0/4", "a reserved address"),
    )
)
# The first that fits counts. What isn't in 2000::/3 is never public.
_IPV6 = tuple(
    (ipaddress.IPv6Network(network), name)
    for network, name in (
        ("::/128", "an unspecified address"),
        ("::1/128", "a loopback address"),
        ("::ffff:0:0/96", "an IPv4-mapped address"),
        ("::ffff:0:0:0/96", "an IPv4-translated address"),
        ("::/96", "an IPv4-compatible address"),
        ("64:ff9b::/32", "a NAT64 address"),
        ("100::/8", "a discard-only address"),
        ("2001::/32", "a Teredo address"),
        ("2001:2::/48", "a benchmarking address"),
        ("2001::/23", "a reserved address"),
        ("2001:db8::/32", "a documentation address"),
        ("2002::/16", "a 6to4 address"),
        ("3fff::/20", "a documentation address"),
        ("3ffe::/16", "a reserved address"),
        ("fc00::/7", "a unique local address"),
        ("fe80::/10", "a link-local address"),
        ("fec0::/10", "a site-local address"),
        ("ff00::/8", "a multicast address"),
    )
)
_PUBLIC_IPV6 = ipaddress.IPv6Network("2000::/3")
# The interface identifiers of ISATAP: the IPv4 address of the machine that a packet is handed to follows.
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})
_LAST_IS_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9a-fA-F]*)\.?", re.DOTALL)
_NUMBER = re.compile(r"0[xX](?P<hex>[0-9a-fA-F]*)|(?P<octal>0[0-7]+)|(?P<decimal>0|[1-9][0-9]*)")


def special(address: Address) -> str:
    """What an address is, if it isn't public; empty if it is."""
    if address in METADATA:
        return "a cloud metadata address"
    if isinstance(address, ipaddress.IPv4Address):
        return next((name for network, name in _IPV4 if address in network), "")
    known = next((name for network, name in _IPV6 if address in network), "")
    if known or address not in _PUBLIC_IPV6:
        return known or "a reserved address"
    if address.scope_id:
        return "an address of one link"
    return "an ISATAP address" if (int(address) >> 32) & 0xFFFFFFFF in _ISATAP else ""


def literal(host: str) -> Address | None:
    """The address that a host is written as, in any notation; None if it is a name, ValueError if it is neither."""
    if ":" in host:
        return ipaddress.IPv6Address(host.strip("[]"))
    if not _LAST_IS_NUMBER.fullmatch(host):
        return None
    numbers = [_number(part) for part in host.removesuffix(".").split(".")]
    *leading, last = numbers
    if len(numbers) > 4 or any(number > 255 for number in leading) or last >= 256 ** (4 - len(leading)):
        raise ValueError(f"{host!r} is no IPv4 address")
    return ipaddress.IPv4Address(sum(number << 8 * (3 - place) for place, number in enumerate(leading)) + last)


def _number(text: str) -> int:
    found = _NUMBER.fullmatch(text)
    if found is None or len(text) > 40:
        raise ValueError(f"{text[:40]!r} is no part of an IPv4 address")
    if found["hex"] is not None:
        return int(found["hex"] or "0", 16)
    return int(found["octal"], 8) if found["octal"] else int(found["decimal"])
