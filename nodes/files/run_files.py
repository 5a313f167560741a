"""The files that the items of a run carry, in the run's own folder of the workspace."""

import asyncio
import re
import secrets
import threading
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, TypeVar

from nodes.errors import PermanentError
from nodes.files.content_type import SNIFFED, cleaned, content_type_of
from nodes.files.files import FileRef
from nodes.files.path import Segments, printable, safe_name
from nodes.files.storage import Storage, too_large
from nodes.values import kind, shown

PIECE = 256 * 1024
# A reference is what the store gave out: a run's folder and a random name. Anything else never reaches it.
_REFERENCE = re.compile(r"((?:[a-z0-9_-]{1,64})|(?:sha256\.[0-9a-f]{64}))/([0-9a-f]{32})")
T = TypeVar("T")


class Incoming:
    """A file that is being stored: counts what is written and looks at its beginning."""

    def __init__(self, file: BinaryIO, name: str, content_type: str, limit: int, ref: str) -> None:
        self._file = file
        self._name = safe_name(name)
        self._content_type = cleaned(content_type)
        self._limit = limit
        self._ref = ref
        self._beginning = b""
        self._size = 0

    def write(self, piece: bytes) -> None:
        """Adds to it; PermanentError if it grows too large."""
        self._size += len(piece)
        if self._size > self._limit:
            raise too_large(self._name, self._limit)
        if len(self._beginning) < SNIFFED:
            self._beginning += piece[: SNIFFED - len(self._beginning)]
        self._file.write(piece)

    def reference(self) -> FileRef:
        """What an item carries of it."""
        content_type = self._content_type or content_type_of(self._name, self._beginning)
        return FileRef(name=self._name, content_type=content_type, size=self._size, ref=self._ref)


class RunFiles:
    """Stores files for a run, and reads those of the whole workspace's runs; implements Files.

    The methods whose names end in `_now` block.
    """

    def __init__(self, storage: Callable[[], Storage], folder: str, limit: int) -> None:
        self._find_storage = storage
        self._folder = folder
        self.limit = limit

    async def create(
        self, name: str, content_type: str, content: bytes | AsyncIterable[bytes], *, limit: int | None = None
    ) -> FileRef:
        """Stores a file for the run's items; an empty content type is guessed."""
        if isinstance(content, bytes):
            return await in_thread(lambda _: self.create_now(name, content_type, iter([content]), limit=limit))
        storing = self.storing_now(name, content_type, limit=limit)
        incoming = await asyncio.to_thread(storing.__enter__)
        try:
            async for piece in content:
                await asyncio.to_thread(incoming.write, piece)
        except BaseException as error:
            await asyncio.shield(asyncio.to_thread(storing.__exit__, type(error), error, error.__traceback__))
            raise
        await asyncio.to_thread(storing.__exit__, None, None, None)
        return incoming.reference()

    async def open(self, file: FileRef) -> AsyncIterator[bytes]:
        """The file's content, in pieces."""
        opened = await asyncio.to_thread(self.open_now, file)
        try:
            while piece := await asyncio.to_thread(opened.read, PIECE):
                yield piece
        finally:
            opened.close()

    async def read(self, file: FileRef, *, limit: int) -> bytes:
        """The whole content of a file that has at most `limit` bytes."""
        return await in_thread(lambda _: self.read_now(file, limit=limit))

    def create_now(
        self, name: str, content_type: str, content: Iterator[bytes], *, limit: int | None = None
    ) -> FileRef:
        """As `create`."""
        with self.storing_now(name, content_type, limit=limit) as incoming:
            for piece in content:
                incoming.write(piece)
        return incoming.reference()

    @contextmanager
    def storing_now(self, name: str, content_type: str = "", *, limit: int | None = None) -> Iterator[Incoming]:
        """A file to write; it is stored when the context is left without an error."""
        allowed = self.limit if limit is None else min(limit, self.limit)
        token = secrets.token_hex(16)
        with self._storage().write((self._folder, token)) as file:
            yield Incoming(file, name, content_type, allowed, f"{self._folder}/{token}")

    def open_now(self, file: Any) -> BinaryIO:
        """A file to read, by what an item carries of it; whoever made that."""
        path = _path(file)
        try:
            return self._storage().open(path)
        except PermanentError as error:
            if error.code != "FILE_NOT_FOUND":
                raise
        name = printable(str(file.get("name", "")))
        raise PermanentError(
            f'the file "{name}" of the item is gone',
            code="FILE_GONE",
            hint="a run's files are deleted with the run: read the file in this run",
        )

    def read_now(self, file: Any, *, limit: int) -> bytes:
        """As `read`."""
        with self.open_now(file) as opened:
            content = opened.read(limit + 1)
        if len(content) > limit:
            raise too_large(str(file.get("name", "")), limit)
        return content

    def forget_now(self) -> None:
        """Deletes all files of the run."""
        try:
            self._storage().delete((self._folder,), recursive=True)
        except PermanentError as error:
            if error.code not in ("FILE_NOT_FOUND", "FILES_NOT_CONFIGURED"):
                raise

    def _storage(self) -> Storage:
        return self._find_storage()


async def in_thread(work: Callable[[threading.Event], T]) -> T:
    """What blocking work gives; when the caller is cancelled, the event tells the work to end."""
    stopped = threading.Event()
    try:
        return await asyncio.to_thread(work, stopped)
    finally:
        stopped.set()


def _path(file: Any) -> Segments:
    ref = file.get("ref") if isinstance(file, dict) else None
    found = _REFERENCE.fullmatch(ref) if isinstance(ref, str) else None
    if found is None:
        what = f"its `ref` is {shown(ref)}" if kind(file) == "object" else f"it is {shown(file)}"
        raise PermanentError(
            f"what the item carries is no file of this workspace: {printable(what)}",
            code="INVALID_FILE_REFERENCE",
            hint="take files as nodes give them; they can't be made by hand",
        )
    return (found[1], found[2])
