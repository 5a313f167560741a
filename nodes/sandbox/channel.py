"""Frames of byte strings over a file descriptor: all that a worker process and its parent exchange."""

import os
import struct
from collections.abc import Sequence

MAX_PIECES = 1_000_000
_COUNT = struct.Struct(">I")


class ChannelClosed(Exception):
    """The other side is gone, or what it sent isn't a frame."""


def head(pieces: Sequence[bytes]) -> bytes:
    """What goes before the pieces of a frame: their count and their lengths."""
    return _COUNT.pack(len(pieces)) + struct.pack(f">{len(pieces)}Q", *(len(piece) for piece in pieces))


def read_frame(descriptor: int) -> list[bytes]:
    """The next frame's pieces; waits for them."""
    (count,) = _COUNT.unpack(_read(descriptor, _COUNT.size))
    lengths = struct.unpack(f">{count}Q", _read(descriptor, 8 * count))
    body = memoryview(_read(descriptor, sum(lengths)))
    pieces, start = [], 0
    for length in lengths:
        pieces.append(bytes(body[start : start + length]))
        start += length
    return pieces


def write_frame(descriptor: int, pieces: Sequence[bytes]) -> None:
    """Send one frame; waits until it is all handed over."""
    rest = memoryview(b"".join([head(pieces), *pieces]))
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _read(descriptor: int, size: int) -> bytes:
    chunks = []
    while size:
        chunk = os.read(descriptor, min(size, 1 << 20))
        if not chunk:
            raise ChannelClosed("the other side is gone")
        chunks.append(chunk)
        size -= len(chunk)
    return b"".join(chunks)
