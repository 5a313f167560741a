"""Builds the two roles, API server and worker, from settings: the only place where parts meet."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import grpc
import structlog
from temporalio.client import Client
from temporalio.worker import Worker

from activities.activities import Activities
from activities.triggers.activities import TriggerActivities
from activities.triggers.polling import Poller
from nodes import validation
from nodes.credentials.credential import Credential
from nodes.expression.expressions import Expressions
from nodes.factory import Catalogue, get_node_executor_factory
from nodes.files.store import FileStore
from nodes.http.egress import Egress
from nodes.http.policy import EgressPolicy
from nodes.http.traces import TracedHosts
from nodes.mcp.servers import McpServers
from nodes.models.credentials import ANTHROPIC_API_KEY, OPENAI_API_KEY, AnthropicKey, OpenAiKey
from nodes.resources import Resources
from nodes.sandbox.sandbox import Sandbox
from orchestrator.compiler import compile_plan
from orchestrator.errors import Problem
from orchestrator.model import Workflow
from orchestrator.plan import Plan
from services.gateway.app import make_app
from services.gateway.options import Options, parse_networks, parse_origins
from services.gateway.server import HttpServer
from services.gateway.site import Site
from services.identity.caller import SYSTEM, set_caller
from services.identity.identity import Identity
from services.identity.reach import check_reach
from services.identity.resuming import resume_urls
from services.observability import tracing
from services.observability.assembly import make_endpoint, make_metrics, watch_deployment, watch_temporal
from services.observability.endpoint import MetricsEndpoint
from services.observability.http import Watching
from services.observability.telemetry import Telemetry
from services.rates import SharedRates
from services.redis import RedisLink
from services.results import SharedResults
from services.rpc.server import MAX_MESSAGE, GrpcServer
from services.settings import DEFAULT_PORT, Settings, grpc_tls, http_tls
from services.store import limits, migrate, retention_days
from services.store.adapters import (
    StoredDefinitions,
    StoredExecutions,
    StoredLimits,
    StoredPayloads,
    StoredPeople,
    StoredTranscripts,
)
from services.store.definitions import Definitions
from services.store.engine import Database
from services.store.integrations_opening import Integrations
from services.store.keyring import KeyRing, read_keys
from services.store.known_limits import KnownLimits
from services.store.listen import Listener
from services.store.memory.stored import StoredMemory
from services.store.triggers.polling import StoredPolls
from services.tls import certificate
from services.usecases.activating import Activating
from services.usecases.backend import Backend
from services.usecases.firing import Firing
from services.usecases.reconciling import Unbegun
from services.usecases.retention import Cleaner, Policy
from temporal.client import Runs
from temporal.codec import SealingCodec
from temporal.queue_wait import QueueWait
from temporal.queues import DEFAULT
from temporal.schedules import Schedules
from temporal.worker import make_workers

Check = Callable[[], Awaitable[object]]
# How often changes of triggers that Temporal hasn't heard of are looked for; there are none unless something died.
_SETTLE_SECONDS = 30.0
# How often runs that were recorded and never began are looked for; there are none either, unless something died.
_UNBEGUN_SECONDS = 10.0
# When what has been kept for long enough is first looked for, and how often.
_CLEAN_AFTER_SECONDS = 30.0
_CLEAN_SECONDS = 3600.0

_log = structlog.get_logger(__name__)


@dataclass
class Parts:
    """What both roles need; in one process they share it."""

    settings: Settings
    database: Database
    definitions: Definitions
    catalogue: Catalogue
    resources: Resources
    integrations: Integrations
    telemetry: Telemetry
    limits: KnownLimits
    # Where people reach the gateway, without a slash at its end.
    public_url: str = ""
    endpoint: MetricsEndpoint | None = None
    redis: RedisLink | None = None

    async def start(self) -> None:
        """Begins to show metrics; raises unless PostgreSQL answers and has every migration."""
        await asyncio.to_thread(migrate.require_current, self.database.url)
        if self.endpoint:
            await self.endpoint.start()

    async def close(self) -> None:
        """Releases connections, processes and the port."""
        if self.endpoint:
            await self.endpoint.stop()
        await self.resources.close()
        if self.redis:
            await self.redis.close()
        await self.database.close()


def build_parts(settings: Settings, queues: Sequence[str] = ()) -> Parts:
    """The store, the catalogue and what executors reach the world through; nothing is connected yet.

    Parts for a worker on some queues only can open no credentials unless a node on these takes one.
    """
    catalogue = get_node_executor_factory().catalogue
    database = Database(
        settings.database_url.get_secret_value(),
        pool_size=settings.database_pool_size,
        echo=settings.database_echo,
    )
    traced = tracing.wanted()
    http = Egress(
        EgressPolicy.parse(settings.orchestrator_egress_allow),
        traced=TracedHosts.parse(settings.orchestrator_trace_hosts) if traced else None,
    )
    secret = settings.secret_key if _opens_credentials(catalogue, queues) else None
    redis = RedisLink(settings.redis_url.get_secret_value()) if settings.redis_url else None
    keys = read_keys(secret.get_secret_value()) if secret else None
    integrations = Integrations(database, keys, http, SharedRates(database, redis))
    resources = Resources(
        http=http,
        sandbox=Sandbox(processes=settings.orchestrator_code_processes, isolation=settings.orchestrator_code_isolation),
        expressions=Expressions(processes=settings.orchestrator_expression_processes),
        files=FileStore(settings.orchestrator_files_url, limit=settings.orchestrator_max_file_mb << 20),
        credentials=integrations,
        mcp=McpServers(settings.orchestrator_mcp_servers),
        memory=StoredMemory(database),
        model_credentials=model_credentials(settings),
    )
    definitions = Definitions(database, _compiler(catalogue))
    telemetry = Telemetry(make_metrics(settings, database, resources), traced=traced)
    endpoint = make_endpoint(settings, telemetry.metrics)
    url = settings.orchestrator_public_url or (f"http://localhost:{settings.http_port}" if settings.http_port else "")
    return Parts(
        settings,
        database,
        definitions,
        catalogue,
        resources,
        integrations,
        telemetry,
        KnownLimits(database),
        url.rstrip("/"),
        endpoint,
        redis,
    )


@dataclass(frozen=True)
class ServerRole:
    """What a server is: with the gateway or without, and `local` on one's own machine, where nobody signs in."""

    gateway: bool = True
    local: bool = False


