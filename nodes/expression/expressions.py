"""Resolves a node's parameters for its items, in Python where that is enough and else in a worker process."""

from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from nodes.expression.compute import compute
from nodes.expression.errors import ExpressionError
from nodes.expression.evaluation import MAX_OUTPUT, Evaluation, Failure, wall
from nodes.expression.request import Request
from nodes.expression.scope import NOT_PLAIN, Scope, look_up
from nodes.expression.tree import ParameterTree
from nodes.sandbox.pool import Pool
from nodes.sandbox.process import Isolation, Program, WorkerDied, WorkerOverflow, WorkerTimeout
from orchestrator import formula
from orchestrator.exact_json import NotJson
from orchestrator.expression import Expression


class Expressions:
    """Evaluates expressions in a pool of worker processes, which start when first needed."""

    def __init__(
        self,
        *,
        processes: int = 2,
        timeout: float = 1.0,
        memory_mb: int = 64,
        isolation: Isolation = "auto",
    ) -> None:
        self._timeout = timeout
        self._memory = memory_mb << 20
        self._pool = Pool(program(), size=processes, isolation=isolation)

    async def resolve(self, parameters: Any, scope: Scope, indexes: Sequence[int]) -> list[Any | ExpressionError]:
        """The parameter tree for each of the items at `indexes`, or why there is none.

        Whoever resolves the same parameters again and again gives them as a ParameterTree. Branches without
        expressions are shared between the trees: treat them as read-only.
        """
        tree = parameters if isinstance(parameters, ParameterTree) else ParameterTree.read(parameters)
        if tree.plain:
            return [tree.written] * len(indexes)
        values = await self._values(tree.expressions, scope, indexes)
        return [tree.filled(values, index) for index in indexes]

    async def check(self, sources: Sequence[str]) -> list[str | None]:
        """The syntax error of each source, or None. Nothing of them runs."""
        if not sources:
            return []
        request = Request.to_check([source.replace("\0", "\\0") for source in sources])
        try:
            async with self._pool.worker() as worker:
                worker.send(request)
                answers = await worker.receive(5 * wall(self._timeout), MAX_OUTPUT)
        except (WorkerTimeout, WorkerDied, WorkerOverflow):
            if len(sources) == 1:
                return ["the expression is too complex to be compiled"]
            found = [await self.check([source]) for source in sources]
            return [message for single in found for message in single]
        return [answer.decode() or None for answer in answers]

    async def start(self) -> None:
        """Start a process ahead of the first expression."""
        await self._pool.start()

    @property
    def pool(self) -> Pool:
        """The processes."""
        return self._pool

    async def close(self) -> None:
        """End the worker processes."""
        await self._pool.close()

    async def _values(
        self, expressions: Sequence[Expression], scope: Scope, indexes: Sequence[int]
    ) -> dict[tuple[str, int], Any]:
        """The value or the failure of each expression, by source and item."""
        values: dict[tuple[str, int], Any] = {}
        hard: dict[str, Expression] = {}
        for expression in expressions:
            for index in indexes:
                value = _in_python(expression, scope, index)
                if value is NOT_PLAIN:
                    hard[expression.source] = expression
                else:
                    values[expression.source, index] = value
        if hard:
            # Those that are the same for all items come first: no limit that another reaches stops them.
            await self._run(sorted(hard.values(), key=lambda found: found.per_item), scope, indexes, values)
        return values

    async def _run(
        self,
        expressions: list[Expression],
        scope: Scope,
        indexes: Sequence[int],
        values: dict[tuple[str, int], Any],
    ) -> None:
        try:
            request = Request.to_resolve(expressions, scope, indexes, seconds=self._timeout, memory=self._memory)
        except NotJson as error:
            failure = Failure(f"the data isn't JSON: {error}", False)
            outcomes = {index: [failure] * len(expressions) for index in indexes}
        except OverflowError as error:
            outcomes = {index: [Failure(str(error), True)] * len(expressions) for index in indexes}
        else:
            evaluation = Evaluation(self._pool, request, list(dict.fromkeys(indexes)), timeout=self._timeout)
            outcomes = await evaluation.run()
        for position, expression in enumerate(expressions):
            for index in indexes:
                source = indexes[0] if not expression.per_item else index
                values.setdefault((expression.source, index), outcomes[source][position])


_formula = lru_cache(maxsize=4096)(formula.read)


def _in_python(expression: Expression, scope: Scope, index: int) -> Any:
    if expression.path is not None:
        return look_up(expression.path, scope, index)
    found = _formula(expression)
    return NOT_PLAIN if found is None else compute(found, scope, index)


def program() -> Program:
    """The worker program, with what it needs to start."""
    found = find_spec("_quickjs")
    if found is None or found.origin is None:
        raise ImportError("the package quickjs-ng isn't installed")
    engine = Path(found.origin)
    return Program("nodes.expression.worker", folders=(engine.parent,), files=(engine,))
