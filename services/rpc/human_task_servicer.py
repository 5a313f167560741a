"""Every method of HumanTaskService: decode, one use case, encode."""

from typing import Any

import grpc
from workflow_engine.v1 import human_task_pb2 as pb
from workflow_engine.v1.human_task_pb2_grpc import HumanTaskServiceServicer

from services.rpc.definition_codec import timestamp
from services.store.human_tasks import Task
from services.usecases.answering import Answering, Given
from services.usecases.backend import Backend

Context = Any


class HumanTaskServicer(HumanTaskServiceServicer):
    """The gRPC face of what people are asked."""

    def __init__(self, backend: Backend) -> None:
        self._answering = Answering(backend)

    async def ListHumanTasks(self, request: pb.ListHumanTasksRequest, context: Context) -> pb.ListHumanTasksResponse:
        """A page of tasks."""
        tasks, token = await self._answering.listed(
            request.execution_id,
            request.assignee,
            open_only=request.open_only,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return pb.ListHumanTasksResponse(tasks=map(task_message, tasks), next_page_token=token)

    async def GetHumanTask(self, request: pb.GetHumanTaskRequest, context: Context) -> pb.GetHumanTaskResponse:
        """Reads one."""
        return pb.GetHumanTaskResponse(task=task_message(await self._answering.get(request.task_id)))

    async def AnswerHumanTask(self, request: pb.AnswerHumanTaskRequest, context: Context) -> pb.AnswerHumanTaskResponse:
        """Answers one."""
        given = Given(request.task_id, request.decision, request.user_id, request.comment, request.fields_json)
        return pb.AnswerHumanTaskResponse(task=task_message(await self._answering.answer(given)))

    async def ReassignHumanTask(
        self, request: pb.ReassignHumanTaskRequest, context: Context
    ) -> pb.ReassignHumanTaskResponse:
        """Not there yet."""
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "this release doesn't have ReassignHumanTask yet")
        raise AssertionError("unreachable")

    async def CommentHumanTask(
        self, request: pb.CommentHumanTaskRequest, context: Context
    ) -> pb.CommentHumanTaskResponse:
        """Not there yet."""
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "this release doesn't have CommentHumanTask yet")
        raise AssertionError("unreachable")


def task_message(task: Task) -> pb.HumanTask:
    """A task."""
    row = task.row
    message = pb.HumanTask(
        task_id=row.id,
        execution_id=row.execution_id,
        node=row.node,
        status=f"TASK_{task.status}",
        title=row.title,
        message=row.message,
        subject_json=row.subject or "",
        options=row.options,
        assignees=row.assignees,
        created_at=timestamp(row.created_at),
        decision=row.decision or "",
        answered_by=row.answered_by,
        comment=row.comment,
    )
    if row.answered_at is not None:
        message.answered_at.CopyFrom(timestamp(row.answered_at))
    return message
