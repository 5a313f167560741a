"""No module that the workflow imports asks a clock, chance or the environment, or iterates a set.

Temporal's sandbox and replays don't see such calls in modules that are passed through, so the source is read here.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("orchestrator", "temporal")
ENTRY_POINTS = ("temporal.workflow", "temporal.children")
# A module that isn't to be imported at all, or names of it that aren't to be used.
FORBIDDEN = {
    "random": "use workflow.random()",
    "secrets": "use workflow.random()",
    "uuid": "use workflow.uuid4()",
    "time": "use workflow.now()",
    "os": "the environment differs from worker to worker; pass it in",
    "threading": "threads run in no fixed order",
    "datetime.datetime.now": "use workflow.now()",
    "datetime.datetime.utcnow": "use workflow.now()",
    "datetime.datetime.today": "use workflow.now()",
    "datetime.date.today": "use workflow.now()",
}
# Builtins whose value differs from process to process.
BUILTINS = {"hash": "the hashes of texts differ by PYTHONHASHSEED", "id": "addresses differ", "input": "it waits"}
# Calls that show a set's order; sorted, len, min and the like don't.
ORDERING = {
    "list",
    "tuple",
    "iter",
    "next",
    "enumerate",
    "zip",
    "map",
    "filter",
    "reversed",
    "join",
    "fromkeys",
    "extend",
}
SET_METHODS = {"union", "intersection", "difference", "symmetric_difference"}


def _file(module: str) -> Path | None:
    path = ROOT.joinpath(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def workflow_modules() -> list[str]:
    """The modules of ours that the workflow imports, directly or through others."""
    found: list[str] = []
    todo = list(ENTRY_POINTS)
    while todo:
        module = todo.pop()
        file = _file(module)
        if module in found or file is None or module.split(".")[0] not in PACKAGES:
            continue
        found.append(module)
        todo += _imports(ast.parse(file.read_text(encoding="utf-8")))
    return sorted(found)


class _Reader(ast.NodeVisitor):
    """Collects what isn't deterministic in one module."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.sets: list[set[str]] = [set()]
        self.found: list[str] = []

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.names[alias.asname or alias.name.split(".")[0]] = alias.name
            self._forbid(alias.name, node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            self.names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
            self._forbid(f"{node.module}.{alias.name}", node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._forbid(self._dotted(node), node)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if isinstance(node.func, ast.Name) and name in BUILTINS and name not in self.names:
            self._add(node, f"calls {name}(): {BUILTINS[name]}")
        if name in ORDERING:
            for argument in node.args:
                self._iterates(argument, f"{name}()")
        if name == "pop" and isinstance(node.func, ast.Attribute) and self._is_set(node.func.value):
            self._add(node, "pops from a set, which has no fixed order")
        self.generic_visit(node)

    def visit_For(self, node: ast.For) -> None:
        self._iterates(node.iter, "for")
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        self._iterates(node.iter, "a comprehension")
        self.generic_visit(node)

    def visit_Starred(self, node: ast.Starred) -> None:
        self._iterates(node.value, "*")
        self.generic_visit(node)

    def visit_YieldFrom(self, node: ast.YieldFrom) -> None:
        self._iterates(node.value, "yield from")
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._assign(target, node.value)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        base = node.annotation.value if isinstance(node.annotation, ast.Subscript) else node.annotation
        if isinstance(node.target, ast.Name) and isinstance(base, ast.Name) and base.id in ("set", "frozenset"):
            self.sets[-1].add(node.target.id)
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        given = {argument.arg for argument in arguments if _is_set_type(argument.annotation)}
        self.sets.append((self.sets[-1] - {argument.arg for argument in arguments}) | given)
        self.generic_visit(node)
        self.sets.pop()

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            (self.sets[-1].add if self._is_set(value) else self.sets[-1].discard)(target.id)

    def _iterates(self, node: ast.expr, how: str) -> None:
        # Within sorted(…) and the like the order doesn't show; those are calls of their own and aren't asked here.
        if self._is_set(node):
            self._add(node, f"{how} goes over a set, which has no fixed order: sort it, or use dict.fromkeys")

    def _is_set(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Set | ast.SetComp):
            return True
        if isinstance(node, ast.Name):
            return node.id in self.sets[-1]
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr | ast.BitAnd | ast.Sub | ast.BitXor):
            return self._is_set(node.left) or self._is_set(node.right) or _is_keys(node.left)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return node.func.id in ("set", "frozenset")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            return node.func.attr in SET_METHODS and self._is_set(node.func.value)
        return False

    def _dotted(self, node: ast.expr) -> str:
        if isinstance(node, ast.Attribute):
            return f"{self._dotted(node.value)}.{node.attr}"
        return self.names.get(node.id, "") if isinstance(node, ast.Name) else ""

    def _forbid(self, name: str, node: ast.AST) -> None:
        parts = name.split(".")
        for length in range(1, len(parts) + 1):
            reason = FORBIDDEN.get(".".join(parts[:length]))
            if reason:
                self._add(node, f"uses {name}: {reason}")
                return

    def _add(self, node: ast.AST, message: str) -> None:
        self.found.append(f"line {getattr(node, 'lineno', 0)} {message}")


def _is_set_type(annotation: ast.expr | None) -> bool:
    base = annotation.value if isinstance(annotation, ast.Subscript) else annotation
    return isinstance(base, ast.Name) and base.id in ("set", "frozenset", "AbstractSet")


def _is_keys(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("keys", "items")


def indeterminate(source: str) -> list[str]:
    """What in a module's source may come out differently when it runs again."""
    reader = _Reader()
    reader.visit(ast.parse(source))
    return reader.found


def test_the_workflow_imports_the_interpreter() -> None:
    modules = workflow_modules()
    assert {"temporal.workflow", "temporal.children", "orchestrator.interpreter", "orchestrator.loops"} <= set(modules)
    assert all(module.split(".")[0] in PACKAGES for module in modules)


@pytest.mark.parametrize("module", workflow_modules())
def test_what_the_workflow_imports_comes_out_the_same_again(module: str) -> None:
    file = _file(module)
    assert file is not None
    found = indeterminate(file.read_text(encoding="utf-8"))
    assert not found, f"{file.relative_to(ROOT)} isn't deterministic:\n" + "\n".join(found)


@pytest.mark.parametrize(
    "source",
    [
        "from datetime import datetime\nx = datetime.now()",
        "import datetime\nx = datetime.datetime.utcnow()",
        "from datetime import date\nx = date.today()",
        "import time\nx = time.time()",
        "from time import monotonic",
        "import random",
        "from random import choice as c",
        "from uuid import uuid4",
        "import uuid as u",
        "import os\nx = os.environ['A']",
        "from os import environ",
        "x = hash('a')",
        "for x in {1, 2}: pass",
        "x = list({1, 2})",
        "x = [y for y in set(z)]",
        "x = [y for y in frozenset(z)]",
        "s = {1}\nfor x in s: pass",
        "s = set()\nx = tuple(s)",
        "def f(s: set[str]):\n    for x in s: pass",
        "def f(s: frozenset[str]):\n    return [*s]",
        "s: set[str] = g()\nx = ', '.join(s)",
        "for x in {1} | y: pass",
        "for x in a.keys() - b: pass",
        "x = dict.fromkeys({1})",
        "x = {1}.union(y)\nfor z in x: pass",
        "s = {1}\ns.pop()",
    ],
)
def test_the_check_sees(source: str) -> None:
    assert indeterminate(source), source


@pytest.mark.parametrize(
    "source",
    [
        "x = sorted({1, 2})",
        "s = {1}\nx = 1 in s",
        "s = {1}\nx = sorted(s)",
        "for x in dict.fromkeys([1]): pass",
        "from datetime import datetime, UTC\nx = datetime.fromtimestamp(0, UTC)",
        "from temporalio import workflow\nx = workflow.now()",
        "s = {1}\ns = [1]\nfor x in s: pass",
        "x = len({1}) + max({2})",
    ],
)
def test_the_check_lets_pass(source: str) -> None:
    assert indeterminate(source) == []
