"""Keeps an MCP server's process: started on first use, restarted when it died, stopped at close."""

import asyncio
import logging
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Any, TextIO

from mcp.client._transport import ReadStream, TransportStreams
from mcp.client.client import Client
from mcp.client.session import MessageHandlerFnT
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError
from mcp.shared.message import SessionMessage

from nodes.errors import NodeError, PermanentError, RetryableError
from nodes.mcp.failure import first_cause
from nodes.mcp.registry import RegisteredServer
from nodes.mcp.session import CLIENT, Session

_LONGEST_LINE = 2000
logger = logging.getLogger(__name__)


class KeptProcess:
    """One registered server's process, shared by all nodes of a worker."""

    def __init__(self, server_id: str, server: RegisteredServer, on_message: MessageHandlerFnT) -> None:
        self._what = f'the MCP server "{server_id}"'
        self._id = server_id
        self._server = server
        self._on_message = on_message
        self._starting = asyncio.Lock()
        self._life: _Life | None = None
        self._ending: set[asyncio.Task[None]] = set()

    async def session(self) -> Session:
        """The session with the running process; starts one if there is none."""
        async with self._starting:
            if self._life is None or self._life.over.is_set():
                self._life = await self._start()
            return self._life.session

    async def close(self) -> None:
        """Stops the process, and waits for it."""
        if self._life is not None:
            self._life.over.set()
        if self._ending:
            await asyncio.wait(self._ending)

    async def _start(self) -> "_Life":
        begun: asyncio.Future[_Life] = asyncio.get_running_loop().create_future()
        # A task of its own: the SDK's connection must be closed by the task that opened it.
        owner = asyncio.create_task(self._live(begun), name=f"mcp-{self._id}")
        self._ending.add(owner)
        owner.add_done_callback(self._ending.discard)
        try:
            async with asyncio.timeout(self._server.start_timeout):
                return await asyncio.shield(begun)
        except TimeoutError:
            owner.cancel()
            raise RetryableError(
                f"{self._what} didn't greet within {self._server.start_timeout:g} s",
                code="MCP_SERVER_FAILED",
                hint="look at the worker's log at LOG_LEVEL=DEBUG, or raise its start_timeout",
            ) from None
        except asyncio.CancelledError:
            owner.cancel()
            raise

    async def _live(self, begun: "asyncio.Future[_Life]") -> None:
        life = _Life()
        try:
            async with AsyncExitStack() as stack:
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="orchestrator-mcp-"))
                errors = await stack.enter_async_context(_logged(self._id))
                transport = _watched(stdio_client(self._command(folder), errors), life.over)
                client = await stack.enter_async_context(
                    Client(transport, client_info=CLIENT, cache=None, message_handler=self._on_message)
                )
                errors.close()
                life.session = Session(client, self._what, self._failure(life))
                if not begun.done():
                    begun.set_result(life)
                await life.over.wait()
        except (OSError, ValueError, RuntimeError, MCPError, BaseExceptionGroup) as error:
            if begun.done():
                logger.warning("%s ended: %s", self._what, first_cause(error))
            else:
                begun.set_exception(self._start_failure(first_cause(error)))
        finally:
            life.over.set()
            if not begun.done():
                begun.cancel()

    def _command(self, folder: str) -> StdioServerParameters:
        # The SDK passes on these of our own variables, unless we name them.
        ours = {"HOME": folder, "LOGNAME": "", "USER": "", "SHELL": "", "TERM": "dumb"}
        return StdioServerParameters(
            command=self._server.command,
            args=self._server.args,
            env={**ours, **self._server.plain_env()},
            cwd=self._server.cwd or folder,
        )

    def _start_failure(self, error: BaseException) -> NodeError:
        if isinstance(error, OSError):
            return PermanentError(
                f"{self._what} can't be started: {error.strerror}",
                code="MCP_SERVER_FAILED",
                hint="the operator registered a command that isn't there, or may not be run",
            )
        return RetryableError(
            f"{self._what} doesn't greet: {str(error)[:200] or type(error).__name__}",
            code="MCP_SERVER_FAILED",
            hint="look at the worker's log at LOG_LEVEL=DEBUG for what it says",
        )

    def _failure(self, life: "_Life") -> Callable[[MCPError], NodeError | None]:
        def failure(error: MCPError) -> NodeError | None:
            if not life.over.is_set():
                return None
            return RetryableError(
                f"{self._what} ended while it was asked", code="MCP_SERVER_FAILED", hint="retry: it is started again"
            )

        return failure


class _Life:
    """One process from its start until it is `over`."""

    session: Session

    def __init__(self) -> None:
        self.over = asyncio.Event()


@asynccontextmanager
async def _watched(transport: Any, over: asyncio.Event) -> AsyncIterator[TransportStreams]:
    async with transport as (incoming, outgoing):
        yield _Watched(incoming, over), outgoing


class _Watched:
    """Passes a server's messages on, and says when there will be no more."""

    def __init__(self, stream: ReadStream[SessionMessage | Exception], over: asyncio.Event) -> None:
        self._stream = stream
        self._over = over

    async def receive(self) -> SessionMessage | Exception:
        return await self._stream.receive()

    async def aclose(self) -> None:
        self._over.set()
        await self._stream.aclose()

    def __aiter__(self) -> "_Watched":
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            return await self._stream.__anext__()
        except StopAsyncIteration:
            self._over.set()
            raise

    async def __aenter__(self) -> "_Watched":
        await self._stream.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._over.set()
        return await self._stream.__aexit__(kind, error, trace)


@asynccontextmanager
async def _logged(server_id: str) -> AsyncIterator[TextIO]:
    """A file for the process's standard error, whose lines go to our log."""
    readable, writable = os.pipe()
    reader = asyncio.StreamReader(limit=_LONGEST_LINE)
    source = os.fdopen(readable, "rb", buffering=0)
    pipe, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), source)
    sink = os.fdopen(writable, "w")
    reading = asyncio.create_task(_log_lines(reader, server_id))
    try:
        yield sink
    finally:
        sink.close()
        pipe.close()
        reading.cancel()
        await asyncio.wait([reading])


async def _log_lines(reader: asyncio.StreamReader, server_id: str) -> None:
    while piece := await reader.read(_LONGEST_LINE):
        for line in piece.decode("utf-8", "replace").splitlines():
            logger.debug("the MCP server %s says: %s", server_id, line)
