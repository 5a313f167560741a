"""What can go wrong with an expression."""

from nodes.errors import PermanentError


class ExpressionError(PermanentError):
    """An expression of one parameter failed on one item; `limit` says that it reached a limit."""

    default_code = "EXPRESSION_FAILED"

    def __init__(
        self, message: str, *, parameter: str, item: int | None = None, limit: bool = False, hint: str = ""
    ) -> None:
        where = f"parameter {parameter}: " if parameter else ""
        code = "EXPRESSION_LIMIT" if limit else None
        super().__init__(f"{where}{message}", code=code, item=item, hint=hint)
        self.parameter = parameter
        self.limit = limit
