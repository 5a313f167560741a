"""Where files are kept: a local folder or an object store, by its URL."""

from nodes.files.files import Files


class FileStore:
    """The files of all workspaces."""

    def __init__(self, url: str) -> None:
        self.url = url

    def of(self, workspace: str, execution_id: str) -> Files:
        """The files of a run."""
        raise NotImplementedError
