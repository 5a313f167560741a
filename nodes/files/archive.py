"""Reads zip and tar archives that anyone may have made: nothing of one is used before all of it has been checked."""

import bz2
import gzip
import math
import stat
import struct
import tarfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol, cast

from nodes.errors import PermanentError
from nodes.files.path import PathError, Segments, printable, split
from nodes.files.storage import shown_size

MOST_MEMBERS = 10_000
MOST_RATIO = 200
# Below this an archive may be packed as tightly as it likes.
_SMALL = 10 << 20
# No table of contents is larger, and no header: a reader would hold all of it.
_MOST_AT_ONCE = 4 << 20
_MOST_HEADERS = 32 << 20
_PIECE = 256 * 1024
_BROKEN = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError, struct.error),
    *(ValueError, RecursionError, NotImplementedError, RuntimeError, OverflowError, KeyError, IndexError),
)


@dataclass(frozen=True)
class Limits:
    """What an archive may become: `size` is the most bytes of all its members together."""

    size: int
    members: int = MOST_MEMBERS
    ratio: int = MOST_RATIO


@dataclass(frozen=True)
class Member:
    """A file or folder in an archive; `handle` is what the library reads it by."""

    path: Segments
    is_folder: bool
    handle: Any


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Archive(ABC):
    """An opened archive, whose members come in the order they were stored."""

    @abstractmethod
    def members(self) -> Iterator[Member]:
        """Every member; PermanentError at the first that isn't a plain file or folder with a harmless path."""

    @abstractmethod
    def open(self, member: Member) -> _Readable:
        """The content of a member that is a file."""

    def check(self, limits: Limits, packed: int, stop: Callable[[], None]) -> list[Member]:
        """Reads all of it; its members, if they are sound, distinct and within limits. `packed` is its own size."""
        found: dict[Segments, Member] = {}
        folders: set[Segments] = set()
        size = 0
        for member in self.members():
            stop()
            _require_place(member, found, folders)
            found[member.path] = member
            if len(found) > limits.members:
                raise _over(f"more than {limits.members:,} members")
            for piece in self.pieces(member):
                size += len(piece)
                _require_size(size, limits, packed)
        return list(found.values())

    def pieces(self, member: Member) -> Iterator[bytes]:
        """The content of a member in pieces; nothing for a folder."""
        if member.is_folder:
            return
        content = self.open(member)
        while piece := content.read(_PIECE):
            yield piece


class ZipArchive(Archive):
    """A zip file; names without a mark are in `encoding`."""

    def __init__(self, file: BinaryIO, encoding: str | None) -> None:
        self._zip = zipfile.ZipFile(_Bounded(file), metadata_encoding=encoding)

    def members(self) -> Iterator[Member]:
        """Every member."""
        for info in self._zip.infolist():
            mode = info.external_attr >> 16
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _unsafe(info.filename, "is a link, a pipe or a device")
            if "\x00" in info.orig_filename:
                raise _unsafe(info.filename, "has a zero byte in its name")
            if info.flag_bits & 0x1:
                raise PermanentError(
                    "the archive is encrypted, which can't be read", code="INVALID_ARCHIVE", hint="pack it without"
                )
            # Only these are unpacked a piece at a time, however much a piece becomes.
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise PermanentError(
                    f"the archive is packed in a way that isn't supported ({info.compress_type})",
                    code="INVALID_ARCHIVE",
                    hint="pack it with deflate",
                )
            if not (info.is_dir() and _is_root(info.filename)):
                yield Member(_path_of(info.filename), info.is_dir(), info)

    def open(self, member: Member) -> _Readable:
        """The content of a member."""
        return self._zip.open(member.handle)


