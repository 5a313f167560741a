"""What `orchestrator tasks …` does by the API."""

from google.protobuf import json_format
from workflow_engine.v1 import human_task_pb2 as wire

from orchestrator import exact_json
from services.cli.console import fields, local_time, pretty, table
from services.cli.failure import Exit, print_json
from services.cli.reading import read_input
from services.cli.server import TIMEOUT, address, connected_to_human_tasks

_PAGE = 1000


async def list_all(execution_id: str, assignee: str, mine: bool, everything: bool, as_json: bool) -> Exit:
    """List tasks."""
    request = wire.ListHumanTasksRequest(
        execution_id=execution_id, assignee=assignee, mine=mine, open_only=not everything, page_size=_PAGE
    )
    async with connected_to_human_tasks(address()) as stub:
        found = list((await stub.ListHumanTasks(request, timeout=TIMEOUT)).tasks)
    if as_json:
        print_json({"tasks": [_object(task) for task in found]})
        return Exit.OK
    rows = [
        (task.task_id, _status(task), task.title, ", ".join(task.assignees), local_time(task.created_at))
        for task in found
    ]
    table(("ID", "STATUS", "TITLE", "ASSIGNEES", "SINCE"), rows)
    return Exit.OK


async def show(task_id: str, as_json: bool) -> Exit:
    """Show one."""
    async with connected_to_human_tasks(address()) as stub:
        task = (await stub.GetHumanTask(wire.GetHumanTaskRequest(task_id=task_id), timeout=TIMEOUT)).task
    _print(task, as_json)
    return Exit.OK


async def answer(task_id: str, decision: str, user: str, comment: str, given: str, as_json: bool) -> Exit:
    """Answer one."""
    filled = read_input(given) if given else ""
    request = wire.AnswerHumanTaskRequest(
        task_id=task_id, decision=decision, user_id=user, comment=comment, fields_json=filled
    )
    async with connected_to_human_tasks(address()) as stub:
        task = (await stub.AnswerHumanTask(request, timeout=TIMEOUT)).task
    _print(task, as_json)
    return Exit.OK


async def reassign(task_id: str, assignees: list[str], reason: str, as_json: bool) -> Exit:
    """Give one to others."""
    request = wire.ReassignHumanTaskRequest(task_id=task_id, assignees=assignees, reason=reason)
    async with connected_to_human_tasks(address()) as stub:
        task = (await stub.ReassignHumanTask(request, timeout=TIMEOUT)).task
    _print(task, as_json)
    return Exit.OK


async def comment(task_id: str, text: str, as_json: bool) -> Exit:
    """Add a remark to one."""
    request = wire.CommentHumanTaskRequest(task_id=task_id, comment=text)
    async with connected_to_human_tasks(address()) as stub:
        task = (await stub.CommentHumanTask(request, timeout=TIMEOUT)).task
    _print(task, as_json)
    return Exit.OK


def _print(task: wire.HumanTask, as_json: bool) -> None:
    if as_json:
        print_json(_object(task))
        return
    fields(
        [
            ("task", task.task_id),
            ("status", _status(task)),
            ("asks", task.title),
            ("execution", task.execution_id),
            ("node", task.node),
            ("channel", task.channel),
            ("options", ", ".join(task.options)),
            ("fields", ", ".join(field.name + ("*" if field.required else "") for field in task.fields)),
            ("assignees", ", ".join(task.assignees)),
            ("deadline", local_time(task.deadline) if task.HasField("deadline") else ""),
            ("decision", task.decision),
            ("by", task.answered_by),
            ("comment", task.comment),
        ]
    )
    if task.message:
        print(task.message)
    if task.subject_json:
        print(pretty(exact_json.loads(task.subject_json)))
    if task.events:
        rows = [(local_time(one.at), one.kind, one.by, one.channel, one.text) for one in task.events]
        table(("AT", "WHAT", "BY", "CHANNEL", "TEXT"), rows)


def _status(task: wire.HumanTask) -> str:
    return wire.HumanTaskStatus.Name(task.status).removeprefix("TASK_")


def _object(task: wire.HumanTask) -> dict[str, object]:
    shown: dict[str, object] = json_format.MessageToDict(task, preserving_proto_field_name=True)
    if task.subject_json:
        shown["subject"] = exact_json.loads(shown.pop("subject_json"))  # type: ignore[arg-type]
    return shown
