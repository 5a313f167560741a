"""What a request can fail with; the gRPC interceptor knows which status each becomes."""

from collections.abc import Sequence

from orchestrator.errors import Problem


class ServiceError(Exception):
    """A request that can't be carried out, and why, in words for the caller."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class NotFound(ServiceError, LookupError):
    """What the request is about doesn't exist."""


class AlreadyExists(ServiceError):
    """An id that is taken."""


class VersionConflict(ServiceError):
    """Somebody else was faster; read again and repeat."""


class Unauthenticated(ServiceError):
    """A call that says not, or not truly, who makes it."""


class Forbidden(ServiceError):
    """A call that whoever makes it may not make."""


class RateLimited(ServiceError):
    """Too many calls of a kind; `retry_after` says when, in seconds, another may be made."""

    def __init__(self, code: str, message: str, retry_after: float) -> None:
        super().__init__(code, message)
        self.retry_after = retry_after


class Unavailable(ServiceError):
    """A server that is needed doesn't answer; try again later."""


class RequestInvalid(ServiceError):
    """A request that can never work as it is, with every problem found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(problems[0].code, "; ".join(problem.message for problem in problems))
        self.problems = list(problems)


class PreconditionFailed(ServiceError):
    """A request that what is stored doesn't allow at present, with every problem found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(problems[0].code, "; ".join(problem.message for problem in problems))
        self.problems = list(problems)


def workflow_not_found(workflow_id: str) -> NotFound:
    """For a workflow that never was, or was deleted."""
    return NotFound("WORKFLOW_NOT_FOUND", f"there is no workflow {workflow_id[:128]!r}")


def version_not_found(workflow_id: str, version: int) -> NotFound:
    """For a version that a workflow doesn't have."""
    return NotFound("VERSION_NOT_FOUND", f"workflow {workflow_id[:128]!r} has no version {version}")


def execution_not_found(execution_id: str) -> NotFound:
    """For a run that never was, or was deleted."""
    return NotFound("EXECUTION_NOT_FOUND", f"there is no execution {execution_id[:128]!r}")


def invalid(code: str, message: str, field: str = "") -> RequestInvalid:
    """A request with one problem."""
    return RequestInvalid([Problem(code, message, field=field)])


def precondition(code: str, message: str) -> PreconditionFailed:
    """A state with one problem."""
    return PreconditionFailed([Problem(code, message)])
