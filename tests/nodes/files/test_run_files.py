"""The files that items carry, and references that someone made up."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from nodes.errors import PermanentError
from nodes.files.files import FileRef
from nodes.files.store import FileStore


async def pieces(*given: bytes) -> AsyncIterator[bytes]:
    for piece in given:
        yield piece


async def test_what_is_created_is_read(store: FileStore) -> None:
    files = store.of("ws", "run-1")
    one = await files.create("a.csv", "Text/CSV; charset=utf-8", b"a,b")
    two = await files.create("../b", "", pieces(b"%PDF-", b"1.7"))
    assert (one["name"], one["content_type"], one["size"]) == ("a.csv", "text/csv", 3)
    assert (two["name"], two["content_type"], two["size"]) == ("b", "application/pdf", 8)
    assert await files.read(one, limit=3) == b"a,b"
    assert b"".join([piece async for piece in files.open(two)]) == b"%PDF-1.7"
    assert await store.of("ws", "run-2").read(two, limit=100) == b"%PDF-1.7"


async def test_limits(local: FileStore) -> None:
    files = local.of("ws", "run-1")
    for content in (b"12345", pieces(b"123", b"45")):
        with pytest.raises(PermanentError, match="larger than 4 bytes") as caught:
            await files.create("a", "", content, limit=4)
        assert caught.value.code == "FILE_TOO_LARGE"
    with pytest.raises(PermanentError, match="larger than 1 MiB"):
        await files.create("a", "", b"x" * ((1 << 20) + 1), limit=1 << 30)
    made = await files.create("a", "", b"12345", limit=5)
    with pytest.raises(PermanentError, match='"a" is larger than 4 bytes'):
        await files.read(made, limit=4)


async def test_a_source_that_fails_leaves_nothing(local: FileStore) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"1"
        raise RuntimeError("the source broke off")

    with pytest.raises(RuntimeError, match="broke off"):
        await local.of("ws", "run-1").create("a", "", broken())
    assert local._beneath(("ws", "runs", "run-1")).scan(()) == []


async def test_a_file_of_another_workspace(local: FileStore) -> None:
    made = await local.of("ws", "run-1").create("a", "", b"secret")
    with pytest.raises(PermanentError, match='"a" of the item is gone') as caught:
        await local.of("ws-2", "run-1").read(made, limit=100)
    assert caught.value.code == "FILE_GONE"


TOKEN = "0" * 32


@pytest.mark.parametrize(
    "forged",
    [
        {"ref": f"../../ws-2/runs/run-1/{TOKEN}"},
        {"ref": f"../files/{TOKEN}"},
        {"ref": f"run-1/../{TOKEN}"},
        {"ref": f"/etc/{TOKEN}"},
        {"ref": f"run-1/{TOKEN}\n"},
        {"ref": f"run-1/{TOKEN.upper().replace('0', 'A')}"},
        {"ref": "run-1/passwd"},
        {"ref": "/proc/self/environ"},
        {"ref": f"sha256.{'0' * 64}/../{TOKEN}"},
        {"ref": ["run-1", TOKEN]},
        {"filepath": "/proc/self/environ", "originalFilename": "a.txt", "mimetype": "text/plain"},
        {},
        "/etc/passwd",
        None,
        [],
    ],
)
async def test_forged_references(local: FileStore, forged: Any) -> None:
    files = local.of("ws", "run-1")
    await files.create("a", "", b"x")
    with pytest.raises(PermanentError) as caught:
        await files.read(forged, limit=100)
    assert caught.value.code == "INVALID_FILE_REFERENCE"
    with pytest.raises(PermanentError):
        await anext(files.open(forged))


async def test_what_a_reference_says_beside_its_ref_is_not_believed(local: FileStore) -> None:
    files = local.of("ws", "run-1")
    made = await files.create("a", "", b"x" * 1000)
    with pytest.raises(PermanentError, match="larger than"):
        await files.read(FileRef(name="/etc/passwd", content_type="text/html", size=1, ref=made["ref"]), limit=999)


async def test_forgetting_a_run(store: FileStore) -> None:
    one = await store.of("ws", "run-1").create("a", "", b"1")
    two = await store.of("ws", "run-2").create("a", "", b"2")
    store.of("ws", "run-1").forget_now()
    store.of("ws", "never").forget_now()
    FileStore("").of("ws", "run-1").forget_now()
    with pytest.raises(PermanentError, match="gone"):
        await store.of("ws", "run-1").read(one, limit=1)
    assert await store.of("ws", "run-2").read(two, limit=1) == b"2"
