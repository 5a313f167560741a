"""Has a worker process evaluate a request for item after item, and copes with those that it can't finish."""

from dataclasses import dataclass
from typing import Any

from nodes.expression.request import Request
from nodes.sandbox.pool import Pool
from nodes.sandbox.process import SandboxUnavailable, Worker, WorkerDied, WorkerOverflow, WorkerTimeout
from orchestrator.exact_json import NotJson, loads

MAX_OUTPUT = 64 << 20
MAX_STUCK = 3  # items that reach a limit before the rest isn't tried any more


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an expression has no value."""

    message: str
    limit: bool


class Evaluation:
    """One request's way through the workers: the values or failures of its expressions, by item."""

    def __init__(self, pool: Pool, request: Request, indexes: list[int], *, timeout: float) -> None:
        self._pool = pool
        self._request = request
        self._indexes = indexes
        self._timeout = timeout
        self._count = len(request.header["sources"])
        self._outcomes: dict[int, list[Any]] = {}
        self._stuck = 0

    async def run(self) -> dict[int, list[Any]]:
        """For each item what became of each expression, in their order."""
        while rest := self._indexes[len(self._outcomes) :]:
            if self._stuck >= MAX_STUCK:
                message = f"not tried, because {self._stuck} items reached a limit before"
                self._outcomes |= {index: [Failure(message, True)] * self._count for index in rest}
                break
            try:
                async with self._pool.worker() as worker:
                    await self._ask(worker, rest)
            except _Spent:
                continue
            except WorkerTimeout:
                self._give_up(f"the expression took longer than {self._timeout:g} s")
            except WorkerOverflow:
                self._give_up(f"the result is larger than {MAX_OUTPUT >> 20} MiB")
            except WorkerDied:
                if self._pool.closed:
                    raise SandboxUnavailable("the expressions were closed while one ran") from None
                self._give_up("the expression brought its process down")
        return self._outcomes

    async def _ask(self, worker: Worker, rest: list[int]) -> None:
        worker.send(self._request.frame(rest, first=self._indexes[0]))
        zones: set[str] = set()
        for index in rest:
            (answer,) = await worker.receive(wall(self._timeout) + self._request.size / 2e6, MAX_OUTPUT)
            zones |= self._unknown_zones(answer)
            if zones:
                continue  # from here on all are asked again
            found = self._outcomes[index] = self._read(answer)
            self._stuck += any(isinstance(outcome, Failure) and outcome.limit for outcome in found)
            if self._stuck >= MAX_STUCK:
                break
        for zone in zones:
            self._request = self._request.with_zone(zone)
        if self._stuck:
            raise _Spent

    def _give_up(self, message: str) -> None:
        """What the next item in turn came to when its process had to be killed, or died."""
        self._outcomes[self._indexes[len(self._outcomes)]] = [Failure(message, True)] * self._count
        self._stuck += 1

    def _unknown_zones(self, answer: bytes) -> set[str]:
        wanted = {loads(outcome[1:]) for outcome in answer.split(b"\0") if outcome[:1] == b"z"}
        return wanted - set(self._request.header["zones"])

    def _read(self, answer: bytes) -> list[Any]:
        found: list[Any] = []
        for outcome in answer.split(b"\0"):
            if outcome[:1] == b"v":
                found.append(self._value(outcome[1:]))
            elif outcome:
                found.append(Failure(loads(outcome[1:]), outcome[:1] == b"l"))
            else:
                found.append(None)  # the same for all items: the first one has it
        # After a limit the rest of the item's expressions isn't evaluated.
        return found + [found[-1]] * (self._count - len(found))

    def _value(self, text: bytes) -> Any:
        try:
            return self._request.exact.restore(loads(text))
        except NotJson as error:
            return Failure(f"the result isn't JSON: {error}", "deeper" in error.message)


class _Spent(Exception):
    """An expression has reached a limit; whatever that left behind goes with its process."""


def wall(timeout: float) -> float:
    """How long to wait for one item: the engine counts processor time, this ends what it can't interrupt."""
    return 3 * timeout + 2
