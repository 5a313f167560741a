"""`orchestrator eval`: runs a workflow over cases, and reports how many pass."""

import asyncio
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workflow_engine.v1 import execution_pb2, workflow_pb2

from nodes.errors import NodeError
from nodes.expression.expressions import Expressions
from nodes.expression.scope import Scope
from orchestrator import exact_json
from orchestrator.definition import read
from services.cli.console import table
from services.cli.dataset import Case, Check, Dataset, Judge, read_dataset
from services.cli.failure import Exit, plain, print_json
from services.cli.progress import watch
from services.cli.reading import read_workflow
from services.cli.run import server_for, start, store
from services.cli.server import TIMEOUT
from services.cli.wire import to_wire

if TYPE_CHECKING:
    from workflow_engine.v1.workflow_service_pb2_grpc import WorkflowServiceAsyncStub as Stub

_VERDICT = {
    "type": "object",
    "properties": {"pass": {"type": "boolean"}, "reason": {"type": "string"}},
    "required": ["pass", "reason"],
    "additionalProperties": False,
}


@dataclass
class Verdict:
    """What came of one case: everything that didn't hold, and the run."""

    name: str
    failures: list[str] = field(default_factory=list)
    execution_id: str = ""


async def evaluate(file: Path, at_once: int, as_json: bool) -> Exit:
    """The whole command."""
    dataset = read_dataset(file)
    workflow = read_workflow(file.parent / dataset.workflow)
    expressions = Expressions(processes=1)
    lanes = asyncio.Semaphore(at_once)
    try:
        async with server_for(workflow) as stub:
            stored = await store(stub, to_wire(workflow))
            judging = await store(stub, _judge_workflow(dataset.judge)) if dataset.judge else None
            evaluation = _Evaluation(stub, dataset, stored, judging, expressions)

            async def one(place: int, case: Case) -> Verdict:
                async with lanes:
                    return await evaluation.run(place, case)

            verdicts = await asyncio.gather(*(one(place, case) for place, case in enumerate(dataset.cases, 1)))
    finally:
        await expressions.close()
    return _report(dataset, verdicts, as_json)


@dataclass
class _Evaluation:
    stub: "Stub"
    dataset: Dataset
    workflow: workflow_pb2.Workflow
    judging: workflow_pb2.Workflow | None
    expressions: Expressions

    async def run(self, place: int, case: Case) -> Verdict:
        """One case."""
        verdict = Verdict(case.name or f"case {place}")
        ended = await self._ended(self.workflow, self.dataset.trigger, case.input)
        verdict.execution_id = ended.execution_id
        if ended.status != execution_pb2.COMPLETED:
            verdict.failures.append(f"the run failed: {ended.error.message or 'it did not complete'}")
            return verdict
        result = exact_json.loads(ended.output_json or "{}")
        for check in case.checks:
            failure = await self._failure(check, case, result)
            if failure:
                verdict.failures.append(failure)
        return verdict

    async def _failure(self, check: Check, case: Case, result: Any) -> str:
        """Why a check doesn't hold; empty if it does."""
        if check.judge:
            return await self._judged(check.judge, case, result)
        source = check.expression or (f"$json.{check.path}" if check.path else "$json")
        scope = Scope(items=[{"json": result}], now=datetime.now(UTC))
        text = source if "{{" in source else "{{ " + source + " }}"
        (found,) = await self.expressions.resolve(text, scope, [0])
        if isinstance(found, NodeError):
            return f"{source}: {found.message}"
        if check.expression:
            return "" if found is True else f"{source} gave {_short(found)}"
        if check.is_exact:
            return "" if found == check.equals else f"{check.path or 'the result'} is {_short(found)}"
        text_there = found if isinstance(found, str) else exact_json.dumps(found)
        return "" if (check.contains or "") in text_there else f"{check.path or 'the result'} is {_short(found)}"

    async def _judged(self, criteria: str, case: Case, result: Any) -> str:
        assert self.judging is not None, "the dataset was checked"
        given = {"criteria": criteria, "input": case.input, "result": result}
        ended = await self._ended(self.judging, "", given)
        if ended.status != execution_pb2.COMPLETED:
            return f"the judge failed: {ended.error.message}"
        (said,) = exact_json.loads(ended.output_json)["Judge"]
        return "" if said["pass"] else f"the judge says: {said['reason']}"

    async def _ended(self, workflow: workflow_pb2.Workflow, trigger: str, given: Any) -> execution_pb2.Execution:
        request = execution_pb2.ExecuteWorkflowRequest(
            workflow_id=workflow.id,
            version=workflow.version,
            mode=execution_pb2.MANUAL,
            input=execution_pb2.Items(json=exact_json.dumps(given)),
            trigger=trigger,
            request_id=str(uuid.uuid4()),
        )
        started = await start(self.stub, request)
        async for _ in watch(self.stub, started.execution_id):
            pass
        found = await self.stub.GetExecution(
            execution_pb2.GetExecutionRequest(execution_id=started.execution_id), timeout=TIMEOUT
        )
        execution: execution_pb2.Execution = found.execution
        return execution


def _judge_workflow(judge: Judge) -> workflow_pb2.Workflow:
    """An agent that decides whether a result meets criteria."""
    agent: dict[str, Any] = {
        "id": "judge",
        "name": "Judge",
        "type": "AI_AGENT_NODE",
        "subtype": "ROUTER_AGENT",
        "parameters": {
            "model_provider": judge.model_provider,
            "model_name": judge.model_name,
            "base_url": judge.base_url,
            "temperature": 0,
            "system_prompt": "You judge whether the `result` that a workflow gave for an `input` meets the `criteria`.",
            "prompt": "{{ JSON.stringify($json) }}",
            "output_schema": _VERDICT,
        },
    }
    if judge.credential:
        agent["credentials"] = {"auth": judge.credential}
    begin = {"id": "start", "name": "Start", "type": "TRIGGER_NODE", "subtype": "MANUAL"}
    arrow = {"connection_types": {"main": {"connections": [{"node": "Judge", "type": "MAIN"}]}}}
    written = {"name": "judge", "nodes": [begin, agent], "connections": {"connections": {"Start": arrow}}}
    return to_wire(read(written))


def _report(dataset: Dataset, verdicts: Sequence[Verdict], as_json: bool) -> Exit:
    passed = sum(not verdict.failures for verdict in verdicts)
    rate = passed / len(verdicts)
    if as_json:
        shown = [
            {"name": v.name, "passed": not v.failures, "failures": v.failures, "execution_id": v.execution_id}
            for v in verdicts
        ]
        print_json({"passed": passed, "cases": len(verdicts), "rate": rate, "results": shown})
    else:
        rows = [
            (plain(v.name), "FAILED" if v.failures else "PASSED", plain("; ".join(v.failures))[:200], v.execution_id)
            for v in verdicts
        ]
        table(("CASE", "RESULT", "WHY", "EXECUTION"), rows)
        print(f"{passed} of {len(verdicts)} cases passed ({rate:.0%}); {dataset.threshold:.0%} are needed")
    return Exit.OK if rate >= dataset.threshold else Exit.FAILED


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 120 else f"{text[:120]}…"
