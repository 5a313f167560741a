"""What came of a run, for whoever called its trigger and waits for it."""

import asyncio
from dataclasses import dataclass
from typing import Any

import msgspec

from orchestrator import exact_json
from orchestrator.record import Status
from services.store.tables import ExecutionRow
from services.usecases.backend import Backend
from services.usecases.reading import ExecutionReader

_RAW = msgspec.json.Decoder(dict[str, list[msgspec.Raw]])
_SPEAKING = ("reply", "text", "output", "message")


@dataclass(frozen=True)
class Outcome:
    """How a run ended, and the JSON texts of its result's items by node."""

    status: Status
    items: dict[str, list[bytes]]

    def json(self) -> bytes:
        """The last node's item, or a list of its items; an object by node where the run ended at several."""
        lists = {node: _listed(items) for node, items in self.items.items()}
        if len(lists) == 1:
            ((node, items),) = self.items.items()
            return items[0] if len(items) == 1 else lists[node]
        named = (exact_json.dumps(node).encode() + b":" + listed for node, listed in lists.items())
        return b"{" + b",".join(named) + b"}"

    def text(self) -> str:
        """What the last item says: its `reply`, `text`, `output` or `message`, else its JSON; maybe nothing."""
        items = [item for listed in self.items.values() for item in listed]
        if not items:
            return ""
        said: dict[str, Any] = exact_json.loads(items[-1])
        text = next((said[name] for name in _SPEAKING if isinstance(said.get(name), str)), None)
        return exact_json.dumps(said) if text is None else text


class Outcomes:
    """Waits for runs, and reads what they result in."""

    def __init__(self, backend: Backend) -> None:
        self.reader = ExecutionReader(backend)

    async def wait(self, execution_id: str, seconds: float) -> Outcome | None:
        """What came of a run; None if it still goes on after so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self.reader.wait_for_end(execution_id)
        except TimeoutError:
            return None
        return await self.of(await self.reader.whole(execution_id))

    async def of(self, row: ExecutionRow) -> Outcome:
        """What came of a run that has ended."""
        text = await self.reader.output_json(row) if row.status == Status.COMPLETED else ""
        decoded = _RAW.decode(text) if text else {}
        return Outcome(Status(row.status), {node: [bytes(one) for one in found] for node, found in decoded.items()})


def _listed(items: list[bytes]) -> bytes:
    return b"[" + b",".join(items) + b"]"
