"""Passes on what a model says while it says it: to whoever watches now, and to nobody later."""

import asyncio
from types import TracebackType

from activities.ports import Executions, StoreUnavailableError

# Seconds between two words to watchers, and the most characters in one.
INTERVAL = 0.1
MOST_TEXT = 1500


class Progress:
    """Collects text and passes it on now and then, beside the turn."""

    def __init__(self, executions: Executions, execution_id: str, node: str, run_index: int) -> None:
        self._executions = executions
        self._of = (execution_id, node, run_index)
        self._text: list[str] = []
        self._passing: asyncio.Task[None] | None = None

    def say(self, text: str) -> None:
        """A piece of text has come."""
        self._text.append(text)
        if self._passing is None or self._passing.done():
            self._passing = asyncio.create_task(self._pass_on())

    async def __aenter__(self) -> "Progress":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._passing is not None:
            if kind is not None:
                self._passing.cancel()
            await asyncio.gather(self._passing, return_exceptions=True)

    async def _pass_on(self) -> None:
        while self._text:
            await asyncio.sleep(INTERVAL)
            text, self._text = "".join(self._text), []
            for start in range(0, len(text), MOST_TEXT):
                try:
                    await self._executions.progress(*self._of, text[start : start + MOST_TEXT])
                except StoreUnavailableError:
                    return  # the answer itself is kept; its pieces aren't worth waiting for
