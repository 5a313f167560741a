"""What a place for files can do; paths in it are names from its root, checked before."""

import errno
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Protocol

from nodes.errors import NodeError, PermanentError, RetryableError
from nodes.files.path import Segments, printable

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_NOT_REGULAR = frozenset({errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO, errno.EMLINK})


@dataclass(frozen=True)
class Entry:
    """A file or folder that is there; `size` is in bytes."""

    path: Segments
    size: int
    modified: datetime | None
    is_folder: bool = False


class Storage(Protocol):
    """One place for files, beneath a root that no path leaves; its calls block.

    Only regular files and folders are there: links, pipes and devices are refused. Errors are PermanentError and
    RetryableError, and say which path.
    """

    def entry(self, path: Segments) -> Entry:
        """What is at a path."""

    def open(self, path: Segments) -> BinaryIO:
        """A file to read; it can seek."""

    def write(self, path: Segments, *, overwrite: bool = True) -> AbstractContextManager[BinaryIO]:
        """A file to write, which is there, whole, once the context is left without an error."""

    def append(self, path: Segments) -> AbstractContextManager[BinaryIO]:
        """A file to add to, made if need be; an error inside the context takes back what was added."""

    def scan(self, folder: Segments) -> list[Entry]:
        """What is directly in a folder, by name."""

    def move(self, source: Segments, target: Segments, *, overwrite: bool = True) -> None:
        """Gives a file another path."""

    def delete(self, path: Segments, *, recursive: bool = False) -> None:
        """Takes away a file or a folder, which must be empty unless `recursive`."""


def shown(path: Segments) -> str:
    """A path as messages show it."""
    return printable("/".join(path)) or "."


def missing(path: Segments) -> PermanentError:
    """Nothing is there."""
    return PermanentError(
        f'there is no file "{shown(path)}"', code="FILE_NOT_FOUND", hint="list the folder to see what is there"
    )


def existing(path: Segments) -> PermanentError:
    """Something is there that must not be replaced."""
    return PermanentError(
        f'"{shown(path)}" exists already', code="FILE_EXISTS", hint='set "overwrite", or choose another path'
    )


def not_a_file(path: Segments) -> PermanentError:
    """A folder is where a file is needed."""
    return PermanentError(f'"{shown(path)}" is a folder; expected a file', code="NOT_A_FILE")


def not_a_folder(path: Segments) -> PermanentError:
    """A file is where a folder is needed."""
    return PermanentError(f'"{shown(path)}" is a file; expected a folder', code="NOT_A_FOLDER")


def not_empty(path: Segments) -> PermanentError:
    """A folder has something in it."""
    return PermanentError(
        f'the folder "{shown(path)}" isn\'t empty', code="FOLDER_NOT_EMPTY", hint='set "recursive" to delete it all'
    )


def not_regular(path: Segments) -> PermanentError:
    """Neither a file nor a folder is there, or on the way."""
    return PermanentError(
        f'"{shown(path)}" is, or leads through, something that is no regular file and no folder',
        code="NOT_A_FILE",
        hint="links, hard links, pipes and devices are never followed or opened",
    )


def too_large(name: str, limit: int) -> PermanentError:
    """More than is allowed."""
    return PermanentError(
        f'"{printable(name)}" is larger than {shown_size(limit)}',
        code="FILE_TOO_LARGE",
        hint="use a smaller file, or ask the operator to raise ORCHESTRATOR_MAX_FILE_MB",
    )


def shown_size(size: int) -> str:
    """A number of bytes in words."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit:
            return f"{size / unit:.4g} {name}"
    return f"{size} bytes"


@contextmanager
def explained(path: Segments) -> Iterator[None]:
    """Turns the system's errors into a node's, which name the path as users know it and nothing else."""
    try:
        yield
    except OSError as error:
        raise explain(error, path) from None


def explain(error: OSError, path: Segments) -> NodeError:
    """What an error of the system means for whoever asked for a path."""
    number = error.errno
    if isinstance(error, FileNotFoundError):
        return missing(path)
    if isinstance(error, FileExistsError):
        return existing(path)
    if isinstance(error, NotADirectoryError | IsADirectoryError) or number in _NOT_REGULAR:
        return not_regular(path)
    if number == errno.ENOTEMPTY:
        return not_empty(path)
    if isinstance(error, PermissionError) or number in _FORBIDDEN:
        return PermanentError(
            f'the worker may not do this with "{shown(path)}"',
            code="FILE_FORBIDDEN",
            hint="the operator must let the worker read and write the file store",
        )
    if number == errno.ENAMETOOLONG:
        return PermanentError(f'the path "{shown(path)}" is too long for the file store', code="INVALID_PATH")
    what = "is full" if number in _FULL else f"doesn't answer: {type(error).__name__}"
    return RetryableError(
        f'the file store {what} ("{shown(path)}")', code="FILE_STORE_FAILED", hint="tell the operator of the file store"
    )
