"""Sends each item out of the first port whose rule it meets, or out of `default`."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from nodes.base import NodeExecutionContext, NodeExecutor, Output, Parameters, PermanentError
from nodes.conditions import Conditional, compare, holds
from nodes.parameters import STRUCTURAL, WRITTEN_OUT, absent, misuse
from orchestrator.model import NodeType
from orchestrator.plan import ERROR_PORT, Effect, Ports

DEFAULT = "default"
MOST_RULES = 100
PortName = Annotated[str, STRUCTURAL]


class Rule(Conditional):
    """One port, and the condition that leads there."""

    name: PortName = Field(min_length=1, max_length=128, description="The name of the output port.")


class Case(Parameters):
    """One port, and the value that leads there."""

    name: PortName = Field(min_length=1, max_length=128, description="The name of the output port.")
    equals: Any = Field(description="The value that leads to this port.")


class SwitchParameters(Parameters):
    """Parameters of SWITCH."""

    rules: Annotated[list[Rule] | None, WRITTEN_OUT] = Field(
        default=None,
        min_length=1,
        max_length=MOST_RULES,
        description="Ports with their conditions, tried in order.",
    )
    value: Any = Field(default=None, description="A value to look up in cases; instead of rules.")
    cases: Annotated[list[Case] | None, WRITTEN_OUT] = Field(
        default=None,
        min_length=1,
        max_length=MOST_RULES,
        description="Ports with the value that leads there.",
    )
    all_matching: bool = Field(
        default=False, description="Send an item out of every port that fits, not only the first."
    )
    loose: bool = Field(default=False, description="Convert unlike values before comparing.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.rules is not None and (self.cases is not None or "value" in self.model_fields_set):
            raise misuse('has both "rules" and "value" with "cases"; give one of them')
        if self.rules is None and self.cases is None:
            raise absent("rules", 'give "rules", or "value" with "cases"')
        if self.cases is not None and "value" not in self.model_fields_set:
            raise absent("value", "the cases are compared with it")
        names = [entry.name for entry in self.rules or self.cases or ()]
        for position, name in enumerate(names):
            if name in (DEFAULT, ERROR_PORT):
                raise misuse(f'has a port called "{name}", which is the name of a port it has anyway')
            if name in names[:position]:
                raise misuse(f'has two ports called "{name[:60]}"; each needs a name of its own')
        return self


class Switch(NodeExecutor[SwitchParameters]):
    """Chooses among several ways; items pass unchanged."""

    type = NodeType.FLOW_NODE
    subtype = "SWITCH"
    model = SwitchParameters
    effect = Effect.PURE

    def ports(self, parameters: Mapping[str, Any]) -> Ports:
        """One input; an output for each rule or case, and `default`."""
        return Ports(self.effect, outputs=(*_names(parameters), DEFAULT))

    def execute(self, context: NodeExecutionContext[SwitchParameters]) -> Output:
        """Picks the ports of one item."""
        names = _matching(context.parameters)
        chosen = list(names) if context.parameters.all_matching else [next(names, DEFAULT)]
        return Output({name: [context.item] for name in chosen or [DEFAULT]})


def _matching(given: SwitchParameters) -> Iterator[str]:
    for position, rule in enumerate(given.rules or ()):
        try:
            if holds(rule.model_copy(update={"loose": True}) if given.loose else rule):
                yield rule.name
        except PermanentError as error:
            error.message = f"rules[{position}]: {error.message}"
            error.args = (error.message,)
            raise
    for position, case in enumerate(given.cases or ()):
        if compare("equals", given.value, case.equals, given.loose, f"cases[{position}]"):
            yield case.name


def _names(parameters: Mapping[str, Any]) -> Iterator[str]:
    entries = parameters.get("rules") or parameters.get("cases")
    seen = {DEFAULT}
    for entry in entries if isinstance(entries, list) else ():
        name = entry.get("name") if isinstance(entry, dict) else None
        if isinstance(name, str) and name and name not in seen:
            seen.add(name)
            yield name
