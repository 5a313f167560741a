"""Items as a client writes and reads them: JSON text, exact to the last digit."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import msgspec

from orchestrator import exact_json
from orchestrator.items import INLINE_LIMIT, ONE_EMPTY_ITEM, OUTPUT_LIMIT, Items, Part
from services.errors import RequestInvalid, invalid
from services.store import payloads
from services.store.engine import Database

_LARGE = 256 * 1024
T = TypeVar("T")


class _Wrapped(msgspec.Struct):
    json: msgspec.Raw = msgspec.Raw(b"{}")


_RAW_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_WRAPPED_ITEMS = msgspec.json.Decoder(list[_Wrapped])


class Input:
    """A list of items read from a request; `body` where it is too large to lie inline."""

    def __init__(self, items: Items, body: bytes | None = None) -> None:
        self.items = items
        self.body = body

    @property
    def ref(self) -> str | None:
        """The body's content hash."""
        return self.items.parts[0].ref if self.body is not None else None


async def read_input(text: str, field: str) -> Input:
    """One object or a list of objects; nothing at all is one empty item."""
    if not text.strip():
        return Input(ONE_EMPTY_ITEM)
    if len(text) > OUTPUT_LIMIT:
        raise input_too_large(len(text), OUTPUT_LIMIT, field)
    if len(text) > _LARGE:
        count, body = await asyncio.to_thread(_normalise, text, field)
    else:
        count, body = _normalise(text, field)
    if len(body) > OUTPUT_LIMIT:
        raise input_too_large(len(body), OUTPUT_LIMIT, field)
    if len(body) <= INLINE_LIMIT:
        return Input(Items((Part(count, len(body), 0, body.decode()),)) if count else Items())
    ref = await payloads.content_hash(body)
    return Input(Items((Part(count, len(body), 0, None, ref),)), body)


def _normalise(text: str, field: str) -> tuple[int, bytes]:
    try:
        value = exact_json.loads(text)
    except ValueError as error:
        raise invalid("INVALID_INPUT", f"{field} isn't JSON: {error}", field) from None
    objects = value if isinstance(value, list) else [value]
    for place, item in enumerate(objects):
        if not isinstance(item, dict):
            where = f"{field}[{place}]" if isinstance(value, list) else field
            message = f"{where} is {_kind(item)}; an input is one JSON object or a list of objects"
            raise invalid("INVALID_INPUT", message, where)
    return len(objects), exact_json.dumps([{"json": item} for item in objects]).encode()


class Reader:
    """Reads stored items, each payload once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._bodies: dict[str, bytes] = {}

    async def fetch(self, lists: Iterable[Items]) -> None:
        """Loads the payloads that the lists lie in, in one query."""
        refs = {part.ref for items in lists for part in items.parts if part.ref} - self._bodies.keys()
        ordered = sorted(refs)
        self._bodies |= zip(ordered, await payloads.get(self._database, ordered), strict=True)

    async def items_json(self, items: Items) -> str:
        """A JSON list of the items; empty text if their data isn't kept."""
        raws = await self._raws(items, _RAW_ITEMS)
        return "" if raws is None else _joined(bytes(raw) for raw in raws)

    async def output_json(self, outputs: Mapping[str, Items]) -> str:
        """A JSON object of the `json` of each node's items."""
        await self.fetch(outputs.values())
        entries = []
        for node, items in outputs.items():
            wrapped = await self._raws(items, _WRAPPED_ITEMS)
            values = _joined(bytes(item.json) for item in wrapped or ())
            entries.append(f"{exact_json.dumps(node)}:{values}")
        return "{" + ",".join(entries) + "}"

    async def _raws(self, items: Items, decoder: "msgspec.json.Decoder[list[T]]") -> "list[T] | None":
        found: list[T] = []
        await self.fetch([items])
        for part in items.parts:
            source = part.text.encode() if part.text is not None else self._bodies.get(part.ref or "")
            if source is None:
                return None
            decoded = (
                await asyncio.to_thread(decoder.decode, source) if len(source) > _LARGE else decoder.decode(source)
            )
            found += decoded[part.start : part.start + part.count]
        return found


def _joined(texts: Iterable[bytes]) -> str:
    return "[" + b",".join(texts).decode() + "]"


def input_too_large(size: int, most: int, field: str) -> RequestInvalid:
    """The refusal of an input."""
    return invalid("INPUT_TOO_LARGE", f"{field} has {size:,} bytes; at most {most:,} are allowed", field)


def _kind(value: object) -> str:
    names: dict[type, str] = {list: "a list", str: "text", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def complete(lists: Sequence[Items]) -> bool:
    """Whether all data of the lists is kept."""
    return all(part.text is not None or part.ref is not None for items in lists for part in items.parts)
