"""Picks the way that an item takes, or answers it itself, with tools and other agents if need be."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from nodes.ai_agent.agent import LIMIT_PORT, Agent, cited, invalid, item_of, limit_port, wanted_schema
from nodes.ai_agent.parameters import AgentParameters
from nodes.base import NodeExecutionContext, Output, Parameters
from nodes.equipment import Document
from nodes.parameters import STRUCTURAL, WRITTEN_OUT, misuse
from nodes.values import listed, shown
from orchestrator.plan import ERROR_PORT, Ports

MOST_ROUTES = 100


class Route(Parameters):
    """A way out."""

    name: Annotated[str, STRUCTURAL] = Field(min_length=1, max_length=128, description="The name of the output port.")
    description: str = Field(default="", max_length=10_000, description="Which items belong there.")


class RouterAgentParameters(AgentParameters):
    """Parameters of ROUTER_AGENT."""

    routes: Annotated[list[Route] | None, WRITTEN_OUT] = Field(
        default=None,
        max_length=MOST_ROUTES,
        description="The ways to choose among, each an output port; without any the agent's answer is emitted.",
    )

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        names = [route.name for route in self.routes or ()]
        for position, name in enumerate(names):
            if name in (ERROR_PORT, LIMIT_PORT):
                raise misuse(f'has a route called "{name}", which is the name of a port that agents have')
            if name in names[:position]:
                raise misuse(f'has two routes called "{name[:60]}"; each needs a name of its own')
        return self


class RouterAgent(Agent[RouterAgentParameters]):
    """With `routes`, the item leaves by one of them, with `route {name, reason}`; without, the answer is emitted."""

    subtype = "ROUTER_AGENT"
    model = RouterAgentParameters

    def ports(self, parameters: Mapping[str, Any]) -> Ports:
        """One input; an output for each route, or `main` if there is none; with `on_limit: output` also `limit`."""
        names = tuple(_names(parameters)) or ("main",)
        return Ports(self.effect, queue=self.queue, outputs=(*names, *limit_port(parameters)))

    def instructions(self, context: NodeExecutionContext[RouterAgentParameters]) -> str:
        """The routes."""
        routes = context.parameters.routes
        if not routes:
            return ""
        lines = [f"- {route.name}{f': {route.description}' if route.description else ''}" for route in routes]
        return "\n".join(
            ["Choose the route that fits the user's message best, and say briefly why. The routes are:", *lines]
        )

    def own_schema(self, context: NodeExecutionContext[RouterAgentParameters]) -> dict[str, Any] | None:
        """A route and the reason for it."""
        routes = context.parameters.routes
        if not routes:
            return None
        return {
            "type": "object",
            "properties": {
                "route": {"type": "string", "enum": [route.name for route in routes]},
                "reason": {"type": "string", "description": "One sentence."},
            },
            "required": ["route", "reason"],
            "additionalProperties": False,
        }

    def close(
        self, context: NodeExecutionContext[RouterAgentParameters], answer: Any, sources: Sequence[Document]
    ) -> Output:
        """The item on its route, or the answer."""
        names = [route.name for route in context.parameters.routes or ()]
        if not names:
            return Output({"main": [item_of(answer, sources)]})
        chosen = answer.get("route") if isinstance(answer, dict) else None
        if not isinstance(chosen, str) or chosen not in names:
            demanded = " (the schema that the author gave leaves it out)" if wanted_schema(context) else ""
            raise invalid(f'"route" is {shown(chosen)}{demanded}; it must be one of {listed(names, MOST_ROUTES)}')
        rest = {name: value for name, value in answer.items() if name != "route"}
        item = context.item
        fields = {**item["json"], "route": {"name": chosen, **rest, **cited(sources)}}
        return Output({chosen: [{**item, "json": fields}]})


def _names(parameters: Mapping[str, Any]) -> Iterator[str]:
    routes = parameters.get("routes")
    seen = {ERROR_PORT, LIMIT_PORT}
    for route in routes if isinstance(routes, list) else ():
        name = route.get("name") if isinstance(route, dict) else None
        if isinstance(name, str) and name and name not in seen:
            seen.add(name)
            yield name
