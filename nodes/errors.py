"""What can go wrong in a node, sorted by whether trying again may help."""

from typing import ClassVar


class NodeError(Exception):
    """A node failed on an item; says what happened and, where known, what to do about it."""

    default_code: ClassVar[str] = "NODE_FAILED"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        item: int | None = None,
        hint: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.item = item
        self.hint = hint
        # Seconds before which another try is useless: the other side said so.
        self.retry_after = retry_after


class PostponedError(Exception):
    """A third party takes no more calls for some seconds: the step isn't begun, and is to be brought again then."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class PermanentError(NodeError):
    """No retry can mend it: the definition, the data or the credential must change."""

    default_code = "NODE_FAILED_PERMANENTLY"


class RetryableError(NodeError):
    """Another try may succeed: the other side was slow, busy or out of reach."""

    default_code = "NODE_FAILED_TRANSIENTLY"
