"""Who may reach a server at all: nobody from elsewhere without signing in, and nobody signs in without keys."""

import ipaddress

from services.settings import Settings
from temporal.server_process import ServerError


def check_reach(settings: Settings, *, gateway: bool, local: bool) -> None:
    """ServerError for a server that may not be as the settings want it."""
    if not local and settings.secret_key is None:
        raise ServerError(
            "SECRET_KEY isn't set: access tokens are signed and credentials sealed with it; "
            "`orchestrator credentials new-key` makes one"
        )
    listens = {"GRPC_HOST": settings.grpc_host} | ({"HTTP_HOST": settings.http_host} if gateway else {})
    for name, host in listens.items():
        if local and not _is_loopback(host):
            raise ServerError(
                f"{name} is {host!r}: a server that asks nobody to sign in listens on 127.0.0.1 only; "
                "`orchestrator serve` is for others"
            )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
