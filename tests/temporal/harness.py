"""Runs workflows on a real Temporal server with the real activities, on ports kept in memory."""

import json
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle

from activities.activities import Activities
from activities.data import Data
from activities.ports import Definition
from nodes.credentials.credential import Credential, CredentialType
from nodes.errors import PermanentError
from nodes.expression.expressions import Expressions
from nodes.factory import load
from nodes.files.store import FileStore
from nodes.http.egress import Egress
from nodes.http.policy import EgressPolicy
from nodes.resources import Resources
from nodes.sandbox.sandbox import Sandbox
from orchestrator.compiler import compile_plan
from orchestrator.definition import read
from orchestrator.items import Items, Part
from orchestrator.messages import REVISION, RunResult
from orchestrator.start import RunStart
from orchestrator.validation import validate
from services.wiring import queues_of
from temporal.client import Runs
from temporal.worker import make_workers
from temporal.workflow import OrchestratorWorkflow
from tests.temporal.memory import (
    MemoryDefinitions,
    MemoryExecutions,
    MemoryPayloads,
    MemoryPeople,
    MemoryTranscripts,
    Recorded,
)

CATALOGUE = load()


class NoCredentials:
    """Opens none."""

    async def open(self, workspace: str, credential_id: str, types: tuple[CredentialType, ...]) -> Credential:
        """Refuses."""
        raise PermanentError("there are no credentials in this test", code="CREDENTIAL_NOT_FOUND")


def items(value: Any) -> Items:
    """A run's input."""
    given = value if isinstance(value, list) else [value]
    text = json.dumps([{"json": one} for one in given])
    return Items((Part(len(given), len(text), 0, text),))


@dataclass
class Engine:
    """A worker with everything it needs, and what it recorded."""

    client: Client
    definitions: MemoryDefinitions
    payloads: MemoryPayloads
    executions: MemoryExecutions
    resources: Resources
    task_queue: str
    people: MemoryPeople

    def define(self, definition: dict[str, Any]) -> Definition:
        """Keeps a workflow under its name."""
        workflow = read(definition)
        errors = [problem.message for problem in validate(workflow, CATALOGUE) if problem.severity == "ERROR"]
        assert not errors, errors
        made = Definition(workflow.name, workflow.name, 1, workflow, compile_plan(workflow, CATALOGUE))
        self.definitions.by_id[workflow.name] = made
        return made

    async def start(
        self, definition: dict[str, Any], value: Any = None, *, revision: int = REVISION, **start: Any
    ) -> WorkflowHandle[Any, RunResult]:
        """Starts a run at the first trigger."""
        made = self.define(definition)
        begin = next(node.name for node in made.plan.nodes if node.inputs == 0)
        given: dict[str, Any] = {"mode": "MANUAL", "begin": begin, "use_pinned": True, "plan": made.plan, **start}
        execution_id = str(uuid.uuid4())
        name = made.workflow.name
        run = RunStart(execution_id, name, name, name, 1, input=items({} if value is None else value), **given)
        await Runs(self.client, self.task_queue).start(run, revision)
        return self.client.get_workflow_handle_for(OrchestratorWorkflow.run, execution_id)

    async def run(self, definition: dict[str, Any], value: Any = None, **start: Any) -> dict[str, list[Any]]:
        """The result of a run: the JSON of the items by node."""
        return await self.result(await self.start(definition, value, **start))

    async def result(self, handle: WorkflowHandle[Any, RunResult]) -> dict[str, list[Any]]:
        """The result of a run that was started."""
        result = await handle.result()
        data = Data(self.payloads)
        return {name: [item["json"] for item in await data.load(found)] for name, found in result.outputs.items()}

    async def failure(self, handle: WorkflowHandle[Any, RunResult]) -> BaseException | None:
        """Why a run failed."""
        try:
            await handle.result()
        except WorkflowFailureError as error:
            return error.cause
        return None

    def recorded(self, handle: WorkflowHandle[Any, Any]) -> Recorded:
        """What was recorded of a run."""
        return self.executions.of(handle.id)


@asynccontextmanager
async def engine(client: Client, task_queue: str, *more: Callable[..., Any], **limits: Any) -> AsyncIterator[Engine]:
    """An engine that works until it is left; `more` activities than its own, and limits as make_worker has them."""
    definitions = MemoryDefinitions()
    executions = MemoryExecutions(definitions)
    payloads = MemoryPayloads()
    async with AsyncExitStack() as running:
        folder = running.enter_context(tempfile.TemporaryDirectory())
        egress = Egress(EgressPolicy.parse("127.0.0.0/8"))
        resources = Resources(egress, Sandbox(), Expressions(), FileStore(folder), NoCredentials())
        resources.resume_url = "https://engine.example/webhook/wait/{}".format
        running.push_async_callback(resources.close)
        transcripts, people = MemoryTranscripts(), MemoryPeople()
        activities = Activities(definitions, payloads, executions, CATALOGUE, resources, transcripts, people)
        queues = queues_of(CATALOGUE)
        for worker in make_workers(
            client, [*activities.all(), *more], activities.nodes(), queues, task_queue=task_queue, **limits
        ):
            await running.enter_async_context(worker)
        yield Engine(client, definitions, payloads, executions, resources, task_queue, people)
