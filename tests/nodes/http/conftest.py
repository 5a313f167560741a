"""Servers that stand for the whole internet."""

import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass

import pytest

from nodes.http.egress import Egress
from nodes.http.gate import Resolver
from nodes.http.policy import EgressPolicy
from tests.nodes.http.certificate import server_context
from tests.nodes.http.server import Network, Server, serving

PUBLIC = "93.184.216.34"
NAMES = ("example.com", "other.example", "api.example.com", "drip.example", "*.example.com")


@dataclass
class Internet:
    """A server with TLS at port 443 of every address, one without at port 80, and how to reach them."""

    secure: Server
    plain: Server
    tls: ssl.SSLContext

    def clear(self) -> None:
        self.secure.clear()
        self.plain.clear()

    @property
    def network(self) -> Network:
        return Network({443: self.secure.server_port, 80: self.plain.server_port})


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    folder = tmp_path_factory.mktemp("certificate")
    with serving(server_context(folder, NAMES)) as secure, serving() as plain:
        yield Internet(secure, plain, ssl.create_default_context(cafile=str(folder / "ca.pem")))


@pytest.fixture
def internet(servers: Internet) -> Internet:
    servers.clear()
    return servers


async def public(host: str, port: int) -> Sequence[str]:
    """A resolver for which every name is public."""
    return [PUBLIC]


@pytest.fixture
async def make_egress(internet: Internet) -> AsyncIterator[Callable[..., Egress]]:
    """Makes egress clients on the tests' internet."""
    made: list[Egress] = []

    def make(allow: str = "", *, resolver: Resolver = public, network: Network | None = None) -> Egress:
        policy = EgressPolicy.parse(allow)
        egress = Egress(policy, resolver=resolver, network=network or internet.network, tls=internet.tls)
        made.append(egress)
        return egress

    yield make
    for egress in made:
        await egress.close()


@pytest.fixture
def egress(make_egress: Callable[..., Egress]) -> Egress:
    return make_egress()
