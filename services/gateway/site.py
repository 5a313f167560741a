"""What every page and endpoint of the gateway works on."""

from dataclasses import dataclass

import grpc

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
    # What Temporal's payloads are sealed with, and the origin of the Web UI that may have them opened.
    codec: SealingCodec | None = None
    temporal_ui_origin: str = ""
