"""What the operator allows."""

import ipaddress

import pytest

from nodes.http.policy import EgressPolicy


@pytest.mark.parametrize(
    ("allow", "host", "address", "port", "refusal"),
    [
        ("", "example.com", "93.184.216.34", 443, ""),
        ("", "10.1.2.3", "10.1.2.3", 80, "a private address"),
        ("10.1.2.0/24", "10.1.2.3", "10.1.2.3", 80, ""),
        ("10.1.2.0/24", "wiki.example", "10.1.2.3", 80, ""),
        ("10.1.2.0/24", "10.1.3.3", "10.1.3.3", 80, "a private address"),
        ("10.1.2.0/24:8080", "10.1.2.3", "10.1.2.3", 8080, ""),
        ("10.1.2.0/24:8080", "10.1.2.3", "10.1.2.3", 80, "a private address"),
        ("127.0.0.1", "localhost", "127.0.0.1", 80, ""),
        ("127.0.0.1", "localhost", "::1", 80, "a loopback address"),
        ("127.0.0.1,::1", "localhost", "::1", 80, ""),
        ("[::1]:80", "::1", "::1", 80, ""),
        ("[::1]:80", "::1", "::1", 81, "a loopback address"),
        ("[fd00:1::/32]:443, 10.0.0.1", "fd00:1::5", "fd00:1::5", 443, ""),
        ("wiki.corp", "Wiki.corp.", "10.0.0.1", 80, ""),
        ("wiki.corp", "a.wiki.corp", "10.0.0.1", 80, "a private address"),
        ("*.corp", "wiki.corp", "10.0.0.1", 80, ""),
        ("*.corp", "corp", "10.0.0.1", 80, "a private address"),
        ("*.corp", "evilcorp", "10.0.0.1", 80, "a private address"),
        ("wiki.corp:8443", "wiki.corp", "10.0.0.1", 80, "a private address"),
        ("wiki.corp:8443", "wiki.corp", "10.0.0.1", 8443, ""),
        ("", "engine-api", "93.184.216.34", 80, "an internal name"),
        ("", "db.svc.cluster.local", "93.184.216.34", 80, "an internal name"),
        ("", "api.localhost", "93.184.216.34", 80, "an internal name"),
        ("engine-api", "engine-api", "93.184.216.34", 80, ""),
        ("", "localhost.example.com", "93.184.216.34", 80, ""),
        ("169.254.0.0/16", "169.254.1.1", "169.254.1.1", 80, ""),
        ("169.254.0.0/16", "169.254.169.254", "169.254.169.254", 80, "a cloud metadata address"),
        ("wiki.corp", "wiki.corp", "169.254.169.254", 80, "a cloud metadata address"),
        ("169.254.169.254", "169.254.169.254", "169.254.169.254", 80, ""),
    ],
)
def test_what_is_allowed(allow: str, host: str, address: str, port: int, refusal: str) -> None:
    assert EgressPolicy.parse(allow).refusal(host, ipaddress.ip_address(address), port) == refusal


@pytest.mark.parametrize(
    ("allow", "message"),
    [
        ("10.1.2.3/24", "has host bits set"),
        ("10.0.0.0/8,10.0.0.0/40", "'10.0.0.0/40' is no network"),
        ("300.1.1.1", "'300.1.1.1' is no network"),
        ("http://example.com", "no network"),
        ("exa mple.com", "is no CIDR, address, host name or"),
        ("*", "is no CIDR"),
        ("a.*.b", "is no CIDR"),
        ("host:0", "names the port 0"),
        ("host:70000", "names the port 70000"),
        ("[::1", "is no network"),
    ],
)
def test_entries_that_cant_be_read(allow: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EgressPolicy.parse(allow)


def test_empty_entries_count_for_nothing() -> None:
    assert EgressPolicy.parse(" , ,") == EgressPolicy()
    assert EgressPolicy.parse(["10.0.0.0/8"]) == EgressPolicy.parse("10.0.0.0/8,")
