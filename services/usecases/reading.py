"""Runs as clients see them: one, lists, histories, and events as they happen."""

from collections.abc import AsyncIterator, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from orchestrator.items import OUTPUT_LIMIT, Items
from orchestrator.record import Status, Usage
from services.errors import Unavailable
from services.identity.scope import scope
from services.store import events, executions, paging, serial
from services.store.events import Event, EventKind, News
from services.store.tables import AttemptRow, ExecutionRow, NodeRunRow
from services.usecases.backend import Backend
from services.usecases.data import Reader
from services.usecases.reconciling import reconcile

DEFAULT_PORT_BYTES = 64 * 1024
# A page ends early at this size: clients refuse messages over 4 MiB unless told otherwise.
_PAGE_BYTES = 3 * 1024 * 1024
# A stream without news asks Temporal whether the run is still there.
_IDLE = 30.0
# A run this young is not asked about yet.
_YOUNG = timedelta(seconds=10)


@dataclass(frozen=True)
class Port:
    """The items of one port; `items_json` is empty where they are left out."""

    name: str
    count: int
    size: int
    items_json: str


@dataclass(frozen=True)
class NodeRunView:
    """A node run with what it was given and what it made."""

    row: NodeRunRow
    inputs: Sequence[Port] = ()
    outputs: Sequence[Port] = ()
    attempts: Sequence[AttemptRow] = field(default=())

    @property
    def size(self) -> int:
        """Bytes of its items."""
        return sum(len(port.items_json) for port in (*self.inputs, *self.outputs))


