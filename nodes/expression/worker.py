"""The process that evaluates expressions: one fresh, hardened JavaScript context for each request."""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import _quickjs  # type: ignore[import-not-found]

from nodes.sandbox.confine import allow_cpu, forbid_processes

NAMES = (
    *("$json", "$files", "$input", "$", "$node", "$itemIndex"),
    *("$trigger", "$runIndex", "$execution", "$workflow", "$vars", "$fromAI"),
    *("$now", "$today", "DateTime", "Duration"),
)
MAX_JOBS = 100_000
# Processor time, beyond which the kernel ends the process should whoever asked fail to.
_CHECK_SECONDS, _LOAD_SECONDS = 30.0, 20.0
STACK = 1 << 20
_HERE = Path(__file__).parent


class Engine:
    """Answers requests to evaluate expressions, or only to compile them."""

    def __init__(self) -> None:
        os.environ["TZ"] = "UTC0"
        time.tzset()
        boundary = (_HERE.parent / "sandbox" / "boundary.js").read_text("utf-8")
        realm = [(_HERE / name).read_text("utf-8") for name in ("realm.js", "evaluate.js")]
        self._prelude = "(function(){'use strict';\n" + "\n".join([boundary, *realm]) + "\n})()"
        self._clock = (_HERE / "datetime.js").read_text("utf-8")
        self._ready: Realm | None = None

    def start(self, channel: int) -> None:
        """Give up what only the start needed."""
        forbid_processes()

    def rest(self) -> None:
        """Prepare the next request's context while there is time."""
        if self._ready is None:
            self._ready = Realm(self._prelude, self._clock)

    def answer(self, request: list[bytes]) -> Iterator[list[bytes]]:
        """One frame for each item: its outcomes, in the order of the sources."""
        header = json.loads(request[0])
        if header["op"] == "check":
            allow_cpu(_CHECK_SECONDS)
            context = _quickjs.Context()
            context.set_max_stack_size(STACK)
            yield [check(context, source).encode() for source in header["sources"]]
            return
        texts = [piece.decode() for piece in request[1:]]
        realm = None
        for index in header["indexes"]:
            allow_cpu(2 * header["seconds"] * len(header["sources"]) + _LOAD_SECONDS)
            if realm is None:
                realm = self._take()
                realm.load(header, texts)
            outcomes = []
            for position, (_, _, once) in enumerate(header["sources"]):
                if once and index != header["first"]:
                    outcomes.append(b"")
                    continue
                outcome = realm.outcome(position, index)
                outcomes.append(outcome.encode())
                if outcome.startswith("l"):
                    break
            if realm.spoilt or index == header["indexes"][-1]:
                # Before the answer, so that a crash in tidying up is this request's.
                realm = None
            yield [b"\0".join(outcomes)]

    def _take(self) -> "Realm":
        self.rest()
        ready, self._ready = self._ready, None
        assert ready is not None  # rest() has just made it
        return ready


class Realm:
    """One JavaScript context, hardened, with a request's data and compiled expressions."""

    def __init__(self, prelude: str, clock: str) -> None:
        self._context = _quickjs.Context()
        self._context.set_max_stack_size(STACK)
        self._call: Any = self._context.eval(prelude)
        self._evaluate, self._kind, self._outcome = map(self._call, ("evaluate", "kind", "outcome"))
        self._clock = clock
        self._seconds = 1.0
        self._failed: dict[int, str] = {}
        self._compiled: dict[int, int] = {}
        self.spoilt = False

    def load(self, header: dict[str, Any], texts: list[str]) -> None:
        """Take a request's data and compile its expressions."""
        # A float, because the binding cuts integers to 32 bits.
        self._call("begin")(float(header["now"]), json.dumps(header["facts"]))
        for slot, name, ports in header["nodes"]:
            self._call("node")(slot, name)
            for port, count in ports:
                self._call("port")(slot, port, count)
        item = self._call("item")
        for (slot, port, index), text in zip(header["items"], texts, strict=True):
            item(slot, port, index, text)
        if header["clock"]:
            zones = json.dumps(header["zones"])
            self._call("clock")(self._context.eval(self._clock), header["zone"], zones)
        if header["deep"]:
            self._call("deepen")()
        self._seed = header["seed"]
        self._seconds = header["seconds"]
        self._context.set_memory_limit(header["memory"])
        self._context.set_time_limit(self._seconds)
        add = self._call("add")
        for position, (source, roots, _) in enumerate(header["sources"]):
            try:
                wanted = [name if name in roots else None for name in NAMES]
                self._compiled[position] = add(self._context.eval(wrap(source)), json.dumps(wanted))
            except _quickjs.StackOverflow:
                self._failed[position] = "l" + json.dumps("the expression is nested too deeply")
            except _quickjs.JSException as error:
                self._failed[position] = "e" + json.dumps(syntax_error(str(error)))

    def outcome(self, position: int, index: int) -> str:
        """`v` and a JSON value, `e` and an error, or `l` and a limit that was reached."""
        if position in self._failed:
            return self._failed[position]
        chance = (self._seed + 7919 * index + 104_729 * position) & 0x7FFFFFFF
        try:
            kind: str = self._evaluate(self._compiled[position], index, chance)
            self._drain()
            kind = kind or self._kind()
            text: str = self._outcome()
        except (_quickjs.JSException, _quickjs.StackOverflow) as error:
            self.spoilt = True
            return "l" + json.dumps(limit(str(error), self._seconds))
        self.spoilt = kind == "l"
        return kind + text if kind else "l" + json.dumps("the expression's promise never settles")

    def _drain(self) -> None:
        end = time.monotonic() + self._seconds
        jobs = 0
        while self._context.execute_pending_job():
            jobs += 1
            if jobs > MAX_JOBS or time.monotonic() > end:
                self.spoilt = True
                raise _quickjs.JSException("InternalError: interrupted")


def wrap(source: str) -> str:
    """A script whose value gives, called once, the expression as a function of the names it may use."""
    # Its own line, because a comment may end the source.
    return f"(function(){{'use strict';return ({','.join(NAMES)})=>(\n{source}\n)}})"


def check(context: Any, source: str) -> str:
    """The syntax error of a source, or nothing. Nothing of it runs: each script throws before it begins."""
    for before, after in (("(", ")"), ("[", "]")):
        head = f"throw null;(function(){{'use strict';return ({','.join(NAMES)})=>{before}"
        script = f"{head}\n{source}\n{after}}})"
        try:
            context.eval(script)
        except _quickjs.StackOverflow:
            return "the expression is nested too deeply"
        except _quickjs.JSException as error:
            if str(error).startswith("SyntaxError"):
                return syntax_error(str(error))
    return ""


def syntax_error(text: str) -> str:
    """An engine's syntax error, with the line and column in the user's source."""
    message, _, rest = text.partition("\n")
    with contextlib.suppress(ValueError):
        line, column = rest.strip().removeprefix("at <input>:").split(":")[:2]
        return f"{message} (line {max(int(line) - 1, 1)}, column {int(column)})"
    return message


def limit(text: str, seconds: float) -> str:
    """What an error that no code can catch means."""
    if "interrupted" in text:
        return f"the expression took longer than {seconds:g} s"
    if "stack" in text:
        return "the expression calls itself too deeply"
    return "the expression used too much memory"
