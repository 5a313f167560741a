"""`orchestrator validate`: checks a workflow on this machine, without a server."""

from pathlib import Path

from nodes import validation
from nodes.expression.expressions import Expressions
from nodes.factory import get_node_executor_factory
from nodes.sandbox.sandbox import Sandbox
from orchestrator.errors import Problem, Severity
from orchestrator.model import Workflow
from services.cli.failure import Exit, counted, invalid, plain, print_json, print_problems, problem_object
from services.cli.reading import read_workflow


async def validate(file: Path, as_json: bool) -> Exit:
    """The whole command."""
    workflow = read_workflow(file)
    problems = await find_problems(workflow)
    if any(problem.severity == Severity.ERROR for problem in problems):
        raise invalid(problems)
    if as_json:
        shown = [problem_object(problem) for problem in problems]
        print_json({"status": "VALID", "problems": shown})
    else:
        print(f"VALID: {plain(workflow.name)}, {len(workflow.nodes)} nodes, {counted(problems)}")
        print_problems(problems)
    return Exit.OK


async def find_problems(workflow: Workflow) -> list[Problem]:
    """All that is wrong with a definition, by the rules, the expression engine and the languages of its code."""
    expressions, sandbox = Expressions(processes=1), Sandbox(processes=1)
    try:
        catalogue = get_node_executor_factory().catalogue
        return await validation.validate(workflow, catalogue, expressions, sandbox)
    finally:
        await expressions.close()
        await sandbox.close()
