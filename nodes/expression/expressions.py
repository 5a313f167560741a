"""Resolves a node's parameters for its items, in Python where that is enough and else in a worker process."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from nodes.expression.compute import compute
from nodes.expression.errors import ExpressionError
from nodes.expression.evaluation import MAX_OUTPUT, Evaluation, Failure, wall
from nodes.expression.request import Request
from nodes.expression.scope import NOT_PLAIN, Scope, look_up
from nodes.expression.text import as_text
from nodes.sandbox.pool import Pool
from nodes.sandbox.process import Isolation, Program, WorkerDied, WorkerOverflow, WorkerTimeout
from orchestrator import formula
from orchestrator.exact_json import NotJson
from orchestrator.expression import Expression, Template, TemplateError, join, parse


class _Unresolved(Exception):
    """Carries a failure up to the item it belongs to."""

    def __init__(self, parameter: str, failure: Failure) -> None:
        self.parameter = parameter
        self.failure = failure


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

        Branches without expressions are shared between the trees: treat them as read-only.
        """
        try:
            templates = _templates(parameters)
        except _Unresolved as error:
            return [_error(error, index) for index in indexes]
        if not templates:
            return [parameters] * len(indexes)
        values = await self._values(_expressions(templates.values()), scope, indexes)
        return [_build(parameters, templates, values, index) for index in indexes]

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

    async def close(self) -> None:
        """End the worker processes."""
        await self._pool.close()

    async def _values(
        self, expressions: list[Expression], scope: Scope, indexes: Sequence[int]
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


def _templates(parameters: Any) -> dict[str, tuple[str, Template]]:
    """The texts with expressions in a tree, split: the path where each stands first, and its parts."""
    found: dict[str, tuple[str, Template]] = {}
    stack: list[tuple[str, Any]] = [("", parameters)]
    while stack:
        path, value = stack.pop()
        if isinstance(value, str):
            if "{{" in value and value not in found:
                try:
                    found[value] = (path, parse(value))
                except TemplateError as error:
                    raise _Unresolved(path, Failure(str(error), error.limit)) from None
        elif isinstance(value, Mapping):
            stack.extend([(join(path, key), child) for key, child in value.items()][::-1])
        elif isinstance(value, list | tuple):
            stack.extend([(join(path, place), child) for place, child in enumerate(value)][::-1])
    return found


def _expressions(templates: Iterable[tuple[str, Template]]) -> list[Expression]:
    found = (expression for _, template in templates for expression in template.expressions)
    return list({expression.source: expression for expression in found}.values())


def _build(
    parameters: Any,
    templates: Mapping[str, tuple[str, Template]],
    values: Mapping[tuple[str, int], Any],
    index: int,
) -> Any | ExpressionError:
    def fill(value: Any, path: str) -> Any:
        if isinstance(value, str):
            return _fill(templates[value][1], values, index, path) if value in templates else value
        if isinstance(value, Mapping):
            return {key: fill(child, join(path, key)) for key, child in value.items()}
        if isinstance(value, list | tuple):
            return [fill(child, join(path, place)) for place, child in enumerate(value)]
        return value

    try:
        return fill(parameters, "")
    except _Unresolved as error:
        return _error(error, index)
    except RecursionError:
        return ExpressionError("the parameters are nested too deeply", parameter="", item=index, limit=True)


def _fill(template: Template, values: Mapping[tuple[str, int], Any], index: int, path: str) -> Any:
    single = template.single
    if single is not None:
        return _value(values[single.source, index], path)
    parts = []
    for part in template.parts:
        if isinstance(part, str):
            parts.append(part)
            continue
        value = _value(values[part.source, index], path)
        try:
            parts.append(as_text(value))
        except NotJson as error:
            raise _Unresolved(path, Failure(f"the data isn't JSON: {error}", False)) from None
    return "".join(parts)


def _value(value: Any, path: str) -> Any:
    if isinstance(value, Failure):
        raise _Unresolved(path, value)
    return value


def _error(error: _Unresolved, index: int) -> ExpressionError:
    failure = error.failure
    return ExpressionError(failure.message, parameter=error.parameter, item=index, limit=failure.limit)
