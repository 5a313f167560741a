"""Ports that wait for the store to come back: what a node has done must be written down, not done again."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Any, TypeVar, cast

from activities.ports import StoreUnavailableError

T = TypeVar("T")
P = TypeVar("P")
FIRST_DELAY = 0.1
LONGEST_DELAY = 5.0


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Repeats the call until the store answers."""
    delay = FIRST_DELAY
    while True:
        try:
            return await call()
        except StoreUnavailableError:
            await asyncio.sleep(delay)
            delay = min(delay * 2, LONGEST_DELAY)


def patient(port: P, *, once: Collection[str] = ()) -> P:
    """The port, each of whose methods outlasts an outage of the store; those called `once` aren't repeated."""
    return cast(P, _Patient(port, once))


class _Patient:
    """Stands for a port."""

    def __init__(self, inner: object, once: Collection[str]) -> None:
        self._inner = inner
        self._once = once

    def __getattr__(self, name: str) -> Any:
        if name in self._once:
            return getattr(self._inner, name)

        async def repeated(*given: Any, **named: Any) -> Any:
            return await patiently(lambda: getattr(self._inner, name)(*given, **named))

        # From now on it is found without coming here.
        self.__dict__[name] = repeated
        return repeated
