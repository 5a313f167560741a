"""Archives of every kind: what is unpacked, and what is refused before anything is."""

import bz2
import gzip
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable

import pytest

from nodes.errors import PermanentError
from nodes.files.archive import Limits, opened

Entries = list[tuple[str, bytes]]
LIMITS = Limits(size=20 << 20, members=100)


def zipped(entries: Entries, **fields: object) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            for field, value in fields.items():
                setattr(info, field, value)
            archive.writestr(info, content)
    return packed.getvalue()


def tarred(entries: Entries, **fields: object) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in entries:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for field, value in fields.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


KINDS: dict[str, Callable[[Entries], bytes]] = {
    "zip": zipped,
    "tar": tarred,
    "tar.gz": lambda entries: gzip.compress(tarred(entries)),
    "tar.bz2": lambda entries: bz2.compress(tarred(entries)),
}


def unpack(packed: bytes, limits: Limits = LIMITS, encoding: str | None = None) -> dict[str, bytes]:
    with opened(io.BytesIO(packed), encoding) as archive:
        members = archive.check(limits, len(packed), lambda: None)
        return {"/".join(m.path): b"".join(archive.pieces(m)) for m in members if not m.is_folder}


def refusal(packed: bytes, limits: Limits = LIMITS) -> str:
    with pytest.raises(PermanentError) as caught:
        unpack(packed, limits)
    return f"{caught.value.code}: {caught.value.message}"


@pytest.mark.parametrize("kind", KINDS)
def test_unpacked(kind: str) -> None:
    entries = [("b.txt", b"two"), ("a/x", b""), ("名前.txt", b"n" * 300_000)]
    assert unpack(KINDS[kind](entries)) == dict(entries)


def test_folders_are_passed_over() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo("./"), "")
        archive.mkdir("a")
        archive.writestr("a/b", "x")
    assert unpack(packed.getvalue()) == {"a/b": b"x"}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tarball:
        for name in (".", "./a"):
            folder = tarfile.TarInfo(name)
            folder.type = tarfile.DIRTYPE
            tarball.addfile(folder)
        tarball.addfile(tarfile.TarInfo("./a/b"), io.BytesIO())
    assert unpack(packed.getvalue()) == {"a/b": b""}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "a/../../x",
        "/etc/passwd",
        "..\\x",
        "C:\\x",
        ".git/config",
        "a/.git/hooks/pre-commit",
        "a\x1b[31m",
        "nul",
    ],
)
def test_paths_of_members(kind: str, name: str) -> None:
    assert refusal(KINDS[kind]([("fine", b""), (name, b"x")])).startswith("UNSAFE_ARCHIVE: the archive's member")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("names", "why"),
    [(["a", "a"], "twice"), (["a", "./a"], "twice"), (["a", "a/b"], "folder that is a file"), (["a/b", "a"], "folder")],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_in_each_others_way(kind: str, names: list[str], why: str) -> None:
    assert why in refusal(KINDS[kind]([(name, b"") for name in names]))


@pytest.mark.parametrize(
    "packed",
    [
        tarred([("l", b"")], type=tarfile.SYMTYPE, linkname="/tmp"),
        tarred([("l", b"")], type=tarfile.LNKTYPE, linkname="/etc/passwd"),
        tarred([("d", b"")], type=tarfile.CHRTYPE, devmajor=1, devminor=5),
        tarred([("d", b"")], type=tarfile.BLKTYPE),
        tarred([("p", b"")], type=tarfile.FIFOTYPE),
        tarred([("s", b"")], type=tarfile.GNUTYPE_SPARSE),
        zipped([("l", b"/etc/passwd")], external_attr=0o120777 << 16),
        zipped([("p", b"")], external_attr=0o010644 << 16),
    ],
)
def test_only_files_and_folders(packed: bytes) -> None:
    assert refusal(packed).startswith("UNSAFE_ARCHIVE")


@pytest.mark.parametrize("kind", KINDS)
def test_limits(kind: str) -> None:
    make = KINDS[kind]
    many = make([(f"{number}", b"") for number in range(101)])
    assert "more than 100 members" in refusal(many)
    assert "more than 1 MiB in all" in refusal(make([("a", b"x" * (1 << 20)), ("b", b"x")]), Limits(1 << 20))
    if kind != "tar":
        bomb = make([("a", bytes(15 << 20))])
        assert "more than 200 times its size" in refusal(bomb)


def test_what_a_header_says_of_the_size_is_not_believed() -> None:
    packed = bytearray(zipped([("a", bytes(1 << 21))]))
    central = packed.index(b"PK\x01\x02")
    struct.pack_into("<L", packed, central + 24, 10)
    assert refusal(bytes(packed), Limits(1 << 20)).startswith(("INVALID_ARCHIVE", "ARCHIVE_TOO_LARGE"))


def test_a_header_of_unusual_size() -> None:
    member = tarfile.TarInfo("a")
    member.pax_headers = {"comment": "x" * (5 << 20)}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(member)
    assert "unusual size" in refusal(gzip.compress(packed.getvalue()))


def test_many_headers_of_unusual_size() -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for number in range(12):
            member = tarfile.TarInfo(f"{number}")
            member.pax_headers = {"comment": "x" * (3 << 20)}
            archive.addfile(member)
    assert "unusual size" in refusal(gzip.compress(packed.getvalue(), 1))


def test_a_chain_of_headers() -> None:
    header = tarfile.TarInfo("x")
    header.type = tarfile.XHDTYPE
    body = b"13 comment=x\n"
    header.size = len(body)
    block = header.tobuf(tarfile.USTAR_FORMAT) + body.ljust(512, b"\0")
    assert refusal(block * 3000).startswith("INVALID_ARCHIVE")


def test_a_table_of_contents_of_unusual_size() -> None:
    packed = zipped([("n" * 200 + str(number), b"") for number in range(20_000)])
    assert "unusual size" in refusal(packed)


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"hello",
        b"\x00" * 2000,
        b"PK\x03\x04 and nothing else",
        b"\x1f\x8b nothing",
        b"BZh9nothing",
        gzip.compress(b"no tar in here" * 100, mtime=0),
        zipped([("a", b"x" * 1000)])[:-30],
        tarred([("a", b"x" * 2000)])[:1500],
        zipped([("a", b"x" * 1000)]).replace(zlib.compress(b"x" * 1000)[2:-4], b"\xff" * 8, 1),
    ],
)
def test_broken(packed: bytes) -> None:
    assert refusal(packed).startswith("INVALID_ARCHIVE")


def test_an_encrypted_archive() -> None:
    packed = bytearray(zipped([("a", b"x")]))
    packed[packed.index(b"PK\x01\x02") + 8] |= 1
    assert "encrypted" in refusal(bytes(packed))


def test_a_way_of_packing_that_may_take_all_memory() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a", "x")
    assert "pack" in refusal(packed.getvalue())


def test_names_in_another_encoding() -> None:
    packed = zipped([("XXXX.txt", b"1")]).replace(b"XXXX", "名前".encode("cp932"))
    assert unpack(packed, encoding="cp932") == {"名前.txt": b"1"}
    assert list(unpack(packed)) != ["名前.txt"]
    packed = tarred([("XXXX.txt", b"1")])
    header = bytearray(packed[:512].replace(b"XXXX", "名前".encode("cp932")))
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    packed = bytes(header) + packed[512:]
    assert unpack(packed, encoding="cp932") == {"名前.txt": b"1"}
    assert refusal(packed).startswith("UNSAFE_ARCHIVE")
