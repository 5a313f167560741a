"""Checks what a service answered against what the description says of it."""

from collections.abc import Mapping
from typing import Any

from nodes.errors import PermanentError
from nodes.http.exchange import Answer
from nodes.openapi.description import Description, Operation
from nodes.openapi.failure import object_at
from nodes.openapi.schemas import compiled
from nodes.values import listed
from orchestrator import exact_json

_HINT = 'set "validate_response": false to take it all the same, and report the difference to the vendor'


def body_of(description: Description, operation: Operation, answer: Answer, *, checked: bool) -> Any:
    """The answer's JSON, text or, if it is neither, None; PermanentError names where it doesn't fit."""
    value = _read(operation, answer)
    if not checked:
        return value
    expected = _expected(description, operation, answer.status)
    media = _media(operation, object_at(expected.get("content"), "an answer's content"), answer)
    if media is None or "schema" not in media or not answer.is_json:
        return value
    schema = compiled(description, media["schema"], "response", operation.name, str(answer.status), answer.content_type)
    problems = schema.problems(value, "body")
    if problems:
        raise _unfit(operation, f"an answer that doesn't fit the description: {'; '.join(problems[:5])}")
    return value


def _read(operation: Operation, answer: Answer) -> Any:
    if not answer.body:
        return None
    text = answer.text()
    if not answer.is_json or text is None:
        return text
    try:
        return exact_json.loads(text)
    except exact_json.NotJson as error:
        raise PermanentError(
            f"{operation.name} gave an answer that says it is JSON, but isn't: {str(error)[:200]}",
            code="INVALID_RESPONSE",
        ) from None


def _expected(description: Description, operation: Operation, status: int) -> Mapping[str, Any]:
    responses = object_at(operation.definition.get("responses"), "responses")
    for name in (str(status), f"{status // 100}XX", f"{status // 100}xx", "default"):
        if name in responses:
            return description.resolved(responses[name])
    raise _unfit(operation, f"the status {status}; the description has {listed(responses) or 'none'}")


def _media(operation: Operation, content: Mapping[str, Any], answer: Answer) -> Mapping[str, Any] | None:
    if not content or not answer.body:
        if any(
            "json" in name and "schema" in object_at(media, "an answer's content") for name, media in content.items()
        ):
            raise _unfit(operation, "an empty answer; the description has one with a body")
        return None
    given = answer.content_type
    family = f"{given.partition('/')[0]}/*"
    for wanted in (given, family, "*/*"):
        for name, media in content.items():
            if name.partition(";")[0].strip().lower() == wanted:
                return object_at(media, "an answer's content")
    if answer.is_json:
        loose = [media for name, media in content.items() if "json" in name]
        if loose:
            return object_at(loose[0], "an answer's content")
    raise _unfit(operation, f'an answer of the type "{given or "none"}"; the description has {listed(content)}')


def _unfit(operation: Operation, what: str) -> PermanentError:
    return PermanentError(f"{operation.name} gave {what}", code="INVALID_RESPONSE", hint=_HINT)
