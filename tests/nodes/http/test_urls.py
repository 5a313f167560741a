"""The corpus of hostile URLs: each row comes out as it says, and nothing is connected to that isn't public."""

import ipaddress
import json
import ssl
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from nodes.credentials.credential import Credential
from nodes.errors import NodeError
from nodes.http.addresses import special
from nodes.http.authentication import HTTP_HEADER, HeaderFields
from nodes.http.egress import Egress
from nodes.http.policy import EgressPolicy
from tests.nodes.http.conftest import Internet
from tests.nodes.http.server import Reply

ROWS = [
    json.loads(line) for line in (Path(__file__).parents[2] / "corpus" / "urls.jsonl").read_text("utf-8").splitlines()
]
SECRET = "s3cret-value"


def unverified() -> ssl.SSLContext:
    """The corpus is about addresses; it has names for which nobody has a certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def prepare(internet: Internet, row: dict[str, Any]) -> None:
    hops = [row["url"], *row.get("redirects", [])]
    for url, location in pairwise(hops):
        parts = urlsplit(url)
        server = internet.secure if parts.scheme == "https" else internet.plain
        server.replies[f"{parts.hostname}{parts.path}"] = Reply(302, b"", {"location": location})
    if row.get("response") == "slow-drip":
        internet.secure.replies[urlsplit(row["url"]).path] = Reply(body=b"x" * 100, drip=0.1)


def resolver_for(row: dict[str, Any]) -> Any:
    answers = list(row.get("resolves_seq", []))

    async def resolver(host: str, port: int) -> Sequence[str]:
        found: list[str] = answers.pop(0) if answers else row.get("resolves_to", ["93.184.216.34"])
        return found

    return resolver


async def outcome(egress: Egress, url: str) -> str:
    credential = Credential(
        "c", "c", HTTP_HEADER, HeaderFields(name="X-Key", value=SecretStr(SECRET)), ("example.com",)
    )
    try:
        request = egress.build("GET", url, headers={"x-key": SECRET, "authorization": "Bearer t"})
        confidential = credential.allows(request.url.host)
        await egress.send(request, timeout=0.5, credential=credential if confidential else None)
    except NodeError as error:
        return error.code
    return "allow"


@pytest.mark.parametrize("row", [pytest.param(row, id=row["id"]) for row in ROWS])
async def test_the_corpus(internet: Internet, row: dict[str, Any]) -> None:
    prepare(internet, row)
    network = internet.network
    policy = EgressPolicy.parse(row.get("policy", {}).get("allow", []))
    egress = Egress(policy, resolver=resolver_for(row), network=network, tls=unverified())
    found = await outcome(egress, row["url"])
    await egress.close()
    assert all(not special(ipaddress.ip_address(address)) for address, _ in network.connected)
    if row.get("outcome") == "typed error":
        assert found == "TIMEOUT"
    elif row["expect"] == "allow" or found == "allow":
        assert found == "allow" or row.get("also_ok") == "deny"
        assert row["expect"] == "allow" or row.get("also_ok") == "allow-pinned"
    else:
        assert found in ("EGRESS_DENIED", "INVALID_HOST", "INVALID_PARAMETER", "INVALID_REQUEST", "CONNECTION_FAILED")
    elsewhere = [one for one in internet.secure.received + internet.plain.received if one.host == "other.example"]
    assert all("x-key" not in one.headers and "authorization" not in one.headers for one in elsewhere)


@pytest.mark.parametrize("allow", ["10.1.2.0/24", "10.1.2.3:80", "wiki.example:80"])
async def test_an_allowed_inside(internet: Internet, allow: str) -> None:
    async def resolver(host: str, port: int) -> Sequence[str]:
        return ["10.1.2.3"]

    network = internet.network
    egress = Egress(EgressPolicy.parse(allow), resolver=resolver, network=network, tls=unverified())
    assert await outcome(egress, "http://wiki.example/") == "allow"
    assert network.connected == [("10.1.2.3", 80)]
    assert await outcome(egress, "http://10.1.3.3/") == "EGRESS_DENIED"
    await egress.close()


async def test_no_request_without_a_check(internet: Internet, egress: Egress) -> None:
    """SDKs that get the client go the same way."""
    for client in (egress.client, egress.client2()):
        for url in ("http://127.0.0.1:7233/", "http://2130706433/", "file:///etc/passwd"):
            with pytest.raises(NodeError):
                await client.request("GET", url)
    await client.aclose()
    assert internet.plain.received == []


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com\\@127.0.0.1/",
        "http://127.0.0.1\\@example.com/",
        "http://a@b@example.com/",
        "http://example.com%00.example.com/",
        "http://example.com%2e/",
        "http://１２７.0.0.1/",
        "http://127。0。0。1/",
        "http://[::1%25eth0]/",
        "http://[fe80::1%eth0]/",
        "http://0x7f000001/",
        "http://2130706433/",
        "http://127.1/",
        "http://example.com:0/",
        "http://a..b/",
    ],
)
async def test_more_of_the_kind(internet: Internet, egress: Egress, url: str) -> None:
    assert await outcome(egress, url) in ("EGRESS_DENIED", "INVALID_HOST", "INVALID_PARAMETER")
    assert internet.plain.received == []


@pytest.mark.parametrize(
    "url",
    [
        "http://bücher.example/",
        "http://xn--bcher-kva.example/",
        "http://user:pass@example.com/",
        "http://example.com#@127.0.0.1/",
        "http://example.com/?u=http://127.0.0.1/",
        "http://1.1.1.1/",
        "http://[2606:4700::1111]/",
        "http://my_bucket-.example.com/",
    ],
)
async def test_what_must_go_through(internet: Internet, egress: Egress, url: str) -> None:
    assert await outcome(egress, url) == "allow"
