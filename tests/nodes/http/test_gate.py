"""Connections that aren't HTTP: which addresses they may use."""

import asyncio
import socket
from collections.abc import Callable, Sequence

import pytest

from nodes.errors import PermanentError, RetryableError
from nodes.http.egress import Egress
from nodes.http.policy import EgressPolicy


def answering(*addresses: str) -> Callable[..., object]:
    async def resolver(host: str, port: int) -> Sequence[str]:
        return addresses

    return resolver


async def test_every_address_is_checked_and_given_back_once(make_egress: Callable[..., Egress]) -> None:
    egress = make_egress(resolver=answering("93.184.216.34", "2606:4700::1111", "93.184.216.34"))
    assert await egress.check("smtp.example.com", 25) == ["93.184.216.34", "2606:4700::1111"]


@pytest.mark.parametrize(
    ("host", "addresses", "message"),
    [
        (
            "smtp.example.com",
            ["93.184.216.34", "10.0.0.5"],
            "port 25 isn't allowed: smtp.example.com resolves to a pri",
        ),
        ("10.0.0.5", [], "10.0.0.5 is a private address"),
        ("0x7f.1", [], "0x7f.1 is a loopback address"),
        ("::ffff:127.0.0.1", [], "is an IPv4-mapped address"),
        ("mail", ["93.184.216.34"], "mail is an internal name"),
    ],
)
async def test_refused(make_egress: Callable[..., Egress], host: str, addresses: Sequence[str], message: str) -> None:
    with pytest.raises(PermanentError, match=message) as caught:
        await make_egress(resolver=answering(*addresses)).check(host, 25)
    assert caught.value.code == "EGRESS_DENIED"
    assert "ORCHESTRATOR_EGRESS_ALLOW" in caught.value.hint


@pytest.mark.parametrize(
    "host", ["", "a b", "a..b", "a/b", "x" * 64 + ".example", "a.b" * 100, "1.2.3.4.5", "é.example"]
)
async def test_no_hosts(egress: Egress, host: str) -> None:
    with pytest.raises(PermanentError, match="is no host name and no address") as caught:
        await egress.check(host, 25)
    assert caught.value.code == "INVALID_HOST"


async def test_a_name_without_address(make_egress: Callable[..., Egress]) -> None:
    async def failing(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    with pytest.raises(RetryableError, match=r"nx\.example can't be resolved: it has no address"):
        await make_egress(resolver=answering()).check("nx.example", 25)
    with pytest.raises(RetryableError, match="Temporary failure") as caught:
        await make_egress(resolver=failing).check("nx.example", 25)
    assert caught.value.code == "CONNECTION_FAILED"


async def test_the_systems_own_resolver() -> None:
    egress = Egress(EgressPolicy.parse("127.0.0.0/8,::1"))
    assert set(await egress.check("localhost", 80)) <= {"127.0.0.1", "::1"}
    await egress.close()


async def test_a_socket_to_the_first_address_that_answers(make_egress: Callable[..., Egress]) -> None:
    greeted = asyncio.Event()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        await writer.drain()
        writer.close()
        greeted.set()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    egress = make_egress("127.0.0.0/8", resolver=answering("127.0.0.2", "127.0.0.1"))
    connected = await egress.connect("smtp.example.com", port)
    reader, writer = await asyncio.open_connection(sock=connected)
    assert await reader.readline() == b"220 hello\r\n"
    writer.close()
    await asyncio.wait_for(greeted.wait(), 5)
    server.close()
    with pytest.raises(RetryableError, match=f"no connection to port {port} of smtp.example.com: Connection refused"):
        await egress.connect("smtp.example.com", port)
    with pytest.raises(PermanentError, match="isn't allowed"):
        await make_egress(resolver=answering("127.0.0.1")).connect("smtp.example.com", port)
