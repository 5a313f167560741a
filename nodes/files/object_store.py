"""Files in an object store, or in any other place that fsspec reaches."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, BinaryIO, cast

from nodes.errors import NodeError, PermanentError, RetryableError
from nodes.files.path import Segments, is_allowed
from nodes.files.storage import Entry, existing, explain, not_a_file, not_a_folder, not_empty, not_regular, shown

_BLOCK = 4 << 20
# What these say in a key, fsspec takes for its own.
_TAKEN = ("::", "?versionId=")
# The names under which stores tell when an object was written.
_MODIFIED = ("LastModified", "last_modified", "updated", "mtime", "created")


class ObjectStorage:
    """Objects whose keys begin with a prefix; folders are what their keys have in common."""

    def __init__(self, filesystem: Any, prefix: str, base: Segments = ()) -> None:
        self._filesystem = filesystem
        self._prefix = prefix.rstrip("/")
        self._base = base

    @classmethod
    def at(cls, url: str) -> "ObjectStorage":
        """The place that a URL names; its options and credentials come from fsspec's own settings."""
        import fsspec  # only where there is such a place: a folder doesn't need it

        filesystem, prefix = fsspec.core.url_to_fs(url, use_listings_cache=False, skip_instance_cache=True)
        return cls(filesystem, prefix)

    def beneath(self, base: Segments) -> "ObjectStorage":
        """The part of it whose keys go on with these names."""
        return ObjectStorage(self._filesystem, self._prefix, base)

    def entry(self, path: Segments) -> Entry:
        """What is at a path."""
        if not path:
            return Entry((), 0, None, is_folder=True)
        with self._explained(path):
            self._filesystem.invalidate_cache()
            return _entry(path, self._filesystem.info(self._key(path)))

    def open(self, path: Segments) -> BinaryIO:
        """A file to read, in blocks."""
        if self.entry(path).is_folder:
            raise not_a_file(path)
        with self._explained(path):
            return cast(BinaryIO, self._filesystem.open(self._key(path), "rb", block_size=_BLOCK))

    @contextmanager
    def write(self, path: Segments, *, overwrite: bool = True) -> Iterator[BinaryIO]:
        """A file to write: it is made on this machine and sent when it is complete."""
        self._require_place(path, overwrite)
        with tempfile.NamedTemporaryFile(prefix="orchestrator-") as file:
            yield cast(BinaryIO, file)
            file.flush()
            with self._explained(path):
                mode = "overwrite" if overwrite else "create"
                self._filesystem.put_file(file.name, self._key(path), mode=mode)

    @contextmanager
    def append(self, path: Segments) -> Iterator[BinaryIO]:
        """A file to add to: objects can't grow, so the whole is written anew, and of two at once one may be lost."""
        with self.write(path) as file:
            try:
                with self.open(path) as before, self._explained(path):
                    while piece := before.read(_BLOCK):
                        file.write(piece)
            except PermanentError as error:
                if error.code != "FILE_NOT_FOUND":
                    raise
            yield file

    def scan(self, folder: Segments) -> list[Entry]:
        """What is directly in a folder."""
        if not self.entry(folder).is_folder:
            raise not_a_folder(folder)
        try:
            with self._explained(folder):
                self._filesystem.invalidate_cache()
                found = self._filesystem.ls(self._key(folder), detail=True)
        except PermanentError as error:
            if folder or error.code != "FILE_NOT_FOUND":
                raise
            return []  # nothing has been written yet
        entries = (_seen((*folder, _name(one)), one) for one in found)
        return sorted((entry for entry in entries if entry), key=lambda entry: entry.path)

    def move(self, source: Segments, target: Segments, *, overwrite: bool = True) -> None:
        """Gives a file another path: a copy, then the old one goes."""
        if self.entry(source).is_folder:
            raise not_a_file(source)
        self._require_place(target, overwrite)
        if source == target:
            return
        with self._explained(target):
            self._filesystem.makedirs(self._key(target[:-1]), exist_ok=True)
            self._filesystem.cp_file(self._key(source), self._key(target))
        with self._explained(source):
            self._filesystem.rm_file(self._key(source))

    def delete(self, path: Segments, *, recursive: bool = False) -> None:
        """Takes away a file or a folder."""
        if not self.entry(path).is_folder:
            with self._explained(path):
                self._filesystem.rm_file(self._key(path))
            return
        if not recursive and self.scan(path):
            raise not_empty(path)
        with self._explained(path):
            self._filesystem.rm(self._key(path), recursive=True)

    def _key(self, path: Segments) -> str:
        key = "/".join((self._prefix, *self._base, *path))
        if any(taken in key.removeprefix(self._prefix) for taken in _TAKEN):
            raise PermanentError(f'the file store can\'t hold the path "{shown(path)}"', code="INVALID_PATH")
        return key

    def _require_place(self, path: Segments, overwrite: bool) -> None:
        """Refuses what a folder would: a file beneath a file, or in place of a folder."""
        for depth in range(1, len(path)):
            if (above := self._found(path[:depth])) and not above.is_folder:
                raise not_a_folder(path[:depth])
        found = self._found(path)
        if found and found.is_folder:
            raise not_a_file(path)
        if found and not overwrite:
            raise existing(path)

    def _found(self, path: Segments) -> Entry | None:
        try:
            return self.entry(path)
        except PermanentError as error:
            if error.code != "FILE_NOT_FOUND":
                raise
            return None

    @contextmanager
    def _explained(self, path: Segments) -> Iterator[None]:
        try:
            yield
        except NodeError:
            raise
        except OSError as error:
            raise explain(error, path) from None
        except Exception as error:
            # Each store has errors of its own kinds; what they say may hold its credentials.
            raise RetryableError(
                f'the file store failed: {type(error).__name__} ("{shown(path)}")',
                code="FILE_STORE_FAILED",
                hint="tell the operator of the file store",
            ) from error


def _entry(path: Segments, found: dict[str, Any]) -> Entry:
    if found["type"] == "directory":
        return Entry(path, 0, _modified(found), is_folder=True)
    if found["type"] != "file" or found.get("islink"):
        raise not_regular(path)
    return Entry(path, int(found["size"] or 0), _modified(found))


def _seen(path: Segments, found: dict[str, Any]) -> Entry | None:
    # Some stores keep an empty object as a folder's mark, which they list within it.
    allowed = bool(path[-1]) and is_allowed(path) and found["type"] in ("file", "directory")
    return _entry(path, found) if allowed and not found.get("islink") else None


def _name(found: dict[str, Any]) -> str:
    return str(found["name"]).rsplit("/", 1)[-1]


def _modified(found: dict[str, Any]) -> datetime | None:
    for name in _MODIFIED:
        value = found.get(name)
        if isinstance(value, datetime):
            return value if value.tzinfo else value.replace(tzinfo=UTC)
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        if isinstance(value, str) and value:
            try:
                return datetime.fromisoformat(value)
            except ValueError:
                continue
    return None
