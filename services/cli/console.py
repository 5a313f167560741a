"""Prints for people: tables, colours only on a terminal, and nothing that a name could smuggle into it."""

import asyncio
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC
from typing import Any

import msgspec
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from orchestrator import exact_json
from services.cli.failure import plain

_WIDE = 400
_REFRESH = 0.1
_COLOURS = {
    "COMPLETED": "green",
    "FAILED": "red",
    "CANCELED": "yellow",
    "TIMED_OUT": "red",
    "RUNNING": "cyan",
    "WAITING": "blue",
    "PAUSED": "blue",
    "RETRYING": "yellow",
    "SKIPPED": "dim",
    "OK": "green",
    "WARNING": "yellow",
}


def table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on stdout; statuses are coloured on a terminal."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDE)
    console.print(_table(headers, rows))


def fields(pairs: Iterable[tuple[str, object]]) -> None:
    """Names and values, one pair a line; empty values are left out."""
    shown = [(name, value) for name, value in pairs if value not in ("", None)]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        print(f"{name:{width}}  {plain(str(value))}")


def pretty(value: Any, limit: int = 8_000) -> str:
    """JSON to read, numbers exact; at most `limit` characters of it."""
    text = msgspec.json.format(exact_json.dumps(value), indent=2)
    return text if len(text) <= limit else f"{text[:limit]}\n… {len(text) - limit:,} characters more; see --json"


def local_time(at: Timestamp) -> str:
    """A time as the user's clock shows it."""
    return at.ToDatetime(tzinfo=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for header in headers:
        drawn.add_column(header, overflow="fold")
    for row in rows:
        drawn.add_row(*(_cell(value) for value in row))
    return drawn


def _cell(value: object) -> Text:
    text = plain(str(value))
    return Text(text, style=_COLOURS.get(text, ""))


@contextmanager
def status(text: str) -> Iterator[None]:
    """Says on a terminal what we are waiting for."""
    console = Console(stderr=True)
    if console.is_terminal:
        with console.status(text):
            yield
    else:
        yield


class LiveView:
    """A table on the terminal that is drawn anew as things change; silent where stderr is no terminal."""

    def __init__(self, draw: Callable[[], tuple[str, Sequence[str], list[Sequence[object]]]]) -> None:
        """`draw` gives a title, the headers and the rows as they stand."""
        self._draw = draw
        self._live: Live | None = None
        self._drawn_at = 0.0

    @contextmanager
    def shown(self) -> Iterator["LiveView"]:
        """Shows it until the block ends, then takes it away."""
        console = Console(stderr=True, highlight=False)
        if not console.is_terminal:
            yield self
            return
        with Live(console=console, auto_refresh=False, transient=True) as self._live:
            ticker = asyncio.get_running_loop().create_task(self._tick())
            try:
                yield self
            finally:
                ticker.cancel()

    def refresh(self, force: bool = False) -> None:
        """Draw it again unless that was done a moment ago."""
        now = time.monotonic()
        if self._live and (force or now - self._drawn_at >= _REFRESH):
            self._drawn_at = now
            self._live.update(self._render(), refresh=True)

    def _render(self) -> RenderableType:
        title, headers, rows = self._draw()
        return Group(Text(plain(title), style="bold"), _table(headers, rows))

    async def _tick(self) -> None:
        while True:
            self.refresh(force=True)
            await asyncio.sleep(0.25)


def on_stop_signals(callback: Callable[[], object]) -> None:
    """Calls back on Ctrl-C and on SIGTERM instead of ending the process."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, callback)
