"""Makes identifiers that sort by the time they were made: UUID version 7 (RFC 9562)."""

import os
import threading
import time
import uuid

_lock = threading.Lock()
_latest = 0


def new_id() -> str:
    """A new identifier; those of one process never sort before earlier ones."""
    global _latest
    now = time.time_ns()
    # 48 bits of milliseconds, then 12 bits of their fraction, which also breaks ties.
    stamp = (now // 1_000_000 << 12) | (now % 1_000_000) * 4096 // 1_000_000
    with _lock:
        _latest = stamp = max(stamp, _latest + 1)
    random = int.from_bytes(os.urandom(8)) & ((1 << 62) - 1)
    value = (stamp >> 12) << 80 | 0x7 << 76 | (stamp & 0xFFF) << 64 | 0b10 << 62 | random
    return str(uuid.UUID(int=value))
