"""A disk of a server's own that can be full: a tmpfs, where we may mount one."""

import os
import subprocess
import time
from pathlib import Path

_ROOM = "4g"  # a tmpfs takes what is in it, not its size


class Disk:
    """A folder, on a file system of its own if we are root."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.own = False

    def mount(self) -> None:
        """Mounts it; where that isn't allowed it is a plain folder, which can't be full."""
        self.folder.mkdir()
        if os.geteuid() == 0:
            self.own = self._mount("-t", "tmpfs", "-o", f"size={_ROOM},mode=755", "none")

    def fill(self, within: float = 10) -> None:
        """Leaves it as large as what is on it."""
        assert self.own, "a folder that others use isn't filled"
        deadline = time.monotonic() + within
        while True:
            now = os.statvfs(self.folder)
            # It is refused if something was written meanwhile.
            if self._mount("-o", f"remount,size={(now.f_blocks - now.f_bfree) * now.f_frsize}"):
                return
            assert time.monotonic() < deadline, "the disk can't be made smaller"

    def free(self) -> None:
        """Gives back its room."""
        assert self._mount("-o", f"remount,size={_ROOM}")

    def unmount(self) -> None:
        """Forgets everything on it."""
        if self.own:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    def _mount(self, *arguments: str) -> bool:
        command = ["mount", *arguments, str(self.folder)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
