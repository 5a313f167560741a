"""Breaks a request into tasks that can be done one after the other, or side by side."""

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from nodes.ai_agent.agent import Agent, cited, invalid, require
from nodes.ai_agent.parameters import AgentParameters
from nodes.base import NodeExecutionContext, Output
from nodes.equipment import Document
from nodes.values import shown

_TASK = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "minLength": 1, "description": "Short, and different for each task."},
        "description": {"type": "string", "description": "What is to be done, and when it is done."},
        "depends_on": {"type": "array", "items": {"type": "string"}, "description": "Titles of tasks that come first."},
        "priority": {"type": "string", "enum": ["low", "medium", "high"]},
        "estimate": {"type": "string", "description": "How long it takes, such as 2h or 3d."},
    },
    "required": ["title", "description", "depends_on", "priority", "estimate"],
}
# The same for the model, which some providers want to be told that there is nothing else.
_CLOSED_TASK = {**_TASK, "additionalProperties": False}


class TaskAnalyzerParameters(AgentParameters):
    """Parameters of TASK_ANALYZER."""


class TaskAnalyzer(Agent[TaskAnalyzerParameters]):
    """Emits `{tasks: [{title, description, depends_on, priority, estimate}]}`, without circles."""

    subtype = "TASK_ANALYZER"
    model = TaskAnalyzerParameters

    def instructions(self, context: NodeExecutionContext[TaskAnalyzerParameters]) -> str:
        """How to break a request down."""
        return (
            "Break the user's request into tasks. Each has a title of its own, says what is to be done, and names in "
            "depends_on the titles of the tasks that must be done before it. Tasks never depend on each other in a "
            "circle. Carry out none of them."
        )

    def own_schema(self, context: NodeExecutionContext[TaskAnalyzerParameters]) -> dict[str, Any] | None:
        """A list of tasks."""
        return _list_of(_CLOSED_TASK, additionalProperties=False)

    def close(
        self, context: NodeExecutionContext[TaskAnalyzerParameters], answer: Any, sources: Sequence[Document]
    ) -> Output:
        """The tasks, if what they depend on is there."""
        require(_list_of(_TASK), answer)
        _check_dependencies(answer["tasks"])
        return Output({"main": [{"json": {**answer, **cited(sources)}}]})


def _list_of(task: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    tasks = {"type": "array", "items": dict(task)}
    return {"type": "object", "properties": {"tasks": tasks}, "required": ["tasks"], **more}


def _check_dependencies(tasks: Sequence[Mapping[str, Any]]) -> None:
    places: dict[str, int] = {}
    for place, task in enumerate(tasks):
        for name in {task["title"], task.get("id")} - {None}:
            if not isinstance(name, str):
                continue
            if places.setdefault(name, place) != place:
                raise invalid(f"tasks[{places[name]}] and tasks[{place}] are both called {shown(name)}")
    before: dict[int, list[int]] = {}
    for place, task in enumerate(tasks):
        for name in task["depends_on"]:
            if name not in places:
                raise invalid(f"tasks[{place}] depends on {shown(name)}, which is the title of no task")
            before.setdefault(place, []).append(places[name])
    try:
        TopologicalSorter(before).prepare()
    except CycleError as error:
        circle = " → ".join(f'"{tasks[place]["title"][:60]}"' for place in error.args[1][::-1])
        raise invalid(f"tasks depend on each other in a circle: {circle}") from None