class ExecutionReader:
    """Reads what is recorded of runs, and asks Temporal where the record says a run is open."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def get(self, execution_id: str) -> ExecutionRow:
        """One run without its data, reconciled with Temporal."""
        row = await self.row(execution_id)
        return await self.row(execution_id) if await reconcile(self._backend, [row]) else row

    async def row(self, execution_id: str) -> ExecutionRow:
        """One run as recorded, without its data."""
        async with self._backend.database.driver() as connection:
            return await executions.get_brief(connection, execution_id, scope())

    async def whole(self, execution_id: str) -> ExecutionRow:
        """One run with its data, reconciled with Temporal."""
        await self.get(execution_id)
        async with self._backend.database.reading() as session:
            return await executions.get(session, execution_id, scope())

    async def usage(self, execution_id: str) -> Sequence[Usage]:
        """What the run's model calls used, summed by provider and model."""
        async with self._backend.database.driver() as connection:
            return await executions.usage(connection, execution_id)

    async def output_json(self, row: ExecutionRow) -> str:
        """The run's result: node name to a list of items' JSON; empty while there is none, or beyond 64 MiB."""
        outputs = serial.read_optional(row.outputs, dict[str, Items])
        if outputs is None or sum(items.size for items in outputs.values()) > OUTPUT_LIMIT:
            return ""
        return await Reader(self._backend.database).output_json(outputs)

    async def listed(
        self, filters: executions.Filters, page_size: int, page_token: str
    ) -> tuple[Sequence[ExecutionRow], str]:
        """A page of runs, the latest first, and the next page's token."""
        size, after = paging.page_size(page_size, 50), paging.read_time_token(page_token)
        filters = replace(filters, workspace=scope())
        rows = await self._page(filters, size + 1, after)
        if await reconcile(self._backend, rows):
            rows = await self._page(filters, size + 1, after)
        shown = rows[:size]
        return shown, paging.time_token(shown[-1].started_at, shown[-1].id) if len(rows) > size else ""

    async def history(
        self, execution_id: str, node: str, max_port_bytes: int, page_size: int, page_token: str
    ) -> tuple[ExecutionRow, list[NodeRunView], str]:
        """A run, a page of its node runs in the order they began, and the next page's token."""
        size, after = paging.page_size(page_size, 200), paging.read_number_token(page_token)
        row = await self.get(execution_id)
        async with self._backend.database.reading() as session:
            rows = await executions.node_runs(session, execution_id, node=node, limit=size + 1, after=after)
            attempts = await executions.attempts(session, execution_id, rows)
        views: list[NodeRunView] = []
        total = 0
        for run in rows[:size]:
            view = await self.view(run, attempts.get((run.node, run.run_index), ()), max_port_bytes)
            total += view.size
            if views and total > _PAGE_BYTES:
                break
            views.append(view)
        token = paging.number_token(views[-1].row.started_sequence) if len(rows) > len(views) else ""
        return row, views, token

    async def view(self, row: NodeRunRow, attempts: Sequence[AttemptRow], max_port_bytes: int) -> NodeRunView:
        """A node run with its items, but for ports that are too large."""
        limit = max_port_bytes or DEFAULT_PORT_BYTES
        inputs = serial.read_optional(row.inputs, list[Items]) or []
        outputs = serial.read_optional(row.outputs, dict[str, Items]) or {}
        reader = Reader(self._backend.database)
        shown = (*inputs, *outputs.values())
        await reader.fetch(items for items in shown if items.size <= limit)
        return NodeRunView(
            row,
            [await _port(reader, str(place), items, limit) for place, items in enumerate(inputs)],
            [await _port(reader, name, items, limit) for name, items in outputs.items()],
            attempts,
        )

    async def watch(
        self, execution_id: str, after_sequence: int, kinds: Set[EventKind] = events.ALL, *, resumable: bool = True
    ) -> AsyncIterator[tuple[Event, ExecutionRow | None]]:
        """Every event of these kinds after a sequence number, past and to come, until the run has ended.

        Who can resume elsewhere is told to once the server is about to stop.
        """
        sequence, patience, asked = after_sequence, _YOUNG.total_seconds(), False
        known: ExecutionRow | None = None
        nodes, progress = bool(kinds & events.OF_NODES), EventKind.NODE_PROGRESS in kinds
        with self._backend.listener.watch(execution_id, nodes=nodes, progress=progress) as watcher:
            while True:
                for said in watcher.heard():
                    yield events.progress(said.node, said.run_index, said.text), None
                standing, watcher.standing = watcher.standing, None
                if known is None or standing is None or nodes:
                    news = await self._news(execution_id, sequence, kinds)
                else:
                    news = events.told(known, standing, sequence, kinds)
                known = row = news.row
                ended = Status(row.status).ended
                if not asked and not ended and datetime.now(UTC) - row.started_at > _YOUNG:
                    # An old run may have ended without a word; a young one is asked about when it keeps silent.
                    asked, patience = True, _IDLE
                    if await reconcile(self._backend, [row]):
                        continue
                for event in news.events:
                    yield event, None if event.node_run else row
                    sequence = event.sequence
                if news.more:
                    continue
                if ended:
                    return
                if resumable and self._backend.listener.draining:
                    raise Unavailable("SERVER_STOPPING", "this server stops; watch again, after the last sequence")
                if not await watcher.wait(patience):
                    await self.get(execution_id)
                    patience = _IDLE

    async def wait_for_end(self, execution_id: str) -> ExecutionRow:
        """The run, once it has ended."""
        with self._backend.listener.watch(execution_id, nodes=False) as watcher:
            row = await self.row(execution_id)
            while not Status(row.status).ended:
                heard = await watcher.wait(_IDLE)
                row = await (self.row(execution_id) if heard else self.get(execution_id))
        return row

    async def _news(self, execution_id: str, sequence: int, kinds: Set[EventKind]) -> News:
        async with self._backend.database.driver() as connection:
            return await events.after(connection, execution_id, sequence, kinds, scope())

    async def _page(
        self, filters: executions.Filters, limit: int, after: tuple[datetime, str] | None
    ) -> Sequence[ExecutionRow]:
        async with self._backend.database.reading() as session:
            return await executions.listed(session, filters, limit, after)


async def _port(reader: Reader, name: str, items: Items, limit: int) -> Port:
    text = await reader.items_json(items) if items.size <= limit else ""
    return Port(name, items.count, items.size, text)