class Server:
    """The API server and its gateway."""

    def __init__(self, parts: Parts, client: Client, *, eager: bool, owns_parts: bool, role: ServerRole) -> None:
        settings = parts.settings
        self._parts = parts
        self._role = role
        self._owns_parts = owns_parts
        self._listener = Listener(parts.database.url)
        self.identity = Identity(settings, parts.database, self._listener, parts.redis, local=role.local)
        self.http: HttpServer | None = None
        if role.gateway:
            shown = certificate(http_tls(settings))
            self.http = HttpServer(host=settings.http_host, port=settings.http_port, certificate=shown)
        self.public_url = parts.public_url = _public_url(settings, self.http) or parts.public_url
        parts.resources.resume_url = _resume_url(parts.integrations.keys, self.public_url)
        self._backend = backend = Backend(
            database=parts.database,
            definitions=parts.definitions,
            catalogue=parts.catalogue,
            validate=self._validate,
            runs=Runs(client, settings.orchestrator_task_queue, eager=eager),
            listener=self._listener,
            integrations=parts.integrations,
            limits=parts.limits,
            files=parts.resources.files,
            public_url=self.public_url,
            telemetry=parts.telemetry,
            retention=retention_policy(settings),
        )
        timers = build_timers(parts, client, Firing(backend))
        self._backend = backend = replace(backend, timers=timers)
        watch_temporal(parts.endpoint, client)
        if parts.endpoint:
            watch_deployment(parts.endpoint, parts.database, client, queues_of(parts.catalogue), settings)
        self._activating = Activating(backend)
        self._background: list[asyncio.Task[None]] = []
        checks: dict[str, Check] = {"postgresql": parts.database.ping, "temporal": client.service_client.check_health}
        try:
            self.grpc = GrpcServer(
                backend,
                checks,
                self.identity,
                host=settings.grpc_host,
                port=settings.grpc_port,
                reflect=settings.grpc_reflection,
                certificate=certificate(grpc_tls(settings)),
            )
        except OSError:
            if self.http:
                self.http.close()
            raise
        self._codec = client.data_converter.payload_codec
        self._channel: grpc.aio.Channel | None = None

    @property
    def address(self) -> str:
        """Where clients on this machine reach it."""
        return self.grpc.address

    async def start(self) -> None:
        """Checks the database and begins to answer."""
        await self._parts.start()
        await self._tell_settings()
        await self._listener.start()
        await self.grpc.start()
        if self.http:
            app, telemetry = make_app(self._site()), self._parts.telemetry
            await self.http.start(Watching(app, telemetry.metrics) if telemetry.watching else app)
        self._background = [
            asyncio.create_task(self._settle(), name="settling triggers"),
            asyncio.create_task(self._find_unbegun(), name="runs that never began"),
            asyncio.create_task(self._clean(), name="retention"),
        ]

    async def _settle(self) -> None:
        """Has Temporal hear of what a server that died, or Temporal's absence, has kept from it."""
        set_caller(SYSTEM)
        await _again_and_again(self._activating.settle, _SETTLE_SECONDS, "triggers not settled")

    async def _find_unbegun(self) -> None:
        """Records the end of runs that nobody will start any more, though nobody asks for them."""
        await asyncio.sleep(_UNBEGUN_SECONDS)
        await _again_and_again(Unbegun(self._backend).settle, _UNBEGUN_SECONDS, "runs that never began not looked for")

    async def _clean(self) -> None:
        """Removes what has been kept for long enough, every hour in one of the servers."""
        cleaner = Cleaner(self._parts.database, self._parts.resources.files)
        policy = retention_policy(self._parts.settings)
        await asyncio.sleep(_CLEAN_AFTER_SECONDS)
        while True:
            try:
                if removed := await cleaner.clean(policy, datetime.now(UTC).hour):
                    _log.info(
                        "old records removed",
                        executions=removed.executions,
                        payloads=removed.payloads,
                        audit_events=removed.audit_events,
                    )
            except Exception as error:  # noqa: BLE001 - the next round goes on where this one stopped
                _log.warning("old records not removed", error=type(error).__name__, reason=str(error)[:500])
            await asyncio.sleep(_CLEAN_SECONDS)

    def _site(self) -> Site:
        settings = self._parts.settings
        sizes = [("grpc.max_receive_message_length", MAX_MESSAGE), ("grpc.max_send_message_length", MAX_MESSAGE)]
        self._channel = grpc.aio.insecure_channel(self.grpc.internal, options=sizes)
        secret = settings.secret_key
        return Site(
            self._backend,
            self._channel,
            self.public_url,
            read_keys(secret.get_secret_value()) if secret else None,
            local=self._role.local,
            codec=self._codec if isinstance(self._codec, SealingCodec) else None,
            temporal_ui_origin=settings.orchestrator_temporal_ui_origin,
            temporal_ui_workspace=settings.orchestrator_temporal_ui_workspace,
            options=_gateway_options(settings),
            sign_on=self.identity.oidc,
            gateway_token=self.identity.gateway_token,
            redis=self._parts.redis,
        )

    async def _tell_settings(self) -> None:
        """Writes what PostgreSQL itself holds everybody to."""
        settings = self._parts.settings
        values = {
            "max_runs": settings.orchestrator_max_runs,
            "starts_per_minute": settings.orchestrator_starts_per_minute,
            "max_run_seconds": settings.orchestrator_max_run_seconds,
            "max_payload_bytes": settings.orchestrator_max_payload_bytes,
            "max_node_runs": settings.orchestrator_max_node_runs,
        }
        async with self._parts.database.transaction() as session:
            await limits.change(session, limits.DEFAULTS, "", values, "settings")
            await retention_days.set_audit(session, settings.orchestrator_retention_audit_days, "settings")

    async def wait(self) -> None:
        """Returns once it has stopped."""
        await self.grpc.wait()

    async def stop(self) -> None:
        """Says that it isn't ready, waits for balancers to hear it, lets calls finish, then releases everything."""
        self.grpc.drain()
        if self._background and not self._role.local:
            await asyncio.sleep(self._parts.settings.orchestrator_drain_seconds)
        self._listener.drain()
        for task in self._background:
            task.cancel()
        if self._background:
            await asyncio.wait(self._background)
        if self.http:
            await self.http.stop(self._parts.settings.orchestrator_shutdown_seconds)
        if self._channel:
            await self._channel.close()
        await self.grpc.stop(self._parts.settings.orchestrator_shutdown_seconds)
        await self._listener.stop()
        await self.identity.close()
        if self._owns_parts:
            await self._parts.close()

    async def _validate(self, workflow: Workflow) -> list[Problem]:
        resources = self._parts.resources
        return await validation.validate(workflow, self._parts.catalogue, resources.expressions, resources.sandbox)


