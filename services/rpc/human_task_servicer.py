"""Every method of HumanTaskService: decode, one use case, encode."""

from typing import Any

from workflow_engine.v1 import human_task_pb2 as pb
from workflow_engine.v1.human_task_pb2_grpc import HumanTaskServiceServicer

from orchestrator.task_form import TaskField
from services.rpc.definition_codec import timestamp
from services.store.human_tasks import Task
from services.store.people.asking import fields_of
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
            mine=request.mine,
        )
        return pb.ListHumanTasksResponse(tasks=map(task_message, tasks), next_page_token=token)

    async def GetHumanTask(self, request: pb.GetHumanTaskRequest, context: Context) -> pb.GetHumanTaskResponse:
        """Reads one, with what happened to it."""
        message = task_message(await self._answering.get(request.task_id))
        for event in await self._answering.history(request.task_id):
            message.events.add(
                at=timestamp(event.at), kind=event.kind, by=event.by, channel=event.channel, text=event.text
            )
        return pb.GetHumanTaskResponse(task=message)

    async def AnswerHumanTask(self, request: pb.AnswerHumanTaskRequest, context: Context) -> pb.AnswerHumanTaskResponse:
        """Answers one."""
        given = Given(request.task_id, request.decision, request.user_id, request.comment, request.fields_json)
        return pb.AnswerHumanTaskResponse(task=task_message((await self._answering.answer(given)).task))

    async def ReassignHumanTask(
        self, request: pb.ReassignHumanTaskRequest, context: Context
    ) -> pb.ReassignHumanTaskResponse:
        """Gives one to others."""
        task = await self._answering.reassign(request.task_id, request.assignees, request.reason)
        return pb.ReassignHumanTaskResponse(task=task_message(task))

    async def CommentHumanTask(
        self, request: pb.CommentHumanTaskRequest, context: Context
    ) -> pb.CommentHumanTaskResponse:
        """Adds a remark to one."""
        task = await self._answering.comment(request.task_id, request.comment)
        return pb.CommentHumanTaskResponse(task=task_message(task))


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
        workflow_id=task.workflow_id,
        workflow_name=task.workflow_name,
        channel=row.channel,
        fields=[_field(field) for field in fields_of(row)],
        fields_json=row.fields or "",
        on_timeout=row.on_timeout,
        answered_via=row.answered_via,
    )
    if row.answered_at is not None:
        message.answered_at.CopyFrom(timestamp(row.answered_at))
    if row.deadline is not None:
        message.deadline.CopyFrom(timestamp(row.deadline))
    return message


def _field(field: TaskField) -> pb.TaskField:
    return pb.TaskField(
        name=field.name,
        label=field.text,
        type=field.type,
        required=field.required,
        options=field.options,
        default_json=field.default,
    )
