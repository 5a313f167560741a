"""What clients do to runs that are under way: answer, call, cancel, pause and resume them, twice and late."""

import asyncio
import json
import random
from collections.abc import Sequence
from urllib.parse import urlsplit

import grpc.aio
import httpx
from workflow_engine.v1 import execution_pb2, human_task_pb2
from workflow_engine.v1.execution_pb2 import ExecutionEvent

from tests.faults.harness.calls import TIMEOUT, Calls
from tests.faults.harness.cluster import Cluster
from tests.faults.harness.ticket import Ticket
from tests.faults.harness.workflows import MOMENTS

_PATIENCE = 45.0


class Steering:
    """The ways to steer a run, by the names that scenarios have for them."""

    def __init__(self, cluster: Cluster, calls: Calls, chance: random.Random) -> None:
        self._cluster = cluster
        self._calls = calls
        self._random = chance

    async def steer(self, ticket: Ticket, how: str, keys: Sequence[str]) -> None:
        """Does it to an acknowledged run, which began when there were these keys."""
        if how == "cancel":
            await self.cancel(ticket, self._random.choice(MOMENTS))
        elif how == "answer":
            await self._disagree(ticket)
        elif how == "call":
            await self._call_thrice(ticket, keys)
        else:
            await asyncio.sleep(self._random.uniform(0, 2))
            await self._pause(ticket)

    async def cancel(self, ticket: Ticket, moment: str) -> bool:
        """Cancels it at a moment, or when that hasn't come for long; says whether it came."""
        came = not moment or await self._came(min(ticket.execution_ids), moment)
        request = execution_pb2.CancelExecutionRequest(execution_id=min(ticket.execution_ids), reason="faults")
        for _ in range(self._random.choice((1, 2))):
            done = await self._calls.workflows(
                lambda stub: stub.CancelExecution(request, timeout=TIMEOUT), refused="FAILED_PRECONDITION"
            )
            ticket.steps.append("cancelled" if done is not None else "cancelled too late")
        return came

    async def _came(self, execution_id: str, moment: str) -> bool:
        request = execution_pb2.WatchExecutionRequest(execution_id=execution_id)
        try:
            async for message in self._random.choice(self._cluster.api.streams).WatchExecution(
                request, timeout=_PATIENCE
            ):
                if _moment(message.event) == moment:
                    return True
        except grpc.aio.AioRpcError as error:
            self._calls.judge(error)
        return False

    async def _pause(self, ticket: Ticket) -> None:
        execution_id = min(ticket.execution_ids)
        pause = execution_pb2.PauseExecutionRequest(execution_id=execution_id)
        resume = execution_pb2.ResumeExecutionRequest(execution_id=execution_id)
        for done, call in (
            ("paused", lambda stub: stub.PauseExecution(pause, timeout=TIMEOUT)),
            ("resumed", lambda stub: stub.ResumeExecution(resume, timeout=TIMEOUT)),
        ):
            for _ in range(self._random.choice((1, 2))):
                answer = await self._calls.workflows(call, refused="FAILED_PRECONDITION")
                ticket.steps.append(done if answer is not None else f"{done} too late")

    async def _disagree(self, ticket: Ticket) -> None:
        """Two people answer at once, otherwise; one of them perhaps again, when the run may have ended."""
        listed = human_task_pb2.ListHumanTasksRequest(execution_id=min(ticket.execution_ids))
        while True:
            found = await self._calls.tasks(lambda stub: stub.ListHumanTasks(listed, timeout=TIMEOUT))
            if found.tasks:
                break
            await asyncio.sleep(0.2)
        task_id = found.tasks[0].task_id
        await asyncio.gather(*(self._answer(ticket, task_id, decision) for decision in ("approved", "rejected")))
        if self._random.random() < 0.3:
            await asyncio.sleep(self._random.uniform(0, 1))
            await self._answer(ticket, task_id, self._random.choice(("approved", "rejected")))

    async def _answer(self, ticket: Ticket, task_id: str, decision: str) -> None:
        request = human_task_pb2.AnswerHumanTaskRequest(task_id=task_id, decision=decision)
        taken = await self._calls.tasks(
            lambda stub: stub.AnswerHumanTask(request, timeout=TIMEOUT), refused="FAILED_PRECONDITION"
        )
        if taken is not None:
            ticket.accepted.add(decision)

    async def _call_thrice(self, ticket: Ticket, keys: Sequence[str]) -> None:
        """Two calls at once, perhaps before it waits, and perhaps one when it has gone on."""
        path = await self._address(ticket)
        await asyncio.gather(*(self._call(ticket, path, number, keys) for number in (1, 2)))
        if self._random.random() < 0.3:
            await asyncio.sleep(self._random.uniform(0, 1))
            await self._call(ticket, path, 3, keys)

    async def _address(self, ticket: Ticket) -> str:
        """The address of the run's own, which its first node emits."""
        request = execution_pb2.GetExecutionHistoryRequest(execution_id=min(ticket.execution_ids), node="Tell")
        while True:
            found = await self._calls.workflows(lambda stub: stub.GetExecutionHistory(request, timeout=TIMEOUT))
            if found.node_runs and found.node_runs[0].outputs:
                item = json.loads(found.node_runs[0].outputs[0].items_json)[0]["json"]
                return urlsplit(item["address"]).path
            await asyncio.sleep(0.2)

    async def _call(self, ticket: Ticket, path: str, number: int, keys: Sequence[str]) -> None:
        def refused(answer: httpx.Response) -> bool:
            if answer.status_code == 404:
                # The key that it was signed with may be gone.
                return not set(keys) <= set(self._cluster.keys)
            return answer.status_code in (409, 410) and "CALL_NOT_AWAITED" not in answer.text

        if await self._calls.post(path, {"tag": ticket.tag, "call": number}, refused) is not None:
            ticket.accepted.add(str(number))


def _moment(event: ExecutionEvent) -> str:
    """An event as a scenario's moments are written: the node, its run if it isn't the first, and what happened."""
    run = event.node_run
    node = f"{run.node}.{run.run_index}" if run.run_index else run.node
    return f"{node} {execution_pb2.EventType.Name(event.type)}".strip()
