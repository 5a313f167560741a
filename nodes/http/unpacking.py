"""Unpacks a compressed body bit by bit, so that a small body can't become a large one unseen."""

import zlib
from collections.abc import AsyncIterator

from nodes.errors import PermanentError

# What is unpacked of a piece at a time.
_PIECE = 256 * 1024


async def unpacked(body: AsyncIterator[bytes], encoding: str, limit: int, what: str) -> AsyncIterator[bytes]:
    """The body's pieces without its encoding; PermanentError if it has more than `limit` bytes or is damaged."""
    coding = encoding.strip().lower()
    if coding in ("", "identity"):
        pieces = body
    elif coding in ("gzip", "x-gzip", "deflate"):
        pieces = _inflated(body, coding, what)
    else:
        raise _damaged(what, f'it is packed as "{coding[:60]}"')
    size = 0
    async for piece in pieces:
        size += len(piece)
        if size > limit:
            raise too_large(what, limit)
        if piece:
            yield piece


def too_large(what: str, limit: int) -> PermanentError:
    """The error for an answer above a limit."""
    amount = f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit} bytes"
    return PermanentError(
        f"{what}: the answer is larger than {amount}",
        code="RESPONSE_TOO_LARGE",
        hint="ask for less at a time, for example page by page, or get it as a file",
    )


async def _inflated(body: AsyncIterator[bytes], coding: str, what: str) -> AsyncIterator[bytes]:
    decompressor = None
    members = 0
    try:
        async for packed in body:
            while packed:
                if decompressor is None:
                    # A gzip body may have several members; anything else after the end is padding.
                    if members and not (coding != "deflate" and packed.startswith(b"\x1f")):
                        return
                    decompressor = zlib.decompressobj(_window(coding, packed))
                    members += 1
                yield decompressor.decompress(packed, _PIECE)
                packed = decompressor.unconsumed_tail
                if decompressor.eof:
                    packed, decompressor = decompressor.unused_data, None
        if decompressor is not None:
            yield decompressor.flush()
            if not decompressor.eof:
                raise _damaged(what, "it ends too early")
    except zlib.error as error:
        raise _damaged(what, str(error)) from None


def _window(coding: str, first: bytes) -> int:
    if coding != "deflate":
        return 16 + zlib.MAX_WBITS
    # By the standard it is zlib's format; some servers send it without zlib's header.
    zlib_header = len(first) > 1 and first[0] & 0x0F == 8 and (first[0] << 8 | first[1]) % 31 == 0
    return zlib.MAX_WBITS if zlib_header else -zlib.MAX_WBITS


def _damaged(what: str, why: str) -> PermanentError:
    return PermanentError(f"{what}: the answer can't be unpacked: {why}", code="INVALID_RESPONSE")
