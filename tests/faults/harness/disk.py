"""A small disk of PostgreSQL's own that can be filled up: a tmpfs, where we may mount one."""

import os
import subprocess
from pathlib import Path

_SIZE = "700m"


class Disk:
    """A folder, on a file system of its own if we are root."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.own = False
        self._ballast = folder / "ballast"

    def mount(self) -> None:
        """Mounts it; where that isn't allowed it is a plain folder, which can't be filled."""
        self.folder.mkdir()
        if os.geteuid() == 0:
            command = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE},mode=755", "none", str(self.folder)]
            self.own = subprocess.run(command, capture_output=True, check=False).returncode == 0

    def fill(self) -> None:
        """Takes all the room that there is."""
        assert self.own, "a folder that others use isn't filled"
        block = b"\0" * 2**20
        with self._ballast.open("wb", buffering=0) as ballast:
            while True:
                try:
                    ballast.write(block)
                except OSError:
                    return

    def free(self) -> None:
        """Gives it back."""
        self._ballast.unlink(missing_ok=True)

    def unmount(self) -> None:
        """Forgets everything on it."""
        if self.own:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)
