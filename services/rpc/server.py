"""The gRPC server: services, interceptor, limits, and a graceful end."""

import tempfile
from collections.abc import Awaitable, Callable, Mapping

import grpc
import structlog
from grpc_health.v1 import health
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server
from grpc_reflection.v1alpha import reflection
from workflow_engine.v1 import auth_pb2, human_task_pb2, integration_pb2, workflow_service_pb2
from workflow_engine.v1.auth_pb2_grpc import add_AuthServiceServicer_to_server
from workflow_engine.v1.human_task_pb2_grpc import add_HumanTaskServiceServicer_to_server
from workflow_engine.v1.integration_pb2_grpc import add_IntegrationServiceServicer_to_server
from workflow_engine.v1.workflow_service_pb2_grpc import add_WorkflowServiceServicer_to_server

from services.identity.identity import Identity
from services.rpc.access import AccessInterceptor
from services.rpc.auth_servicer import AuthServicer
from services.rpc.errors import ErrorInterceptor
from services.rpc.health import Health
from services.rpc.human_task_servicer import HumanTaskServicer
from services.rpc.integration_servicer import IntegrationServicer
from services.rpc.servicer import WorkflowServicer
from services.rpc.watching import WatchingInterceptor
from services.tls import Certificate
from services.usecases.backend import Backend

MAX_MESSAGE = 72 * 1024 * 1024
WORKFLOW_SERVICE = workflow_service_pb2.DESCRIPTOR.services_by_name["WorkflowService"].full_name
INTEGRATION_SERVICE = integration_pb2.DESCRIPTOR.services_by_name["IntegrationService"].full_name
HUMAN_TASK_SERVICE = human_task_pb2.DESCRIPTOR.services_by_name["HumanTaskService"].full_name
AUTH_SERVICE = auth_pb2.DESCRIPTOR.services_by_name["AuthService"].full_name
SERVICES = (WORKFLOW_SERVICE, INTEGRATION_SERVICE, HUMAN_TASK_SERVICE, AUTH_SERVICE)
_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    ("grpc.max_send_message_length", MAX_MESSAGE),
    ("grpc.so_reuseport", 0),
    # Idle streams (a run may wait for months) are kept open and their clients' pings allowed.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
)

# A socket's path has 104 bytes at most on macOS, 108 on Linux.
_LONGEST_FOLDER = 60
_log = structlog.get_logger(__name__)


class PortTakenError(OSError):
    """The address can't be listened on."""


class GrpcServer:
    """Listens from `start` to `stop`; `port` is the real one where any free one was asked for.

    `internal` is where this process itself reaches it, whatever is asked of others.
    """

    def __init__(
        self,
        backend: Backend,
        checks: Mapping[str, Callable[[], Awaitable[object]]],
        identity: Identity,
        *,
        host: str,
        port: int,
        reflect: bool,
        certificate: Certificate | None = None,
    ) -> None:
        # The first is the outermost: it answers also what the second refuses.
        interceptors = [ErrorInterceptor(), AccessInterceptor(identity.authenticator)]
        if backend.telemetry.watching:
            interceptors.insert(0, WatchingInterceptor(backend.telemetry.metrics))
        self._server = grpc.aio.server(interceptors=interceptors, options=_OPTIONS)
        self._health = Health(checks, SERVICES)
        add_WorkflowServiceServicer_to_server(WorkflowServicer(backend), self._server)
        add_IntegrationServiceServicer_to_server(IntegrationServicer(backend), self._server)
        add_HumanTaskServiceServicer_to_server(HumanTaskServicer(backend), self._server)
        add_AuthServiceServicer_to_server(AuthServicer(identity), self._server)
        add_HealthServicer_to_server(self._health, self._server)
        if reflect:
            names = (*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(names, self._server)
        self._host = host
        self.port = self._listen(host, port, certificate)
        # Only this process's user can reach into the folder: what comes this way needs no TLS.
        short = len(tempfile.gettempdir()) < _LONGEST_FOLDER
        self._folder = tempfile.TemporaryDirectory(prefix="orchestrator-api-", dir=None if short else "/tmp")
        self.internal = f"unix:{self._folder.name}/socket"
        self._server.add_insecure_port(self.internal)

    @property
    def address(self) -> str:
        """Where clients on this machine reach the server."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "[::]": "[::1]"}.get(self._host, self._host)
        return f"{host}:{self.port}"

    async def start(self) -> None:
        """Begins to answer."""
        await self._server.start()
        _log.info("gRPC server listens", host=self._host, port=self.port)

    async def wait(self) -> None:
        """Returns once the server has stopped."""
        await self._server.wait_for_termination()

    def drain(self) -> None:
        """Says that it isn't ready from now on, so that balancers send nobody here."""
        self._health.stop()

    async def stop(self, seconds: float) -> None:
        """Takes no new calls, lets those under way finish for so long, then ends them."""
        self._health.stop()
        await self._server.stop(seconds)
        self._folder.cleanup()

    def _listen(self, host: str, port: int, certificate: Certificate | None) -> int:
        target = f"[{host}]:{port}" if ":" in host and not host.startswith("[") else f"{host}:{port}"
        try:
            if certificate:
                bound: int = self._server.add_secure_port(target, certificate.grpc())
            else:
                bound = self._server.add_insecure_port(target)
        except RuntimeError:
            bound = 0
        if not bound:
            raise PortTakenError(f"can't listen on {target}: is it taken? Set GRPC_HOST and GRPC_PORT")
        return bound
