"""Shows the metrics of several processes at one port, each series with the number of its process."""

import asyncio
import re
from collections.abc import Iterable

import httpx
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from services.gateway.server import HttpServer

_SECONDS = 4.0
_STOP_SECONDS = 1.0
_SERIES = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>[^\n]*)\})? (?P<rest>[^\n{}]+)")
_log = structlog.get_logger(__name__)


class Gathering:
    """`/metrics` of all processes, and `/healthz`, which fails while none of them works."""

    def __init__(self, host: str, port: int, processes: int) -> None:
        self._ports: dict[int, int] = {}
        self._processes = processes
        registry = self._registry = CollectorRegistry()
        Gauge("orchestrator_worker_processes", "Processes that work", registry=registry).set_function(
            lambda: len(self._ports)
        )
        self._starts = Counter("orchestrator_worker_starts", "Processes that were started", registry=registry)
        settings = "ORCHESTRATOR_METRICS_HOST and ORCHESTRATOR_METRICS_PORT"
        self._http = HttpServer(host=host, port=port, settings=settings)
        self._client = httpx.AsyncClient(trust_env=False, timeout=_SECONDS)

    def started(self) -> None:
        """A process was started."""
        self._starts.inc()

    def ready(self, number: int, port: int) -> None:
        """A process works, and shows its metrics at a port of this machine."""
        self._ports[number] = port

    def forget(self, number: int) -> None:
        """It has ended."""
        self._ports.pop(number, None)

    async def start(self) -> None:
        """Begins to answer."""
        await self._http.start(Starlette(routes=[Route("/metrics", self._show), Route("/healthz", self._alive)]))

    async def stop(self) -> None:
        """Stops answering."""
        await self._http.stop(_STOP_SECONDS)
        await self._client.aclose()

    async def _show(self, request: Request) -> Response:
        ports = dict(sorted(self._ports.items()))
        texts = await asyncio.gather(*(self._read(port) for port in ports.values()))
        text = generate_latest(self._registry).decode() + merged(zip(ports, texts, strict=True))
        return Response(text, headers={"content-type": CONTENT_TYPE_PLAIN_0_0_4})

    async def _alive(self, request: Request) -> Response:
        text = f"{len(self._ports)} of {self._processes} processes work\n"
        return PlainTextResponse(text, 200 if self._ports else 503)

    async def _read(self, port: int) -> str:
        try:
            answer = await self._client.get(f"http://127.0.0.1:{port}/metrics")
            return answer.raise_for_status().text
        except httpx.HTTPError as error:
            _log.warning("metrics are incomplete", cause=type(error).__name__)
            return ""


def merged(texts: Iterable[tuple[int, str]]) -> str:
    """One text of several in Prometheus' format: families stay together, and each series says whose it is."""
    families: dict[str, tuple[list[str], list[str]]] = {}
    for number, text in texts:
        described: tuple[list[str], list[str]] = ([], [])
        for line in filter(None, text.splitlines()):
            if line.startswith("#"):
                described = families.setdefault(line.split(" ", 3)[2], ([], []))
                if line not in described[0]:
                    described[0].append(line)
            elif series := _SERIES.fullmatch(line):
                labels = f",{series['labels']}" if series["labels"] else ""
                described[1].append(f'{series["name"]}{{worker="{number}"{labels}}} {series["rest"]}')
    return "".join(f"{line}\n" for head, series in families.values() for line in (*head, *series))
