"""Where files are kept: a local folder or an object store, by its URL."""

import hashlib
import re
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote, urlsplit

from nodes.errors import PermanentError
from nodes.files.local import LocalStorage
from nodes.files.object_store import ObjectStorage
from nodes.files.path import Segments, is_allowed
from nodes.files.run_files import RunFiles
from nodes.files.storage import Storage

LIMIT = 256 << 20
_SETTING = "ORCHESTRATOR_FILES_URL"
_PLAIN = re.compile(r"[a-z0-9_-]{1,64}")


class FileStore:
    """The files of all workspaces: each has a folder for its nodes and one for its runs.

    The URL is a folder's path, `file://…`, or one that fsspec knows such as `s3://bucket/prefix`; nothing is opened
    before it is needed. `limit` is the most bytes that a file may have.
    """

    def __init__(self, url: str, *, limit: int = LIMIT) -> None:
        self.url = url
        self.limit = limit

    def of(self, workspace: str, execution_id: str) -> RunFiles:
        """The files of a run."""
        base = (_folder_name(workspace), "runs")
        return RunFiles(lambda: self._beneath(base), _folder_name(execution_id), self.limit)

    def folder(self, workspace: str) -> Storage:
        """What the workspace's nodes read and write by paths."""
        return self._beneath((_folder_name(workspace), "files"))

    def _beneath(self, base: Segments) -> Storage:
        if not self.url:
            raise PermanentError(
                "no place for files is set", code="FILES_NOT_CONFIGURED", hint=f"the operator must set {_SETTING}"
            )
        root = _local_root(self.url)
        return LocalStorage(root, base) if root else self._remote.beneath(base)

    @cached_property
    def _remote(self) -> ObjectStorage:
        try:
            return ObjectStorage.at(self.url)
        except (ImportError, ValueError) as error:
            raise PermanentError(
                f"the place for files can't be reached: {error}",
                code="FILES_NOT_CONFIGURED",
                hint=f"the operator must correct {_SETTING}, or install what fsspec needs for it",
            ) from None


def _local_root(url: str) -> Path | None:
    if "://" not in url:
        return Path(url).absolute()
    parts = urlsplit(url)
    return Path(unquote(parts.path)).absolute() if parts.scheme == "file" else None


def _folder_name(name: str) -> str:
    """A folder's name for any name at all, another one for each; it can't lead anywhere."""
    if _PLAIN.fullmatch(name) and is_allowed((name,)):
        return name
    return "sha256." + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
