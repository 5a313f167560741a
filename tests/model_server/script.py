r"""A model that does as the user's last message says, one line for each of its turns.

    say TEXT                    answers it; {result} is the last tool's answer, \n a new line
    call NAME {json}            calls a tool
    and call NAME {json}        … and another one in the same turn
    refuse TEXT, cut TEXT       answers it as a refusal, or as if it had reached the most tokens

Lines before one of these change how it is told, in their order:

    fail STATUS [xN] [after S] [TEXT]   refuses N times (once) with the status, retry-after S
    break N [xM]                cuts the connection after N pieces, M times (once)
    error KIND                  tells an error of the kind in the stream, once
    wait S, pace S              takes S seconds before it answers, or between pieces
    think TEXT                  thinks first (Anthropic)

Without any of them it answers an instance of the schema that is asked for, or repeats what the user says.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from tests.model_server.conversation import Ask, Call, Json, Reply

_LINE = re.compile(r"(?P<verb>say|call|and call|refuse|cut|fail|break|error|wait|pace|think)\b[ \t]*(?P<rest>.*)")
_FAILURE = re.compile(r"(?P<status>\d{3})(?: x(?P<times>\d+))?(?: after (?P<wait>[\d.]+))?(?: (?P<text>.+))?")
_BREAK = re.compile(r"(?P<pieces>\d+)(?: x(?P<times>\d+))?")


@dataclass
class _Step:
    reply: Reply = field(default_factory=Reply)
    # How the first attempts go.
    mishaps: list[Reply] = field(default_factory=list)
    is_complete: bool = False


def scripted(ask: Ask) -> Reply:
    """What the script says to answer now."""
    steps = list(_steps(ask.prompt, ask))
    if not steps:
        return Reply(json.dumps(sample(ask.schema)) if ask.schema is not None else f"You said: {ask.prompt}")
    if ask.step >= len(steps):
        return Reply(ask.result or "Done.")
    step = steps[ask.step]
    if ask.attempt < len(step.mishaps):
        mishap = step.mishaps[ask.attempt]
        return (
            mishap
            if mishap.status != 200
            else replace(step.reply, breaks_after=mishap.breaks_after, error=mishap.error, kind=mishap.kind)
        )
    return step.reply if step.is_complete else replace(step.reply, text="Done.")


def _steps(script: str, ask: Ask) -> Iterator[_Step]:
    step = _Step()
    for line in script.splitlines():
        found = _LINE.match(line.strip())
        if found is None:
            continue
        verb, rest = found["verb"], found["rest"].strip()
        if step.is_complete and verb != "and call":
            yield step
            step = _Step()
        _add(step, verb, rest.replace("\\n", "\n").replace("{result}", ask.result))
    if step.is_complete or step.mishaps:
        yield step


def _add(step: _Step, verb: str, rest: str) -> None:
    match verb:
        case "say":
            step.reply, step.is_complete = replace(step.reply, text=rest), True
        case "refuse" | "cut":
            reply = replace(step.reply, text=rest, stop="refusal" if verb == "refuse" else "length")
            step.reply, step.is_complete = reply, True
        case "call" | "and call":
            name, _, arguments = rest.partition(" ")
            calls = (*step.reply.calls, Call(name, arguments.strip() or "{}"))
            step.reply, step.is_complete = replace(step.reply, calls=calls), True
        case "think":
            step.reply = replace(step.reply, thinking=rest)
        case "wait":
            step.reply = replace(step.reply, delay=float(rest))
        case "pace":
            step.reply = replace(step.reply, pace=float(rest))
        case _:
            step.mishaps += _mishaps(verb, rest)


def _mishaps(verb: str, rest: str) -> list[Reply]:
    if verb == "error":
        return [Reply(breaks_after=1, error="it went wrong", kind=rest)]
    if verb == "break":
        found = _BREAK.fullmatch(rest)
        return [Reply(breaks_after=int(found["pieces"]))] * int(found["times"] or 1) if found else []
    failing = _FAILURE.fullmatch(rest)
    if failing is None:
        return []
    headers = {"retry-after": failing["wait"]} if failing["wait"] else {}
    reply = Reply(status=int(failing["status"]), error=failing["text"] or "as you wish", headers=headers)
    return [reply] * int(failing["times"] or 1)


def sample(schema: Json, root: Json | None = None) -> Any:
    """The plainest instance of a JSON Schema: required properties only, first alternatives."""
    root = schema if root is None else root
    if "$ref" in schema:
        found: Any = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return sample(found, root)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return sample(schema[key][0], root)
    kinds: Any = schema.get("type", "object" if "properties" in schema else "string")
    kind = kinds[0] if isinstance(kinds, list) else kinds
    if kind == "object":
        properties: Json = schema.get("properties", {})
        return {name: sample(properties.get(name, {}), root) for name in schema.get("required", properties)}
    if kind == "array":
        return [sample(schema.get("items", {}), root) for _ in range(schema.get("minItems", 1))]
    if kind == "string":
        return "text".ljust(schema.get("minLength", 0), ".")
    if kind in ("integer", "number"):
        return schema.get("minimum", 1 if kind == "integer" else 1.5)
    return True if kind == "boolean" else None
