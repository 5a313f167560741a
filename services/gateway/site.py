"""What every page and endpoint of the gateway works on."""

from dataclasses import dataclass, field

import grpc

from services.gateway.options import Options
from services.gateway.sign_on import SignOn
from services.redis import RedisLink
from services.rpc.server import SERVICES
from services.store.keyring import KeyRing
from services.usecases.backend import Backend
from temporal.codec import SealingCodec


@dataclass(frozen=True)
class Site:
    """The use cases' backend, the API's own channel, the keys, and where the outside reaches the gateway."""

    backend: Backend
    # To the gRPC server of this process: what goes through it passes the interceptors like any other call.
    channel: grpc.aio.Channel
    # Without a slash at its end.
    public_url: str
    keys: KeyRing | None
    # A server of one's own machine that asks nobody to sign in.
    local: bool = False
    # What Temporal's payloads are sealed with, the origin of the Web UI that may have them opened, and the workspace
    # whose operators may.
    codec: SealingCodec | None = None
    temporal_ui_origin: str = ""
    temporal_ui_workspace: str = ""
    options: Options = field(default_factory=Options)
    # Signing in by an OpenID provider; None where there is none.
    sign_on: SignOn | None = None
    # What calls through `channel` show as `x-gateway`: then `x-client-address` and `x-via` are believed.
    gateway_token: str = ""
    # Where several gateways count their clients' requests together.
    redis: RedisLink | None = None
    # The full names of the services that the API's server registers.
    services: tuple[str, ...] = SERVICES
