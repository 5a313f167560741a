"""Collects what code prints, up to a size, inside the worker."""

MAX_LOG = 64 << 10
MAX_PRINTED = 16 << 20
NOTE = "\n… the rest of the output was cut"


class Log:
    """The first part of what was printed, and how much there was."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._kept = 0
        self._printed = 0
        self.overflow = ""

    def write(self, text: str) -> None:
        """Take some output; `overflow` says when there was far too much of it."""
        self._printed += len(text)
        if self._kept < MAX_LOG:
            part = text[: MAX_LOG - self._kept]
            self._parts.append(part)
            self._kept += len(part)
        if self._printed > MAX_PRINTED:
            self.overflow = f"the code printed more than {MAX_PRINTED >> 20} MiB"

    def text(self) -> str:
        """What was kept, with a note if there was more."""
        return "".join(self._parts) + (NOTE if self._printed > self._kept else "")
