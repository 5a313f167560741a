"""What an operator sets, by environment variables; Temporal's own are read by its SDK."""

from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from nodes.credentials.filling import is_protected
from nodes.http.policy import EgressPolicy
from nodes.http.traces import TracedHosts
from nodes.mcp.registry import RegisteredServer, read_servers
from orchestrator.items import OUTPUT_LIMIT
from services.gateway.options import parse_networks, parse_origins
from services.store.engine import database_url
from services.store.keyring import check_keys
from services.tls import TlsFiles

DEFAULT_PORT = 8080
_MOST_DAYS = 36_500


class SettingsError(ValueError):
    """Environment variables that can't be used: which, and what was expected."""


def _registered(value: object) -> object:
    return read_servers(value) if isinstance(value, str) else value


def _days(value: object) -> object:
    if not isinstance(value, str):
        return value
    found: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in value.split(","))):
        name, _, days = part.rpartition("=")
        if not name.strip() or not days.strip().isdecimal() or int(days) > _MOST_DAYS:
            raise ValueError(f"{part[:60]!r} isn't name=days; write workspace=30,other=0")
        found[name.strip()] = int(days)
    return found


class Settings(BaseSettings):
    """Every setting with its default."""

    model_config = SettingsConfigDict(case_sensitive=False, extra="ignore", env_ignore_empty=True)

    database_url: SecretStr = Field(SecretStr("postgresql://localhost/workflow_engine"), description="PostgreSQL")
    database_echo: bool = Field(False, description="log every SQL statement, with its values")
    database_pool_size: int = Field(10, ge=1, le=500, description="connections a process keeps")

    grpc_host: str = Field("0.0.0.0", description="the address the server listens on")
    grpc_port: int = Field(50051, ge=0, le=65535, description="its port; 0 for any free one")
    grpc_reflection: bool = Field(True, description="whether clients may ask which services there are")

    grpc_tls_cert: str = Field("", description="the file of its certificate chain; without it there is no TLS")
    grpc_tls_key: str = Field("", description="the file of that certificate's key")
    grpc_tls_client_ca: str = Field("", description="the file of the authority that clients' certificates must be of")

    http_host: str = Field("0.0.0.0", description="the address the gateway (REST, web, webhooks) listens on")
    http_port: int = Field(DEFAULT_PORT, ge=0, le=65535, description="its port; 0 for any free one")
    http_tls_cert: str = Field("", description="as GRPC_TLS_CERT, for the gateway")
    http_tls_key: str = Field("", description="the file of that certificate's key")
    orchestrator_public_url: str = Field("", description="where people and services reach the gateway")
    orchestrator_trusted_proxies: str = Field("", description="the networks of proxies that tell clients' addresses")
    orchestrator_cors_origins: str = Field("", description="other origins whose pages may call the REST API")
    orchestrator_rate_limit: int = Field(1200, ge=0, description="requests a minute from one address; 0 for any number")

    orchestrator_metrics_host: str = Field("127.0.0.1", description="the address that metrics are read at")
    orchestrator_metrics_port: int | None = Field(
        None, ge=0, le=65535, description="its port, 0 for any free one; without it there are no metrics"
    )
    orchestrator_metrics_workflows: int = Field(
        100, ge=0, le=10_000, description="how many workflows have series of their own; 0 for none"
    )
    orchestrator_trace_hosts: str = Field("", description="hosts that are told the trace that a request belongs to")

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    log_format: Literal["json", "console"] = "json"

    openai_api_key: SecretStr | None = Field(None, description="for agents without a credential of their own")
    openai_base_url: str = Field("", description="where that key is good, if not at OpenAI; with /v1")
    anthropic_api_key: SecretStr | None = Field(None, description="as OPENAI_API_KEY")
    anthropic_base_url: str = Field("", description="where that key is good, if not at Anthropic; without /v1")
    redis_url: SecretStr | None = Field(None, description="Redis, for what processes share; needed for nothing")
    secret_key: SecretStr | None = Field(None, description="the keys that credentials are sealed with")
    jwt_algorithm: Literal["HS256", "HS384", "HS512"] = "HS256"
    jwt_expire_minutes: int = Field(30, ge=1)

    orchestrator_temporal_keys: SecretStr | None = Field(None, description="the keys that Temporal's payloads go under")
    orchestrator_temporal_ui_origin: str = Field("", description="where Temporal's Web UI is, as browsers see it")
    orchestrator_temporal_ui_workspace: str = Field(
        "", description="the workspace whose operators may open what Temporal keeps of all; empty for nobody"
    )
    orchestrator_session_days: int = Field(30, ge=1, le=365, description="how long a session lasts at most")
    orchestrator_oidc_issuer: str = Field("", description="the OpenID provider that people may sign in by")
    orchestrator_oidc_client_id: str = Field("", description="how that knows the server")
    orchestrator_oidc_client_secret: SecretStr | None = Field(None, description="and the server itself to it")
    orchestrator_oidc_role: Literal["", "OWNER", "EDITOR", "OPERATOR", "APPROVER", "VIEWER"] = Field(
        "", description="the role of users who come for the first time; empty refuses them"
    )
    orchestrator_oidc_workspace: str = Field("default", description="the workspace that they become members of")

    orchestrator_task_queue: Annotated[str, Field(min_length=1)] = "default"
    orchestrator_build_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._+-]{0,128}$")] = Field(
        "", description="the release that a worker is; without it, its tasks aren't told apart from other releases'"
    )
    orchestrator_max_runs: int = Field(0, ge=0, description="open runs of a workspace at a time; 0 for any number")
    orchestrator_starts_per_minute: int = Field(0, ge=0, description="runs that a workspace may start a minute")
    orchestrator_max_run_seconds: int = Field(0, ge=0, description="how long a run may take; 0 for any time")
    orchestrator_max_payload_bytes: int = Field(
        0, ge=0, le=OUTPUT_LIMIT, description="bytes of JSON that one list of items may have; 0 for 64 MiB"
    )
    orchestrator_max_node_runs: int = Field(0, ge=0, description="node runs that a run may have; 0 for any number")
    orchestrator_max_activities: int = Field(100, ge=1, description="node runs a worker works on at a time")
    orchestrator_max_workflow_tasks: int = Field(20, ge=2, description="steps of runs a worker decides at a time")
    orchestrator_max_pollers: int = Field(100, ge=2, description="calls that wait for work on a queue, at most")
    orchestrator_files_url: str = Field("", description="where files are kept: a folder or an fsspec URL")
    orchestrator_max_file_mb: int = Field(256, ge=1, le=1024 * 1024, description="the largest file, in MiB")
    orchestrator_egress_allow: str = Field("", description="where nodes may connect to beside public addresses")
    orchestrator_code_isolation: Literal["auto", "bwrap", "process"] = "auto"
    orchestrator_expression_processes: int = Field(2, ge=1, le=64)
    orchestrator_code_processes: int = Field(2, ge=1, le=64)
    orchestrator_mcp_servers: Annotated[Mapping[str, RegisteredServer], NoDecode, BeforeValidator(_registered)] = Field(
        default_factory=dict, description="the path of the file that registers MCP servers"
    )
    orchestrator_retention_days: int = Field(
        0, ge=0, le=_MOST_DAYS, description="how long ended runs are kept; 0 for ever"
    )
    orchestrator_retention_failed_days: int | None = Field(
        None, ge=0, le=_MOST_DAYS, description="the same for runs that failed, were cancelled or timed out"
    )
    orchestrator_retention_workspaces: Annotated[Mapping[str, int], NoDecode, BeforeValidator(_days)] = Field(
        default_factory=dict, description="the same for all runs of a workspace: name=days, with commas between"
    )
    orchestrator_retention_audit_days: int = Field(
        0, ge=0, le=_MOST_DAYS, description="how long the audit log is kept; 0 for ever"
    )
    orchestrator_drain_seconds: float = Field(2.0, ge=0, description="how long a server that isn't ready takes calls")
    orchestrator_shutdown_seconds: float = Field(30.0, ge=0, description="how long streams and nodes may finish")

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("log_format", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("orchestrator_egress_allow")
    @classmethod
    def _egress(cls, value: str) -> str:
        EgressPolicy.parse(value)
        return value

    @field_validator("orchestrator_trusted_proxies")
    @classmethod
    def _proxies(cls, value: str) -> str:
        parse_networks(value)
        return value

    @field_validator("orchestrator_cors_origins")
    @classmethod
    def _origins(cls, value: str) -> str:
        parse_origins(value)
        return value

    @field_validator("orchestrator_oidc_issuer")
    @classmethod
    def _issuer(cls, value: str) -> str:
        if value and not is_protected(value):
            raise ValueError("must be an https:// address (or http:// on this machine)")
        return value

    @field_validator("orchestrator_trace_hosts")
    @classmethod
    def _hosts(cls, value: str) -> str:
        TracedHosts.parse(value)
        return value

    @field_validator("secret_key", "orchestrator_temporal_keys")
    @classmethod
    def _keys(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            check_keys(value.get_secret_value())
        return value

    @field_validator("orchestrator_temporal_ui_origin")
    @classmethod
    def _origin(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (
            parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/") or "@" in value
        ):
            raise ValueError("not an origin; write https://host or https://host:port")
        return value.rstrip("/")

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and urlsplit(value.get_secret_value()).scheme not in ("redis", "rediss", "unix"):
            raise ValueError("must be a URL such as redis://host:6379/0 (or rediss://, unix://)")
        return value

    @field_validator("database_url")
    @classmethod
    def _postgres(cls, value: SecretStr) -> SecretStr:
        database_url(value.get_secret_value())
        return value


def load_settings(**overrides: object) -> Settings:
    """The settings of the environment; SettingsError names every variable that is wrong."""
    try:
        settings = Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError("; ".join(_sentence(detail) for detail in error.errors(include_url=False))) from None
    problems = [files.problem() for files in (grpc_tls(settings), http_tls(settings)) if files.problem()]
    if problems:
        raise SettingsError("; ".join(problems))
    return settings


def grpc_tls(settings: Settings) -> TlsFiles:
    """The files for TLS of the API."""
    return TlsFiles("GRPC_TLS", settings.grpc_tls_cert, settings.grpc_tls_key, settings.grpc_tls_client_ca)


def http_tls(settings: Settings) -> TlsFiles:
    """The files for TLS of the gateway."""
    return TlsFiles("HTTP_TLS", settings.http_tls_cert, settings.http_tls_key)


def _sentence(detail: object) -> str:
    assert isinstance(detail, dict)
    name = str(detail["loc"][0])
    field = Settings.model_fields[name]
    message = str(detail["msg"]).removeprefix("Value error, ")
    secret = "SecretStr" in str(field.annotation)
    given = "" if secret else f" (it is {str(detail['input'])[:60]!r})"
    return f"{name.upper()}: {message}{given}"
