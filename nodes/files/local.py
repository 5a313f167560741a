"""Files in a local folder: every name on a path is opened by itself, and no link is followed."""

import fcntl
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from nodes.errors import PermanentError
from nodes.files.path import Segments, is_allowed
from nodes.files.storage import Entry, existing, explained, not_a_file, not_a_folder, not_regular

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A pipe must not block whoever opens it, nor a terminal become ours.
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_NEW = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
# Where files are written before they get their names. No workspace is called so.
_INCOMING = ".incoming"
_ABANDONED = 24 * 3600.0


class LocalStorage:
    """A folder beneath the file store's root."""

    def __init__(self, root: Path, base: Segments = ()) -> None:
        self._root = root
        self._base = base

    def entry(self, path: Segments) -> Entry:
        """What is at a path."""
        if not path:
            return Entry((), 0, None, is_folder=True)
        with explained(path), self._folder(path[:-1]) as folder:
            return _entry(path, os.stat(path[-1], dir_fd=folder, follow_symlinks=False))

    def open(self, path: Segments) -> BinaryIO:
        """A file to read."""
        with explained(path), self._folder(path[:-1]) as folder:
            _require_file(path, folder)
            return os.fdopen(_checked(os.open(path[-1], os.O_RDONLY | _FILE, dir_fd=folder), path), "rb")

    @contextmanager
    def write(self, path: Segments, *, overwrite: bool = True) -> Iterator[BinaryIO]:
        """A file to write: it is made elsewhere, and gets its name when it is complete."""
        with explained(path), self._folder(path[:-1], make=True) as folder, self._incoming() as incoming:
            _check_target(path, folder, overwrite)
            name = secrets.token_hex(16)
            try:
                with os.fdopen(os.open(name, _NEW, 0o666, dir_fd=incoming), "w+b") as file:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                _place(name, incoming, path, folder, overwrite)
            except BaseException:
                with suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=incoming)
                raise

    @contextmanager
    def append(self, path: Segments) -> Iterator[BinaryIO]:
        """A file to add to; others who add to it wait."""
        with explained(path), self._folder(path[:-1], make=True) as folder:
            _require_file(path, folder, missing_ok=True)
            opened = os.open(path[-1], os.O_RDWR | os.O_APPEND | os.O_CREAT | _FILE, 0o666, dir_fd=folder)
            with os.fdopen(_checked(opened, path), "ab") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                size = file.seek(0, os.SEEK_END)
                try:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                except BaseException:
                    with suppress(OSError):
                        file.flush()
                    os.ftruncate(file.fileno(), size)
                    raise

    def scan(self, folder: Segments) -> list[Entry]:
        """What is directly in a folder; what isn't regular, or has a name that is refused, isn't shown."""
        if not self.entry(folder).is_folder:
            raise not_a_folder(folder)
        try:
            with explained(folder), self._folder(folder) as opened, os.scandir(opened) as found:
                entries = [entry for one in found if (entry := _seen((*folder, one.name), one))]
        except PermanentError as error:
            if folder or error.code != "FILE_NOT_FOUND":
                raise
            return []  # nothing has been written yet
        return sorted(entries, key=lambda entry: entry.path)

    def move(self, source: Segments, target: Segments, *, overwrite: bool = True) -> None:
        """Gives a file another path, at once."""
        with explained(source), self._folder(source[:-1]) as taken:
            _require_file(source, taken)
            with explained(target), self._folder(target[:-1], make=True) as given:
                if source != target:
                    _place(source[-1], taken, target, given, overwrite)

    def delete(self, path: Segments, *, recursive: bool = False) -> None:
        """Takes away a file or a folder; links inside a folder go, what they lead to stays."""
        with explained(path), self._folder(path[:-1]) as folder:
            if not _entry(path, os.stat(path[-1], dir_fd=folder, follow_symlinks=False)).is_folder:
                os.unlink(path[-1], dir_fd=folder)
            elif recursive:
                shutil.rmtree(path[-1], dir_fd=folder)
            else:
                os.rmdir(path[-1], dir_fd=folder)

    @contextmanager
    def _folder(self, path: Segments, *, make: bool = False) -> Iterator[int]:
        """A folder, opened name by name from the root, so that no other process can slip a link in."""
        if make:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        opened = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for name in (*self._base, *path):
                child = _child(opened, name, make)
                os.close(opened)
                opened = child
            yield opened
        finally:
            os.close(opened)

    @contextmanager
    def _incoming(self) -> Iterator[int]:
        root = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            incoming = _child(root, _INCOMING, make=True)
        finally:
            os.close(root)
        try:
            _sweep(incoming)
            yield incoming
        finally:
            os.close(incoming)


def _child(folder: int, name: str, make: bool) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=folder)
    except FileNotFoundError:
        if not make:
            raise
    with suppress(FileExistsError):
        os.mkdir(name, 0o777, dir_fd=folder)
    return os.open(name, _FOLDER, dir_fd=folder)


def _entry(path: Segments, found: os.stat_result) -> Entry:
    modified = datetime.fromtimestamp(found.st_mtime, UTC)
    if stat.S_ISDIR(found.st_mode):
        return Entry(path, 0, modified, is_folder=True)
    if not _is_regular(found):
        raise not_regular(path)
    return Entry(path, found.st_size, modified)


def _is_regular(found: os.stat_result) -> bool:
    # A file with a second name may be one from outside: nothing here ever makes such.
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1


def _seen(path: Segments, one: "os.DirEntry[str]") -> Entry | None:
    with suppress(FileNotFoundError, PermanentError):
        return _entry(path, one.stat(follow_symlinks=False)) if is_allowed(path) else None
    return None


def _require_file(path: Segments, folder: int, *, missing_ok: bool = False) -> None:
    try:
        found = os.stat(path[-1], dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        if missing_ok:
            return
        raise
    if _entry(path, found).is_folder:
        raise not_a_file(path)


def _checked(opened: int, path: Segments) -> int:
    """The same descriptor, if what was opened in the end is a regular file."""
    if not _is_regular(os.fstat(opened)):
        os.close(opened)
        raise not_regular(path)
    return opened


def _check_target(path: Segments, folder: int, overwrite: bool) -> None:
    _require_file(path, folder, missing_ok=True)
    if not overwrite:
        with suppress(FileNotFoundError):
            os.stat(path[-1], dir_fd=folder, follow_symlinks=False)
            raise existing(path)


def _place(name: str, source: int, path: Segments, folder: int, overwrite: bool) -> None:
    _check_target(path, folder, overwrite)
    if not overwrite:
        # Whoever makes the name first has it.
        os.close(os.open(path[-1], _NEW, 0o666, dir_fd=folder))
    try:
        os.rename(name, path[-1], src_dir_fd=source, dst_dir_fd=folder)
    except OSError:
        if not overwrite:
            os.unlink(path[-1], dir_fd=folder)
        raise


def _sweep(incoming: int) -> None:
    """Takes away what workers that died have left."""
    now = time.time()
    with os.scandir(incoming) as found:
        for one in found:
            with suppress(FileNotFoundError):
                if now - one.stat(follow_symlinks=False).st_mtime > _ABANDONED:
                    os.unlink(one.name, dir_fd=incoming)