class WorkerRole:
    """A worker for each of some queues, on one store."""

    def __init__(self, parts: Parts, workers: Sequence[Worker], activities: Activities, *, owns_parts: bool) -> None:
        self._parts = parts
        self._workers = workers
        self._activities = activities
        self._owns_parts = owns_parts
        self._running: list[asyncio.Task[None]] = []

    @property
    def metrics_port(self) -> int:
        """Where its metrics are read; 0 where they aren't."""
        return self._parts.endpoint.port if self._parts.endpoint else 0

    async def start(self) -> None:
        """Checks the database and begins to poll."""
        await self._parts.start()
        self._running = [
            asyncio.create_task(worker.run(), name=f"worker {worker.task_queue}") for worker in self._workers
        ]

    async def wait(self) -> None:
        """Returns once one of them has stopped; raises what stopped it."""
        if self._running:
            done, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
            for ended in done:
                ended.result()

    async def stop(self) -> None:
        """Lets activities finish, then releases everything."""
        if self._running:
            await asyncio.gather(*(worker.shutdown() for worker in self._workers))
            await asyncio.wait(self._running)
            await self._activities.drain()
        if self._owns_parts:
            await self._parts.close()


def temporal_keys(settings: Settings) -> KeyRing | None:
    """The keys that Temporal's payloads are sealed with; None where they aren't."""
    keys = settings.orchestrator_temporal_keys
    return read_keys(keys.get_secret_value()) if keys else None


