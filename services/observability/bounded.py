"""Keeps the number of a label's values bounded: each is a time series for good."""

OTHER = "other"


class Bounded:
    """Lets the first `limit` values through, and calls all later ones `other`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: set[str] = set()

    def __call__(self, value: str) -> str:
        """The value, or what stands for it."""
        if value in self._known:
            return value
        if len(self._known) >= self._limit:
            return OTHER
        self._known.add(value)
        return value
