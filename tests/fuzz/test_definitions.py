"""Whatever is sent as a definition is either read, or refused with problems that say where and why."""

import json

from hypothesis import given
from hypothesis import strategies as st

from nodes.factory import get_node_executor_factory
from orchestrator import definition, validation
from orchestrator.compiler import compile_plan
from orchestrator.errors import DefinitionError, Problem, Severity
from orchestrator.model import Workflow
from tests.fuzz.mutation import EXAMPLES, HOSTILE, bent, fuzzed

CATALOGUE = get_node_executor_factory().catalogue


def refused(problems: list[Problem]) -> None:
    """A refusal says why."""
    assert problems
    typed(problems)


def typed(problems: list[Problem]) -> None:
    """Every problem has a code and says something."""
    assert all(problem.code and problem.code.isupper() and problem.message for problem in problems)


def examine(data: object) -> None:
    try:
        workflow = definition.read(data)
    except DefinitionError as error:
        refused(error.problems)
        return
    check(workflow)


def check(workflow: Workflow) -> None:
    problems = validation.validate(workflow, CATALOGUE)
    typed(problems)
    if not any(problem.severity is Severity.ERROR for problem in problems):
        plan = compile_plan(workflow, CATALOGUE)
        assert len(plan.nodes) == len(workflow.nodes)
    assert definition.read(definition.dump(workflow)) == workflow


@fuzzed
@given(bent())
def test_bent_examples(data: object) -> None:
    examine(data)


@fuzzed
@given(HOSTILE)
def test_any_json(data: object) -> None:
    examine(data)


@fuzzed
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200)))
def test_any_text(text: str | bytes) -> None:
    try:
        check(definition.read_json(text))
    except DefinitionError as error:
        refused(error.problems)


@fuzzed
@given(st.sampled_from(EXAMPLES), st.integers(0, 10_000), st.binary(min_size=1, max_size=4))
def test_damaged_text(example: object, place: int, damage: bytes) -> None:
    text = json.dumps(example).encode()
    at = place % len(text)
    try:
        check(definition.read_json(text[:at] + damage + text[at + len(damage) :]))
    except DefinitionError as error:
        refused(error.problems)