def model_credentials(settings: Settings) -> dict[str, Credential]:
    """The operator's own keys, by provider: each is good at its provider's address alone, or the operator's."""
    given = (
        ("openai", OPENAI_API_KEY, OpenAiKey, settings.openai_api_key, settings.openai_base_url),
        ("anthropic", ANTHROPIC_API_KEY, AnthropicKey, settings.anthropic_api_key, settings.anthropic_base_url),
    )
    found = {}
    for provider, kind, fields, key, url in given:
        if key is not None:
            hosts = (urlsplit(url).hostname or "",) if url else kind.hosts
            found[provider] = Credential("operator", "the operator's", kind, fields(api_key=key, base_url=url), hosts)
    return found


async def _again_and_again(work: Callable[[], Awaitable[None]], seconds: float, trouble: str) -> None:
    while True:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - it is tried again; what it is, the log says
            _log.warning(trouble, error=type(error).__name__)
        await asyncio.sleep(seconds)


def build_server(
    settings: Settings,
    client: Client,
    *,
    parts: Parts | None = None,
    eager: bool = False,
    role: ServerRole = ServerRole(),
) -> Server:
    """The API server on a Temporal client; `parts` shared with a worker stay the caller's to close.

    `eager`: a worker on the same client, in this process, may take a run's first task without a round trip.
    """
    check_reach(settings, gateway=role.gateway, local=role.local)
    return Server(parts or build_parts(settings), client, eager=eager, owns_parts=parts is None, role=role)


