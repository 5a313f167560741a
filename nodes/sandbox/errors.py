"""What can go wrong with a user's code."""

from nodes.errors import PermanentError


class CodeError(PermanentError):
    """The code itself failed: what it raised, on which of its lines, and what it had printed until then."""

    default_code = "CODE_FAILED"

    def __init__(self, message: str, *, line: int | None = None, log: str = "") -> None:
        super().__init__(f"line {line}: {message}" if line is not None else message)
        self.line = line
        self.log = log


class CodeLimit(CodeError):
    """The code reached a limit: time, memory, output or depth."""

    default_code = "CODE_LIMIT"

    def __init__(self, message: str, *, limit: str, line: int | None = None, log: str = "") -> None:
        super().__init__(message, line=line, log=log)
        self.limit = limit
