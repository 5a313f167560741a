"""Validates a workflow whole: by the rules, and its expressions and code by the engines that will run them."""

from collections.abc import Iterator

from nodes.ai_agent import validation as equipping
from nodes.expression.expressions import Expressions
from nodes.factory import Catalogue
from nodes.sandbox.sandbox import Sandbox
from nodes.values import listed
from orchestrator import expression, validation
from orchestrator.compiler import templates
from orchestrator.errors import Problem, Severity
from orchestrator.model import Node, NodeType, Workflow


async def validate(
    workflow: Workflow, catalogue: Catalogue, expressions: Expressions, sandbox: Sandbox
) -> list[Problem]:
    """Everything that is wrong; nothing of the workflow is run."""
    problems = validation.validate(workflow, catalogue)
    problems += _credential_problems(workflow, catalogue)
    problems += _address_problems(workflow)
    problems += equipping.problems(workflow, catalogue.find)
    problems += await _expression_problems(workflow, catalogue, expressions)
    problems += await _code_problems(workflow, sandbox)
    return problems


def _credential_problems(workflow: Workflow, catalogue: Catalogue) -> Iterator[Problem]:
    for node in workflow.nodes:
        executor = catalogue.find(node)
        if executor is None:
            continue
        slots = executor.credentials
        for name in node.credentials:
            if name not in slots:
                there = listed(list(slots), 20) if slots else "none"
                message = f"{node.name!r} takes no credential {name[:60]!r}; its slots: {there}"
                yield Problem("UNKNOWN_CREDENTIAL_SLOT", message, node.name, f"credentials.{name}")
        for name, slot in slots.items():
            if slot.required and not node.credentials.get(name) and not node.disabled and node.pinned is None:
                kinds = " or ".join(kind.title for kind in slot.types)
                message = f"{node.name!r} has no credential {name!r} yet; it needs one to run: {kinds}"
                yield Problem("MISSING_CREDENTIAL", message, node.name, f"credentials.{name}", Severity.WARNING)


def _address_problems(workflow: Workflow) -> Iterator[Problem]:
    """Triggers that one address would call."""
    first: dict[tuple[str, str], str] = {}
    for node in workflow.nodes:
        path = node.parameters.get("path")
        if node.type is not NodeType.TRIGGER_NODE or node.disabled or not isinstance(path, str) or not path.strip("/ "):
            continue
        other = first.setdefault((node.subtype, path.strip().strip("/")), node.name)
        if other != node.name:
            message = f"{other!r} and {node.name!r} have the same path {path[:60]!r}; give one of them another"
            yield Problem("ADDRESS_TAKEN", message, node.name, "parameters.path")


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
