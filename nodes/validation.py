"""Validates a workflow whole: by the rules, and its expressions and code by the engines that will run them."""

from collections.abc import Iterator

from nodes.expression.expressions import Expressions
from nodes.factory import Catalogue
from nodes.sandbox.sandbox import Sandbox
from orchestrator import expression, validation
from orchestrator.compiler import templates
from orchestrator.errors import Problem
from orchestrator.model import Node, NodeType, Workflow


async def validate(
    workflow: Workflow, catalogue: Catalogue, expressions: Expressions, sandbox: Sandbox
) -> list[Problem]:
    """Everything that is wrong; nothing of the workflow is run."""
    problems = validation.validate(workflow, catalogue)
    problems += await _expression_problems(workflow, catalogue, expressions)
    problems += await _code_problems(workflow, sandbox)
    return problems


async def _expression_problems(workflow: Workflow, catalogue: Catalogue, expressions: Expressions) -> list[Problem]:
    found = [
        (node, path, part.source)
        for node in workflow.nodes
        for path, text in templates(node, catalogue.literal(node))
        for part in _parts(text)
        if part.path is None
    ]
    if not found:
        return []
    errors = await expressions.check([source for _, _, source in found])
    return [
        Problem("EXPRESSION_SYNTAX", f"parameters.{path} of {node.name!r}: {error}", node.name, f"parameters.{path}")
        for (node, path, _), error in zip(found, errors, strict=True)
        if error
    ]


def _parts(text: str) -> Iterator[expression.Expression]:
    try:
        yield from expression.parse(text).expressions
    except expression.TemplateError:
        return


async def _code_problems(workflow: Workflow, sandbox: Sandbox) -> list[Problem]:
    problems = []
    for node in workflow.nodes:
        if node.type is NodeType.ACTION_NODE and node.subtype == "RUN_CODE":
            error = await _code_error(node, sandbox)
            if error:
                message = f"the code of {node.name!r}: {error}"
                problems.append(Problem("CODE_SYNTAX", message, node.name, "parameters.code"))
    return problems


async def _code_error(node: Node, sandbox: Sandbox) -> str | None:
    code, language = node.parameters.get("code"), node.parameters.get("language", "python")
    if not isinstance(code, str) or language not in ("python", "javascript"):
        return None
    names = ["item", "index"] if node.parameters.get("mode") == "each_item" else ["items"]
    return await sandbox.check(language, code, names)
