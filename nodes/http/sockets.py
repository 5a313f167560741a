"""Connects to addresses that have been checked, for protocols that aren't HTTP."""

import asyncio
import os
import socket
from collections.abc import Sequence

from nodes.errors import RetryableError


async def connect(host: str, port: int, addresses: Sequence[str], timeout: float) -> socket.socket:
    """A socket connected to the first address that answers within the time; RetryableError if none does."""
    reason = "no address"
    for address in addresses:
        try:
            async with asyncio.timeout(timeout):
                return await _connected(address, port)
        except TimeoutError:
            reason = f"no answer within {timeout:g} s"
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
    raise RetryableError(
        f"no connection to port {port} of {host[:255]}: {reason}",
        code="CONNECTION_FAILED",
        hint="check the host's name and the port, and whether the server is up",
    )


async def _connected(address: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    made.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(made, (address, port))
    except BaseException:
        made.close()
        raise
    return made
