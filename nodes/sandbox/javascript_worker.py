"""The process that runs JavaScript code: a fresh context for each job."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import _quickjs  # type: ignore[import-not-found]

from nodes.sandbox.confine import allow_cpu, forbid_processes
from nodes.sandbox.log import MAX_LOG, MAX_PRINTED, NOTE

STACK = 4 << 20
FIRST_LINE = 1000  # of the user's code; no line of ours is that high
MAX_JOBS = 10_000_000
_HERE = Path(__file__).parent
# What may follow the body's end differs in each of these, so text that ends the body early fits at most two.
_BODIES = (
    ("(async function({names}){{\n", "\n}})"),
    ("async function body({names}){{\n", "\n}}"),
    ("({{async body({names}){{\n", "\n}}}})"),
)


class Engine:
    """Answers requests to run or to check code."""

    def __init__(self) -> None:
        os.environ["TZ"] = "UTC0"
        time.tzset()
        parts = [(_HERE / name).read_text("utf-8") for name in ("boundary.js", "javascript.js")]
        self._prelude = "(function(){'use strict';\n" + "\n".join(parts) + "\n})()"
        self._ready: _quickjs.Context | None = None
        self._call: Any = None

    def start(self, channel: int) -> None:
        """Give up what only the start needed."""
        forbid_processes()

    def rest(self) -> None:
        """Prepare the next job's context."""
        if self._ready is None:
            self._ready = _quickjs.Context()
            self._ready.set_max_stack_size(STACK)
            self._call = self._ready.eval(self._prelude)

    def answer(self, request: list[bytes]) -> Iterator[list[bytes]]:
        """One frame: a kind, details as JSON, the log, and the result as JSON."""
        header = json.loads(request[0])
        problem = check(header["code"], header["names"])
        if problem or header["op"] == "check":
            yield [b"s" if problem else b"v", json.dumps(problem or {}).encode(), b"", b""]
            return
        self.rest()
        context, call = self._ready, self._call
        self._ready = self._call = None
        allow_cpu(2 * header["seconds"])
        answer = _run(context, call, header, request[1].decode())
        # Before the answer, so that a crash in tidying up is this job's.
        del context, call
        yield answer


def _run(context: Any, call: Any, header: dict[str, Any], variables: str) -> list[bytes]:
    before, after = (part.format(names=",".join(header["names"])) for part in _BODIES[0])
    code = context.eval("\n" * (FIRST_LINE - 2) + before + header["code"] + after)
    context.set_memory_limit(header["memory"])
    context.set_time_limit(header["seconds"])
    end = time.process_time() + header["seconds"]
    try:
        call("run")(code, variables, FIRST_LINE)
        jobs = 0
        while context.execute_pending_job():
            jobs += 1
            if jobs > MAX_JOBS or time.process_time() > end:
                raise _quickjs.JSException("InternalError: interrupted")
        context.set_time_limit(max(end - time.process_time(), 0.1))
        return _outcome(call, header["max_result"])
    except (_quickjs.JSException, _quickjs.StackOverflow) as error:
        context.set_time_limit(1.0)
        return _failure("l", _limit(str(error), header), call)


def _outcome(call: Any, max_result: int) -> list[bytes]:
    kind = call("kind")()
    if call("printed")() > MAX_PRINTED:
        message = f"the code printed more than {MAX_PRINTED >> 20} MiB"
        return _failure("l", {"message": message, "limit": "output"}, call)
    if not kind:
        message = "the code waits for something that never happens; there are no timers and no network"
        return _failure("e", {"message": message, "line": 0}, call)
    if kind == "v":
        result = call("result")().encode()
        if len(result) > max_result:
            message = f"the result is larger than {max_result} bytes"
            return _failure("l", {"message": message, "limit": "output"}, call)
        return [b"v", b"{}", _log(call), result]
    details = {"message": json.loads(call("message")()), "line": call("line")()}
    return _failure(kind, details | ({"limit": _exhausted(details["message"])} if kind == "l" else {}), call)


def _failure(kind: str, details: dict[str, Any], call: Any) -> list[bytes]:
    return [kind.encode(), json.dumps(details).encode(), _log(call), b""]


def _log(call: Any) -> bytes:
    try:
        kept: str = json.loads(call("log")())
        note = NOTE if call("printed")() > MAX_LOG else ""
    except (_quickjs.JSException, _quickjs.StackOverflow):
        return b""  # no memory is left to say more
    return kept.encode("utf-8", "replace") + note.encode()


def _exhausted(message: str) -> str:
    return "depth" if "stack" in message else "memory"


def _limit(text: str, header: dict[str, Any]) -> dict[str, Any]:
    if "interrupted" in text:
        return {"message": f"the code took longer than {header['seconds']:g} s", "limit": "time"}
    if "stack" in text:
        return {"message": "the code calls itself too deeply", "limit": "depth"}
    return {"message": f"the code used more than {header['memory'] >> 20} MiB", "limit": "memory"}


def check(code: str, names: list[str]) -> dict[str, Any] | None:
    """The syntax error of a function's body, or None. Nothing of it runs: each script throws first."""
    context = _quickjs.Context()
    context.set_max_stack_size(STACK)
    for opening, closing in _BODIES:
        before = "throw null;" + opening.format(names=",".join(names))
        try:
            context.eval(before + code + closing.format())
        except _quickjs.StackOverflow:
            return {"message": "the code is nested too deeply", "line": 0, "column": 0}
        except _quickjs.JSException as error:
            if str(error).startswith("SyntaxError"):
                return _syntax_error(str(error), code)
    return None


def _syntax_error(text: str, code: str) -> dict[str, Any]:
    message, _, rest = text.partition("\n")
    place = rest.strip().removeprefix("at <input>:").split(":")
    if len(place) < 2 or not place[0].isdigit():
        return {"message": message, "line": 0, "column": 0}
    # Line 1 is ours; what is missing at the end is reported on our closing line.
    line = min(int(place[0]) - 1, code.count("\n") + 1)
    return {"message": message, "line": max(line, 1), "column": int(place[1]) if place[1].isdigit() else 0}
