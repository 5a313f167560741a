"""Turns references into data and data into references: the only place where items are read and written."""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

import msgspec

from activities.ports import Payloads
from nodes.base import Item
from nodes.errors import PermanentError
from orchestrator import exact_json
from orchestrator.items import INLINE_LIMIT, OUTPUT_LIMIT, Items, Part

CACHE_BYTES = 64 * 1024 * 1024
_SPLIT = msgspec.json.Decoder(list[msgspec.Raw])


class _Recent:
    """Payloads that were used lately, which never change; by reference, so many bytes of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[str, tuple[int, list[msgspec.Raw]]] = OrderedDict()
        self._size = 0

    def get(self, ref: str) -> list[msgspec.Raw] | None:
        found = self._kept.get(ref)
        if found is None:
            return None
        self._kept.move_to_end(ref)
        return found[1]

    def put(self, ref: str, size: int, raws: list[msgspec.Raw]) -> None:
        if ref in self._kept or size > self._most:
            return
        self._kept[ref] = (size, raws)
        self._size += size
        while self._size > self._most:
            _, (dropped, _) = self._kept.popitem(last=False)
            self._size -= dropped


class Data:
    """Reads and writes items; keeps recently used payloads in memory."""

    def __init__(self, payloads: Payloads, cache_bytes: int = CACHE_BYTES) -> None:
        self._payloads = payloads
        self._recent = _Recent(cache_bytes)
        self._most = OUTPUT_LIMIT

    def within(self, most: int) -> "Data":
        """The same, for lists of at most so many bytes; 0 for as many as anywhere."""
        most = min(most or OUTPUT_LIMIT, OUTPUT_LIMIT)
        if most == self._most:
            return self
        narrower = copy(self)
        narrower._most = most
        return narrower

    async def load(self, items: Items) -> list[Item]:
        """The items, as fresh objects."""
        loaded: list[Item] = []
        for part in items.parts:
            raws = _SPLIT.decode(part.text) if part.text is not None else await self._split(part)
            loaded.extend(exact_json.loads(bytes(raw)) for raw in raws[part.start : part.start + part.count])
        return loaded

    async def load_ports(self, ports: Mapping[str, Items]) -> dict[str, list[Item]]:
        """The items of several ports."""
        return {port: await self.load(items) for port, items in ports.items()}

    async def save(self, execution_id: str, items: Sequence[Any], inline_limit: int = INLINE_LIMIT) -> Items:
        """Stores items; PermanentError if they aren't JSON or are too large."""
        if not items:
            return Items()
        try:
            text = exact_json.dumps(items)
        except exact_json.NotJson as error:
            raise PermanentError(f"the output isn't JSON: {error}", code="OUTPUT_NOT_JSON") from None
        return await self._save_text(execution_id, text, len(items), inline_limit)

    async def spill(self, execution_id: str, items: Items) -> Items:
        """The same items with nothing inline."""
        parts = []
        for part in items.parts:
            if part.text is None:
                parts.append(part)
                continue
            body = part.text.encode()
            ref = await self._put(execution_id, body)
            parts.append(Part(part.count, len(body), part.start, None, ref))
        return Items(tuple(parts))

    async def _save_text(self, execution_id: str, text: str, count: int, inline_limit: int) -> Items:
        body = text.encode()
        if len(body) > self._most:
            raise PermanentError(
                f"the output has {len(body):,} bytes; at most {self._most:,} are allowed",
                code="OUTPUT_TOO_LARGE",
                hint="emit less, or work in smaller batches with a LOOP",
            )
        if len(body) <= inline_limit:
            return Items((Part(count, len(body), 0, text),))
        return Items((Part(count, len(body), 0, None, await self._put(execution_id, body)),))

    async def _put(self, execution_id: str, body: bytes) -> str:
        (ref,) = await self._payloads.put(execution_id, [body])
        self._recent.put(ref, len(body), _SPLIT.decode(body))
        return ref

    async def _split(self, part: Part) -> list[msgspec.Raw]:
        if part.ref is None:
            raise PermanentError("the data was dropped as nobody was to read it again", code="DATA_GONE")
        recent = self._recent.get(part.ref)
        if recent is not None:
            return recent
        (body,) = await self._payloads.get([part.ref])
        raws = _SPLIT.decode(body)
        self._recent.put(part.ref, len(body), raws)
        return raws


def idempotency_key(execution_id: str, node: str, run_index: int, item: int) -> str:
    """Names one call to the outside, the same for every attempt at it; ASCII, 32 characters."""
    named = "\x1f".join((execution_id, node, str(run_index), str(item)))
    return hashlib.sha256(named.encode()).hexdigest()[:32]
