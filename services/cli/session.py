"""Who the commands call as: an API key of the environment, or the session that `orchestrator sign-in` began."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import grpc
from workflow_engine.v1 import auth_pb2 as wire
from workflow_engine.v1.auth_pb2_grpc import AuthServiceStub

from services.cli.failure import Failure

API_KEY, WORKSPACE = "ORCHESTRATOR_API_KEY", "ORCHESTRATOR_WORKSPACE"
# A token that is about to expire is renewed before it is used.
_AHEAD = 60.0
_TIMEOUT = 30.0


@dataclass(frozen=True)
class Kept:
    """A session with one server."""

    email: str
    access_token: str = field(repr=False)
    expires_at: float
    refresh_token: str = field(repr=False)


def kept_from(email: str, tokens: wire.Tokens) -> Kept:
    """What is kept of tokens."""
    return Kept(email, tokens.access_token, tokens.access_expires_at.ToSeconds(), tokens.refresh_token)


def path() -> Path:
    """The file that sessions are kept in, which only its owner may read."""
    base = os.environ.get("XDG_CONFIG_HOME", "").strip()
    return (Path(base) if base else Path.home() / ".config") / "orchestrator" / "sessions.json"


def find(target: str) -> Kept | None:
    """The session with a server, if there is one."""
    kept = _read().get(target)
    return Kept(**kept) if kept else None


def keep(target: str, kept: Kept | None) -> None:
    """Keeps the session with a server, or forgets it."""
    with _locked():
        _write(_read() | {target: asdict(kept) if kept else None})


async def metadata(target: str, channel: grpc.aio.Channel) -> list[tuple[str, str]]:
    """What every call carries: nothing where nobody signed in. Tokens go to the server that gave them only."""
    found = []
    if workspace := os.environ.get(WORKSPACE, "").strip():
        found.append(("x-workspace", workspace))
    token = os.environ.get(API_KEY, "").strip()
    if not token:
        kept = await fresh(target, channel)
        token = kept.access_token if kept else ""
    return [*found, ("authorization", f"Bearer {token}")] if token else found


async def fresh(target: str, channel: grpc.aio.Channel) -> Kept | None:
    """The session with a server, its access token renewed if need be."""
    kept = find(target)
    return await _renewed(target, channel) if kept is not None and kept.expires_at < time.time() + _AHEAD else kept


async def _renewed(target: str, channel: grpc.aio.Channel) -> Kept | None:
    # A refresh token works once: of two commands one waits for what the other gets.
    with _locked():
        kept = find(target)
        if kept is None or kept.expires_at >= time.time() + _AHEAD:
            return kept
        request = wire.RefreshTokenRequest(refresh_token=kept.refresh_token)
        try:
            answer = await AuthServiceStub(channel).RefreshToken(request, timeout=_TIMEOUT)
        except grpc.aio.AioRpcError as error:
            if error.code() != grpc.StatusCode.UNAUTHENTICATED:
                raise
            _write(_read() | {target: None})
            return None
        renewed = kept_from(kept.email, answer.tokens)
        _write(_read() | {target: asdict(renewed)})
        return renewed


def _read() -> dict[str, Any]:
    try:
        found = json.loads(path().read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(sessions: dict[str, Any]) -> None:
    file = path()
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        json.dump({target: kept for target, kept in sessions.items() if kept}, out)
    new.replace(file)


@contextmanager
def _locked() -> Iterator[None]:
    file = path()
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        opened = os.open(file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        message = f"the session can't be kept in {file.parent}: {error.strerror}; set XDG_CONFIG_HOME"
        raise Failure(message, "NOT_KEPT") from None
    with os.fdopen(opened) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
