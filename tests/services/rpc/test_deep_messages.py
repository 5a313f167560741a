"""Deep messages are decoded up to a limit; beyond it, and where they are malformed, nothing crashes."""

import os
import subprocess
import sys

import pytest
from google.protobuf.message import DecodeError
from google.protobuf.struct_pb2 import Value
from workflow_engine.v1 import workflow_pb2

from services.rpc import deep_messages


def nested(levels: int) -> bytes:
    """A Value of lists in lists, encoded from the inside out."""
    parts: list[bytes] = []
    size = 0
    for _ in range(levels):
        for tag in (0x0A, 0x32):
            head = bytes([tag]) + varint(size)
            parts.append(head)
            size += len(head)
    return b"".join(reversed(parts))


def varint(number: int) -> bytes:
    found = b""
    while number > 0x7F:
        found += bytes([number & 0x7F | 0x80])
        number >>= 7
    return found + bytes([number])


@pytest.mark.parametrize("levels", [1, 60, 120])
def test_within_the_limit(levels: int) -> None:
    message = deep_messages.decode(Value, nested(levels))
    assert message.SerializeToString() == nested(levels)


def test_the_library_s_own_limit_holds_afterwards() -> None:
    deep_messages.decode(Value, nested(100))
    with pytest.raises(DecodeError):
        Value.FromString(nested(100))


@pytest.mark.parametrize(
    "data",
    [nested(130), nested(100_000), b"\x0a\x05abc", b"\xff" * 20, b"\x0b", b"\x0d\x01", b"x" * (5 * 1024 * 1024)],
    ids=["deep", "very deep", "truncated", "varint", "group", "fixed", "large"],
)
def test_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        deep_messages.decode(workflow_pb2.Workflow if data[:1] == b"\x0a" and len(data) < 10 else Value, data)


def test_random_bytes_never_crash() -> None:
    program = """
import random
from google.protobuf.message import DecodeError
from workflow_engine.v1 import workflow_service_pb2 as pb
from services.rpc import deep_messages
random.seed(7)
for _ in range(3000):
    try:
        deep_messages.decode(pb.CreateWorkflowRequest, random.randbytes(random.randrange(60)))
    except DecodeError:
        pass
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
