"""Embeddings by OpenAI's API, and by every service that speaks it."""

import json
import math
from collections.abc import Sequence
from typing import Any, TypeGuard

import httpx

from nodes.base import NodeExecutionContext
from nodes.credentials.credential import Credential
from nodes.errors import NodeError, PermanentError
from nodes.http.exchange import Answer, shown_url, status_error
from nodes.models.credentials import OPENAI_API_KEY, OPENAI_URL, OpenAiKey
from orchestrator import exact_json

DEFAULT_MODEL = "text-embedding-3-small"
# OpenAI takes 2,048 texts and 300,000 tokens at a time, others less.
BATCH = 128


async def vectors_of(
    context: NodeExecutionContext[Any],
    base_url: str,
    model: str,
    texts: Sequence[str],
    dimensions: int | None,
    timeout: float,
) -> tuple[list[list[float]], int | None]:
    """The vectors of texts, and the tokens that they have, if the service counts them."""
    credential = await context.credential()
    url = _url(base_url, credential)
    found: list[list[float]] = []
    tokens: int | None = 0
    for start in range(0, len(texts), BATCH):
        batch = list(texts[start : start + BATCH])
        body: dict[str, Any] = {"model": model, "input": batch, "encoding_format": "float"}
        if dimensions is not None:
            body["dimensions"] = dimensions
        request = _request(context, url, body, credential)
        answer = await context.resources.http.send(request, timeout=timeout, credential=credential)
        vectors, used = _read(request, answer, len(batch))
        found += vectors
        tokens = None if tokens is None or used is None else tokens + used
    return found, tokens


def _url(base_url: str, credential: Credential | None) -> str:
    fields = credential.fields if credential is not None else None
    own = fields.base_url if isinstance(fields, OpenAiKey) else ""
    if credential is None and not base_url:
        # The operator's own key is never taken: it isn't the author's to spend.
        raise PermanentError(
            f'the node has no credential in its slot "auth"; OpenAI needs one of the type {OPENAI_API_KEY.title}',
            code="MISSING_CREDENTIAL",
            hint='create an integration, and put its id into the node\'s credentials as "auth"; '
            'or name a service without keys as "base_url"',
        )
    return f"{(base_url or own or OPENAI_URL).strip().rstrip('/')}/embeddings"


def _request(
    context: NodeExecutionContext[Any], url: str, body: dict[str, Any], credential: Credential | None
) -> httpx.Request:
    headers = {"content-type": "application/json", "accept": "application/json"}
    if credential is not None and isinstance(credential.fields, OpenAiKey):
        headers["authorization"] = f"Bearer {credential.fields.api_key.get_secret_value()}"
        if credential.fields.organization:
            headers["openai-organization"] = credential.fields.organization
    return context.resources.http.build("POST", url, headers=headers, content=exact_json.dumps(body).encode())


def _read(request: httpx.Request, answer: Answer, count: int) -> tuple[list[list[float]], int | None]:
    what = f"{request.method} {shown_url(request.url)}"
    if answer.status >= 400:
        raise _refusal(request, answer)
    body = _json(answer)
    entries = body.get("data") if isinstance(body, dict) else None
    if not isinstance(entries, list) or len(entries) != count:
        raise _unreadable(what, f"it has no list of {count} embeddings")
    vectors: list[list[float]] = [[]] * count
    for position, entry in enumerate(entries):
        index = entry.get("index", position) if isinstance(entry, dict) else None
        vector = entry.get("embedding") if isinstance(entry, dict) else None
        if not isinstance(index, int) or not 0 <= index < count or not _is_vector(vector):
            raise _unreadable(what, f"its entry {position} is no embedding")
        vectors[index] = vector
    if not all(vectors):
        raise _unreadable(what, "it has two embeddings for one text")
    usage = body.get("usage")
    used = usage.get("total_tokens", usage.get("prompt_tokens")) if isinstance(usage, dict) else None
    return vectors, used if isinstance(used, int) else None


def _refusal(request: httpx.Request, answer: Answer) -> NodeError:
    """The error of a status from 400, with what OpenAI says of it."""
    body = _json(answer)
    said = body.get("error") if isinstance(body, dict) else None
    code = said.get("code") if isinstance(said, dict) else None
    if code == "insufficient_quota":
        return PermanentError(
            f"{request.method} {shown_url(request.url)} answered {answer.status}: the account's quota is used up",
            code="QUOTA_EXCEEDED",
            hint="look at the account's plan and billing",
        )
    error = status_error(request, answer)
    if answer.status in (400, 413, 422):
        error.hint = 'correct "model", "dimensions" or "text" as the message says'
    if answer.status == 404:
        error.hint = 'check "model" and "base_url"'
    return error


def _json(answer: Answer) -> Any:
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return None


def _is_vector(vector: Any) -> TypeGuard[list[float]]:
    return (
        isinstance(vector, list)
        and bool(vector)
        and all(type(number) in (int, float) and math.isfinite(number) for number in vector)
    )


def _unreadable(what: str, why: str) -> PermanentError:
    return PermanentError(
        f"{what}: the answer isn't one of OpenAI's API: {why}", code="INVALID_RESPONSE", hint='check "base_url"'
    )
