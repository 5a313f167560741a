"""The files of one run: what a node may do with the files that items carry."""

from collections.abc import AsyncIterable, AsyncIterator
from typing import Protocol, TypedDict


class FileRef(TypedDict):
    """A file as an item carries it: `ref` names it in the workspace's store, `size` is in bytes."""

    name: str
    content_type: str
    size: int
    ref: str


class Files(Protocol):
    """Makes and reads the files of one run's workspace. PermanentError says which file, and what is wrong."""

    async def create(
        self, name: str, content_type: str, content: bytes | AsyncIterable[bytes], *, limit: int | None = None
    ) -> FileRef:
        """Stores a file for the run's items; `limit` is the most bytes it may have (default: the operator's)."""

    def open(self, file: FileRef) -> AsyncIterator[bytes]:
        """The file's content, in pieces."""

    async def read(self, file: FileRef, *, limit: int) -> bytes:
        """The whole content of a file that has at most `limit` bytes."""
