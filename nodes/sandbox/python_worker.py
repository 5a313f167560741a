"""The process that owns a Python interpreter made for untrusted code, and hands it one job after another."""

import json
import os
import select
import signal
import threading
from collections.abc import Iterator
from typing import Any, Literal

import pydantic_monty as monty

from nodes.sandbox.confine import allow_cpu, forbid_processes, set_dumpable
from nodes.sandbox.log import Log
from nodes.sandbox.python_body import CHECK, PRELUDE, Body, prepare
from orchestrator.exact_json import NotJson, dumps, loads

_LIMITS = {
    "TimeoutError: feed time limit": "time",
    "MemoryError": "memory",
    "RecursionError": "depth",
}


class Engine:
    """Answers requests to run or to check code."""

    def __init__(self, binary: str) -> None:
        # Opened now, because the file may be out of reach once the process is confined.
        self._binary = os.open(binary, os.O_RDONLY)
        os.set_inheritable(self._binary, True)
        self._path = binary
        self._pool: monty.Monty | None = None
        self._child = 0

    def start(self, channel: int) -> None:
        """Start the interpreter's process, then give up the right to start any."""
        inherited = f"/proc/self/fd/{self._binary}"
        set_dumpable(True)
        path = inherited if os.access(inherited, os.X_OK) else self._path
        self._pool = monty.Monty(binary_path=path, min_processes=1, max_processes=1)
        self._pool.__enter__()
        with self._pool.checkout() as session:
            session.feed_run("1")
            self._child = session.worker_pid or 0
        set_dumpable(False)
        os.close(self._binary)
        if self._child == 0:
            raise ProcessLookupError("the interpreter has no process")
        threading.Thread(target=self._watch, args=(channel,), daemon=True).start()
        forbid_processes(self._child)

    def _watch(self, channel: int) -> None:
        """End everything when the parent is gone; the kernel would end this process, but not its child."""
        poll = select.poll()
        poll.register(channel, 0)  # hang-ups are always reported
        while not poll.poll():
            continue
        os.kill(self._child, signal.SIGKILL)
        os._exit(0)

    def rest(self) -> None:
        """Nothing to prepare: a session is new by itself."""

    def answer(self, request: list[bytes]) -> Iterator[list[bytes]]:
        """One frame: a kind, details as JSON, the log, and the result as JSON."""
        header = json.loads(request[0])
        body = prepare(header["code"], header["names"])
        if header["op"] == "check":
            yield self._check(body)
        else:
            allow_cpu(2 * header["seconds"] + 10)
            yield self._run(header, body, loads(request[1]))

    def _check(self, body: Body) -> list[bytes]:
        try:
            with self._session(5.0, 256 << 20) as session:
                # Behind this first statement nothing can run, and the whole text is parsed before it does.
                session.feed_run(f"return None\n{body.text}")
        except (monty.MontySyntaxError, monty.MontyRuntimeError) as error:
            return _frame("s", _place(error, body, before=1))
        return _frame("v", {})

    def _session(self, seconds: float, memory: int) -> monty.MontySession:
        assert self._pool is not None  # start() is over
        limits: monty.ResourceLimits = {"max_feed_duration_secs": seconds, "max_memory": memory}
        return self._pool.checkout(limits=limits, os_policy={"sleep": "zero"})

    def _run(self, header: dict[str, Any], body: Body, values: list[Any]) -> list[bytes]:
        log = Log()

        def keep(_stream: Literal["stdout", "stderr"], text: str) -> None:
            log.write(text)
            if log.overflow:
                # An error raised here would only be heard when the code ends.
                os.kill(self._child, signal.SIGKILL)

        inputs = dict(zip(header["names"], values, strict=True))
        try:
            with self._session(header["seconds"], header["memory"]) as session:
                session.feed_run(PRELUDE)
                value = session.feed_run(body.text, inputs=inputs, print_callback=keep)
        except monty.MontyCrashedError as error:
            if log.overflow:
                return _limit("output", log.overflow, log)
            if error.timed_out:
                return _limit("time", _reached("time", header), log)
            os._exit(1)  # the parent starts another worker
        except monty.MontySyntaxError as error:
            return _frame("s", _place(error, body), log)
        except monty.MontyError as error:
            return _frame(*_failure(error, header, body), log)
        return _written(value, header, log)


def _written(value: Any, header: dict[str, Any], log: Log) -> list[bytes]:
    try:
        result = dumps(value)
    except NotJson as error:
        message = f"the result isn't JSON: {error}"
        return _limit("depth", message, log) if "deeper" in error.message else _frame("e", {"message": message}, log)
    except RecursionError:
        return _limit("depth", "the result is nested too deeply", log)
    except MemoryError:
        return _limit("memory", _reached("memory", header), log)
    if len(result) > header["max_result"]:
        return _limit("output", f"the result is larger than {header['max_result']} bytes", log)
    return _frame("v", {}, log, result)


def _limit(limit: str, message: str, log: Log) -> list[bytes]:
    return _frame("l", {"message": message, "limit": limit}, log)


def _failure(error: monty.MontyError, header: dict[str, Any], body: Body) -> tuple[str, dict[str, Any]]:
    text = error.display("type-msg") if isinstance(error, monty.MontyRuntimeError) else str(error)
    frames = error.traceback() if isinstance(error, monty.MontyRuntimeError) else []
    details = _place(error, body) | {"message": text[:1000]}
    of_result = bool(frames) and frames[-1].function_name == CHECK
    if of_result:
        details |= {"message": f"the result isn't JSON: {text.partition(': ')[2]}", "line": 0}
    for start, limit in _LIMITS.items():
        if text.startswith(start):
            return "l", details | {"limit": limit} | ({} if of_result else {"message": _reached(limit, header)})
    return "e", details


def _reached(limit: str, header: dict[str, Any]) -> str:
    if limit == "time":
        return f"the code took longer than {header['seconds']:g} s"
    if limit == "memory":
        return f"the code used more than {header['memory'] >> 20} MiB"
    return "the code calls itself too deeply"


def _place(error: monty.MontyError, body: Body, before: int = 0) -> dict[str, Any]:
    frames = error.traceback() if isinstance(error, monty.MontyRuntimeError | monty.MontySyntaxError) else []
    details: dict[str, Any] = {"message": str(error)[:1000], "line": 0, "column": 0}
    if not frames:
        return details
    line = frames[-1].line - body.down - before
    if isinstance(error, monty.MontySyntaxError) and line > body.lines:
        # It is our own closing line that surprised the parser.
        return {"message": "unexpected end of the code", "line": body.lines, "column": 0}
    return details | {"line": max(line, 1), "column": max(frames[-1].column - body.right, 1)}


def _frame(kind: str, details: dict[str, Any], log: Log | None = None, result: str = "") -> list[bytes]:
    text = log.text() if log is not None else ""
    return [kind.encode(), json.dumps(details).encode(), text.encode("utf-8", "replace"), result.encode()]