def build_worker(
    settings: Settings, client: Client, *, parts: Parts | None = None, queues: Sequence[str] = ()
) -> WorkerRole:
    """A worker on a Temporal client for some of the plan's queues, by default all; see build_server for `parts`."""
    shared = parts or build_parts(settings, queues)
    # A server that shares the parts knows better where it is reached.
    shared.resources.resume_url = shared.resources.resume_url or _resume_url(
        shared.integrations.keys, _public_url(settings, None)
    )
    telemetry = shared.telemetry
    activities = Activities(
        StoredDefinitions(shared.definitions),
        StoredPayloads(shared.database, telemetry),
        StoredExecutions(shared.database, shared.definitions, telemetry),
        shared.catalogue,
        shared.resources,
        StoredTranscripts(shared.database),
        StoredPeople(shared.database, lambda: shared.public_url, telemetry),
        SharedResults(shared.database, shared.redis, shared.integrations.keys),
        telemetry,
        StoredLimits(shared.limits),
    )
    watch_temporal(shared.endpoint, client)
    triggers = _build_triggers(shared, client)
    workers = make_workers(
        client,
        [*activities.all(), *triggers.all()],
        activities.nodes(),
        queues or queues_of(shared.catalogue),
        task_queue=settings.orchestrator_task_queue,
        build_id=settings.orchestrator_build_id,
        max_activities=settings.orchestrator_max_activities,
        max_workflow_tasks=settings.orchestrator_max_workflow_tasks,
        max_pollers=settings.orchestrator_max_pollers,
        graceful_shutdown=timedelta(seconds=settings.orchestrator_shutdown_seconds),
        interceptors=[QueueWait(telemetry.queue_waited)] if telemetry.metrics else [],
    )
    return WorkerRole(shared, workers, activities, owns_parts=parts is None)


def build_poller(parts: Parts, firing: Firing) -> Poller:
    """What polls for triggers."""
    definitions = StoredDefinitions(parts.definitions)
    return Poller(firing, StoredPolls(parts.database), definitions, parts.catalogue, parts.resources)


def build_timers(parts: Parts, client: Client, firing: Firing) -> Schedules:
    """What drives triggers by time."""
    poller = build_poller(parts, firing)
    queue = parts.settings.orchestrator_task_queue
    return Schedules(client, parts.catalogue, poller.begin, poller.polls.forget, queue)


def _build_triggers(parts: Parts, client: Client) -> TriggerActivities:
    backend = Backend(
        database=parts.database,
        definitions=parts.definitions,
        catalogue=parts.catalogue,
        validate=_unvalidated,
        runs=Runs(client, parts.settings.orchestrator_task_queue),
        listener=Listener(parts.database.url),
        integrations=parts.integrations,
        limits=parts.limits,
        files=parts.resources.files,
    )
    firing = Firing(backend)
    return TriggerActivities(firing, build_poller(parts, firing))


async def _unvalidated(workflow: Workflow) -> list[Problem]:
    raise NotImplementedError("a worker validates no workflows")


def queues_of(catalogue: Catalogue) -> list[str]:
    """Every queue that a worker can work on: the default one, and those of the catalogue's nodes."""
    return list(dict.fromkeys([DEFAULT, *sorted({executor.queue or DEFAULT for executor in catalogue.values()})]))


def _gateway_options(settings: Settings) -> Options:
    proxies = parse_networks(settings.orchestrator_trusted_proxies)
    origins = parse_origins(settings.orchestrator_cors_origins)
    return Options(proxies, origins, settings.orchestrator_rate_limit)


def _opens_credentials(catalogue: Catalogue, queues: Sequence[str]) -> bool:
    served = [executor for executor in catalogue.values() if not queues or (executor.queue or DEFAULT) in queues]
    return any(executor.credentials for executor in served)


def _public_url(settings: Settings, http: HttpServer | None) -> str:
    """Where the outside reaches the gateway; a worker by itself must be told."""
    return (settings.orchestrator_public_url or (http.url if http else "")).rstrip("/")


def _resume_url(keys: KeyRing | None, public_url: str) -> Callable[[str], str] | None:
    """Makes the addresses at which runs that wait for a call are called."""
    return resume_urls(keys, public_url or f"http://127.0.0.1:{DEFAULT_PORT}") if keys else None


def _compiler(catalogue: Catalogue) -> Callable[[Workflow], Plan]:
    return lambda workflow: compile_plan(workflow, catalogue)


def retention_policy(settings: Settings) -> Policy:
    """How long ended runs are kept."""
    return Policy(
        settings.orchestrator_retention_days,
        settings.orchestrator_retention_failed_days,
        settings.orchestrator_retention_workspaces,
    )
