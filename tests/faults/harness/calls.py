"""Calls to whichever server, by gRPC or over REST, repeated until they are answered."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import grpc.aio
import httpx
from workflow_engine.v1.human_task_pb2_grpc import HumanTaskServiceStub
from workflow_engine.v1.workflow_service_pb2_grpc import WorkflowServiceStub

from tests.faults.harness.cluster import Cluster

TIMEOUT = 8.0
_PAUSE = 0.2
# What a client may take for "try again"; anything else is a fault of ours.
_PASSING = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)
_PASSING_HTTP = (502, 503, 504)
_Stub = TypeVar("_Stub")


class Calls:
    """A cluster's clients' calls; `wrong` has the answers that no client should ever get."""

    def __init__(self, cluster: Cluster, chance: random.Random) -> None:
        self.wrong: list[str] = []
        self._cluster = cluster
        self._random = chance

    async def workflows(self, call: Callable[[WorkflowServiceStub], Awaitable[Any]], refused: str = "") -> Any:
        """Calls until it is answered; None if the answer is `refused`, the name of a status."""
        return await self._until_answered(self._cluster.api.workflows, call, refused)

    async def tasks(self, call: Callable[[HumanTaskServiceStub], Awaitable[Any]], refused: str = "") -> Any:
        """The same for people's tasks."""
        return await self._until_answered(self._cluster.api.tasks, call, refused)

    async def once(self, call: Callable[[WorkflowServiceStub], Awaitable[Any]]) -> Any:
        """Calls once; None if that wasn't answered."""
        try:
            return await call(self._random.choice(self._cluster.api.workflows))
        except grpc.aio.AioRpcError as error:
            self.judge(error)
            return None

    async def post(
        self, path: str, body: Any, refused: Callable[[httpx.Response], bool] = lambda _: False, **headers: str
    ) -> Any:
        """Posts JSON to a gateway until it is answered; the answer's JSON, or None if it is `refused`."""
        while True:
            try:
                gateway = self._random.choice(self._cluster.api.gateways)
                answer = await gateway.post(path, json=body, headers=headers, timeout=TIMEOUT)
            except httpx.TransportError:
                await asyncio.sleep(_PAUSE)
                continue
            if answer.is_success:
                return answer.json()
            if refused(answer):
                return None
            if answer.status_code not in _PASSING_HTTP and "CALL_NOT_AWAITED" not in answer.text:
                self.wrong.append(f"{path} was answered with {answer.status_code}: {answer.text[:200]}")
            await asyncio.sleep(_PAUSE)

    def judge(self, error: grpc.aio.AioRpcError) -> None:
        """Notes an error that isn't one to try again after."""
        if error.code() not in _PASSING:
            self.wrong.append(f"{error.code().name}: {error.details()}")

    async def _until_answered(
        self, stubs: Sequence[_Stub], call: Callable[[_Stub], Awaitable[Any]], refused: str
    ) -> Any:
        while True:
            try:
                return await call(self._random.choice(stubs))
            except grpc.aio.AioRpcError as error:
                # A run that is about to begin can't be steered yet.
                if "BEGINNING" not in f"{error.details()}{error.trailing_metadata()}":
                    if error.code().name == refused:
                        return None
                    self.judge(error)
                await asyncio.sleep(_PAUSE)
