"""Runs the bodies of functions that users wrote, in Python or JavaScript, in confined processes."""

import asyncio
import json
import re
import shutil
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from nodes.sandbox.errors import CodeError, CodeLimit
from nodes.sandbox.exact_numbers import ExactNumbers
from nodes.sandbox.pool import Pool
from nodes.sandbox.process import Isolation, Program, SandboxUnavailable, WorkerDied, WorkerOverflow, WorkerTimeout
from orchestrator.exact_json import NotJson, dumps, loads

Language = Literal["python", "javascript"]

MAX_CODE = 1 << 20
MAX_RESULT = 64 << 20
CHECK_TIMEOUT = 10.0
_NAME = re.compile(r"[a-z_][a-z0-9_]*\Z")


@dataclass(frozen=True)
class CodeResult:
    """What code returned, and what it printed."""

    value: Any
    log: str


class Sandbox:
    """A pool of interpreter processes for each language, started when first needed."""

    def __init__(self, *, processes: int = 2, isolation: Isolation = "auto", max_result: int = MAX_RESULT) -> None:
        self._max_result = max_result
        self._pools: dict[str, Pool] = {
            "python": Pool(_python(), size=processes, isolation=isolation),
            "javascript": Pool(_javascript(), size=processes, isolation=isolation),
        }

    async def run(
        self,
        language: Language,
        code: str,
        variables: Mapping[str, Any],
        *,
        timeout: float,
        memory_mb: int,
    ) -> CodeResult:
        """Run a function's body with these variables, and give what it returns.

        CodeError if the code fails, CodeLimit if it reaches a limit, SandboxUnavailable if nothing can run.
        """
        problem = _unreadable(code)
        if problem:
            raise CodeError(problem)
        names = _names(variables)
        try:
            values = dumps(list(variables.values())).encode()
        except NotJson as error:
            raise CodeError(f"the code's input isn't JSON: {error}") from None
        header = self._header("run", code, names) | {"seconds": timeout, "memory": memory_mb << 20}
        answer = await self._exchange(language, header, values, timeout, memory_mb)
        result = _result(answer)
        if language == "javascript":
            exact = ExactNumbers()
            exact.add(list(variables.values()), values)
            return CodeResult(exact.restore(result.value), result.log)
        return result

    async def check(self, language: Language, code: str, names: Sequence[str]) -> str | None:
        """The syntax error of a function's body, with its line and column, or None. Nothing of it runs."""
        problem = _unreadable(code)
        if problem:
            return problem
        header = self._header("check", code, list(names)) | {"seconds": CHECK_TIMEOUT, "memory": 256 << 20}
        try:
            kind, details, _, _ = await self._exchange(language, header, b"[]", CHECK_TIMEOUT, 256)
        except CodeLimit as error:
            return f"the code is too complex to be checked: {error.message}"
        return _located(json.loads(details)) if kind == b"s" else None

    async def start(self) -> None:
        """Start a process for each language ahead of the first job."""
        await asyncio.gather(*(pool.start() for pool in self._pools.values()))

    @property
    def pools(self) -> Mapping[str, Pool]:
        """The pools by language."""
        return self._pools

    async def close(self) -> None:
        """End all processes."""
        for pool in self._pools.values():
            await pool.close()

    def _header(self, operation: str, code: str, names: list[str]) -> dict[str, Any]:
        return {"op": operation, "code": code, "names": names, "max_result": self._max_result}

    async def _exchange(
        self, language: Language, header: dict[str, Any], values: bytes, timeout: float, memory_mb: int
    ) -> list[bytes]:
        wall = timeout * 1.5 + 1 + len(values) / 5e6
        try:
            async with self._pools[language].worker() as worker:
                worker.send([json.dumps(header).encode(), values])
                answer = await worker.receive(wall, self._max_result + (1 << 20))
                if answer[0] == b"l":
                    # Whatever a limit left behind goes with its process.
                    raise _Spent(answer)
                return answer
        except _Spent as spent:
            return spent.answer
        except WorkerTimeout:
            raise CodeLimit(f"the code took longer than {timeout:g} s", limit="time") from None
        except WorkerOverflow:
            message = f"the result is larger than {self._max_result} bytes"
            raise CodeLimit(message, limit="output") from None
        except WorkerDied as error:
            if self._pools[language].closed:
                raise SandboxUnavailable("the sandbox was closed while the code ran") from None
            message = f"the code brought its process down, which has {memory_mb} MiB: {error}"
            raise CodeLimit(message, limit="memory") from None


class _Spent(Exception):
    """An answer after which its worker must go."""

    def __init__(self, answer: list[bytes]) -> None:
        super().__init__()
        self.answer = answer


def _result(answer: list[bytes]) -> CodeResult:
    kind, details, log, result = answer
    text = log.decode("utf-8", "replace")
    if kind == b"v":
        try:
            return CodeResult(loads(result), text)
        except NotJson as error:
            raise CodeLimit(f"the result isn't JSON: {error}", limit="depth", log=text) from None
    found = json.loads(details)
    line = found.get("line") or None
    if kind == b"l":
        raise CodeLimit(found["message"], limit=found["limit"], line=line, log=text)
    raise CodeError(found["message"], line=line, log=text)


def _located(found: dict[str, Any]) -> str:
    if not found["line"]:
        return str(found["message"])
    return f"{found['message']} (line {found['line']}, column {found['column']})"


def _unreadable(code: str) -> str:
    if len(code) > MAX_CODE:
        return f"the code is longer than {MAX_CODE} characters"
    if "\0" in code:
        line = code[: code.index("\0")].count("\n") + 1
        return f"the code holds a NUL character on line {line}; remove it"
    if not code.isascii() and any("\ud800" <= letter <= "\udfff" for letter in code):
        return "the code holds half of a surrogate pair, which isn't valid Unicode text"
    return ""


def _names(variables: Mapping[str, Any]) -> list[str]:
    wrong = next((name for name in variables if not _NAME.match(name)), None)
    if wrong is not None:
        raise ValueError(f"{wrong!r} can't be a variable's name")
    return list(variables)


def _javascript() -> Program:
    engine = _module("_quickjs", "quickjs-ng")
    return Program("nodes.sandbox.javascript_worker", folders=(engine.parent,), files=(engine,))


def _python() -> Program:
    client, codec = _module("pydantic_monty", "pydantic-monty"), _module("msgspec", "msgspec")
    binary = _interpreter()
    extra = [found for name in ("typing_extensions", "opentelemetry") if (found := _optional(name)) is not None]
    return Program(
        "nodes.sandbox.python_worker",
        settings={"binary": str(binary)},
        folders=(client.parent.parent,),
        files=(client.parent, codec.parent, binary, *extra),
        address_space=8 << 30,
        open_files=64,
        chroot=False,
        orphaned=True,
    )


def _interpreter() -> Path:
    # Not by the package's own function: importing it would load the interpreter's client in this process.
    beside = Path(sysconfig.get_path("scripts")) / "monty"
    found = str(beside) if beside.is_file() else shutil.which("monty")
    if found is None:
        raise ImportError("the package pydantic-monty-runtime isn't installed")
    return Path(found)


def _module(name: str, package: str) -> Path:
    found = _optional(name)
    if found is None:
        raise ImportError(f"the package {package} isn't installed")
    return found


def _optional(name: str) -> Path | None:
    found = find_spec(name)
    return Path(found.origin) if found is not None and found.origin is not None else None
