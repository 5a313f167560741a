"""Finds the error that matters in the groups in which the SDK's tasks report theirs."""


def first_cause(error: BaseException) -> BaseException:
    """The first error of a group of groups that isn't a group itself."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