class TarArchive(Archive):
    """A tar file, unpacked as it is read."""

    def __init__(self, file: BinaryIO, encoding: str | None) -> None:
        self._source = _Bounded(file, _MOST_HEADERS)
        self._tar = tarfile.open(fileobj=cast(Any, self._source), mode="r:", encoding=encoding or "utf-8")  # noqa: SIM115

    def members(self) -> Iterator[Member]:
        """Every member."""
        for info in self._tar:
            if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE) or info.issparse():
                raise _unsafe(info.name, "is a link, a pipe, a device or a sparse file")
            if not (info.isdir() and _is_root(info.name)):
                yield Member(_path_of(info.name), info.isdir(), info)

    def open(self, member: Member) -> _Readable:
        """The content of a member."""
        self._source.allowed += member.handle.size
        content: _Readable | None = self._tar.extractfile(member.handle)
        assert content is not None, "a regular file has content"
        return content


@contextmanager
def opened(file: BinaryIO, encoding: str | None) -> Iterator[Archive]:
    """An archive of whichever kind the file is; what is wrong with it is a PermanentError."""
    try:
        yield _open(file, encoding)
    except PermanentError:
        raise
    except _BROKEN as error:
        raise PermanentError(
            f"the archive can't be read: {printable(str(error)) or type(error).__name__}", code="INVALID_ARCHIVE"
        ) from None


def _open(file: BinaryIO, encoding: str | None) -> Archive:
    beginning = file.read(512)
    file.seek(0)
    if beginning.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return ZipArchive(file, encoding)
    if beginning.startswith(b"\x1f\x8b"):
        return TarArchive(gzip.GzipFile(fileobj=file), encoding)  # type: ignore[arg-type]
    if beginning.startswith(b"BZh"):
        return TarArchive(bz2.BZ2File(file), encoding)  # type: ignore[arg-type]
    if beginning[257:262] == b"ustar" or beginning[:1] not in (b"", b"\x00"):
        return TarArchive(file, encoding)
    raise PermanentError(
        "the file is no zip or tar archive", code="INVALID_ARCHIVE", hint="tar may be in gzip or bzip2"
    )


class _Bounded:
    """A file of which a library gets no more than is good, at once and, if `allowed` says so, in all."""

    def __init__(self, file: BinaryIO, allowed: float = math.inf) -> None:
        self.allowed = allowed
        self._file = file
        self.seekable = file.seekable
        self.seek = file.seek
        self.tell = file.tell

    def read(self, size: int = -1) -> bytes:
        """At most _MOST_AT_ONCE bytes; more is refused."""
        piece = self._file.read(min(size, _MOST_AT_ONCE + 1) if size >= 0 else _MOST_AT_ONCE + 1)
        if max(size, len(piece)) > _MOST_AT_ONCE:
            raise _over("a header or a table of contents of unusual size")
        self.allowed -= len(piece)
        if self.allowed < 0:
            raise _over("headers of unusual size")
        return piece


def _is_root(name: str) -> bool:
    return name.rstrip("/") in (".", "") and not name.startswith("/")


def _path_of(name: str) -> Segments:
    try:
        path = split(name)
        if not path:
            raise PathError("names nothing")
    except PathError as error:
        raise _unsafe(name, str(error)) from None
    return path


def _require_place(member: Member, found: dict[Segments, Member], folders: set[Segments]) -> None:
    known = found.get(member.path)
    if known and not (known.is_folder and member.is_folder):
        raise _unsafe("/".join(member.path), "is there twice")
    if member.path in folders and not member.is_folder:
        raise _unsafe("/".join(member.path), "is a file and a folder")
    for depth in range(1, len(member.path)):
        above = found.get(member.path[:depth])
        if above and not above.is_folder:
            raise _unsafe("/".join(member.path), "is in a folder that is a file")
        folders.add(member.path[:depth])


def _require_size(size: int, limits: Limits, packed: int) -> None:
    if size > limits.size:
        raise _over(f"more than {shown_size(limits.size)} in all")
    if size > _SMALL and size > packed * limits.ratio:
        raise _over(f"more than {limits.ratio} times its size")


def _unsafe(name: str, why: str) -> PermanentError:
    return PermanentError(
        f'the archive\'s member "{printable(name)}" {why}; nothing was unpacked', code="UNSAFE_ARCHIVE"
    )


def _over(what: str) -> PermanentError:
    return PermanentError(f"the archive unpacks to {what}; nothing was unpacked", code="ARCHIVE_TOO_LARGE")
