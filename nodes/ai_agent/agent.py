"""What an AI agent is: how it begins, which models it may ask, where it must stop, and what it makes of an answer."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Generic, Literal, TypeVar

from nodes.ai_agent import prompt
from nodes.ai_agent.parameters import AgentParameters
from nodes.ai_agent.pictures import pictures_of
from nodes.ai_agent.sources import sources_for
from nodes.base import Item, NodeExecutionContext, NodeExecutor, Output, PermanentError
from nodes.credentials.credential import CredentialSlot
from nodes.equipment import Document, ModelChoice, served_by
from nodes.json_schema import Schema
from nodes.models.chat import Message
from nodes.models.credentials import ANTHROPIC_API_KEY, OPENAI_API_KEY
from orchestrator.commands import Converse
from orchestrator.model import ConnectionType, NodeType
from orchestrator.plan import Effect, Ports

LIMIT_PORT = "limit"
INVALID_ANSWER = "INVALID_ANSWER"
MOST_SESSION_BYTES = 512


@dataclass(frozen=True)
class Opening:
    """How a conversation begins: `messages` are what is recalled, what there is to read, and the prompt.

    `schema` is what the answer must satisfy, None for free text. `sources` are what was retrieved, numbered as in
    the messages.
    """

    system: str
    messages: tuple[Message, ...]
    schema: dict[str, Any] | None = None
    sources: tuple[Document, ...] = ()


@dataclass(frozen=True)
class Limits:
    """Where an agent must stop: `max_tokens`, cost and time count all its turns together."""

    max_turns: int
    max_tokens: int | None = None
    max_cost_usd: float | None = None
    max_seconds: float | None = None
    on_limit: Literal["error", "output"] = "error"


P = TypeVar("P", bound=AgentParameters)


class Agent(NodeExecutor[P], ABC, Generic[P]):
    """Works turn by turn: the workflow asks its model and answers its calls, each in an activity of its own."""

    type = NodeType.AI_AGENT_NODE
    effect = Effect.CONTROL
    queue = "ai"
    per_item = False
    raw = frozenset({"require_approval"})
    credentials: ClassVar = {"auth": CredentialSlot((OPENAI_API_KEY, ANTHROPIC_API_KEY), required=False)}
    # Whether it works on one item after the other, or once on all of them.
    each_item: ClassVar[bool] = True

    def ports(self, parameters: Mapping[str, Any]) -> Ports:
        """One input, one output; with `on_limit: output` also `limit`."""
        return Ports(self.effect, queue=self.queue, outputs=("main", *limit_port(parameters)))

    def execute(self, context: NodeExecutionContext[P]) -> Converse:
        """Has the workflow converse, for each item or once."""
        return Converse(prompts=len(context.items) if self.each_item else 1)

    async def open(self, context: NodeExecutionContext[P]) -> Opening:
        """What the model is told before its first turn."""
        asked = self.prompt_of(context)
        data = self.data(context)
        sources = await sources_for(context, asked)
        first = self.first_source(context)
        messages = [*await self._recalled(context, asked), *data]
        if sources:
            messages.append(Message("user", prompt.numbered_sources(sources, first)))
        messages.append(Message("user", asked, pictures=await pictures_of(context)))
        prompt.check_size(messages)
        system = prompt.system(
            context.parameters.system_prompt, self.instructions(context), cites=bool(sources), now=context.now
        )
        return Opening(system, tuple(messages), self.schema(context), tuple(sources))

    @abstractmethod
    def close(self, context: NodeExecutionContext[P], answer: Any, sources: Sequence[Document]) -> Output:
        """What an answer comes to: JSON if there is a schema, else text.

        PermanentError with the code INVALID_ANSWER says what is wrong with it, so that the model tries again.
        """

    def instructions(self, context: NodeExecutionContext[P]) -> str:
        """What this kind of agent does."""
        return ""

    def own_schema(self, context: NodeExecutionContext[P]) -> dict[str, Any] | None:
        """The shape that this kind of agent's answers have; None if it leaves that to its author."""
        return None

    def data(self, context: NodeExecutionContext[P]) -> list[Message]:
        """What there is to read, apart from the prompt."""
        return []

    def first_source(self, context: NodeExecutionContext[P]) -> int:
        """The number of the first document that was retrieved."""
        return 1

    def prompt_of(self, context: NodeExecutionContext[P]) -> str:
        """What the agent is to do."""
        return context.parameters.prompt or prompt.of_item(context.item)

    def schema(self, context: NodeExecutionContext[P]) -> dict[str, Any] | None:
        """What the answer must satisfy: what the author says, else what this kind of agent answers."""
        return wanted_schema(context) or self.own_schema(context)

    def limits(self, context: NodeExecutionContext[P]) -> Limits:
        """Where it must stop."""
        given = context.parameters
        return Limits(given.max_turns, given.max_tokens, given.max_cost_usd, given.max_duration, given.on_limit)

    def choices(self, context: NodeExecutionContext[P]) -> list[tuple[ModelChoice, NodeExecutionContext[Any]]]:
        """The models to ask, each if those before it fail, with the context that opens its credential."""
        given = context.parameters
        models = served_by(context.equipment, ConnectionType.AI_LANGUAGE_MODEL)
        if models:
            return [(_with_defaults(model.choice(own), given), own) for model, own in models]
        if not given.model_name:
            raise PermanentError(
                "the agent has no model",
                code="NO_MODEL",
                hint='connect a LANGUAGE_MODEL to it as ai_language_model, or set "model_name"',
            )
        own_model = ModelChoice(given.model_provider, given.model_name, given.base_url)
        return [(_with_defaults(own_model, given), context)]

    def session(self, context: NodeExecutionContext[P]) -> str:
        """Which conversation its memory is about."""
        own = context.item["json"].get("session_id") or context.trigger.get("session_id")
        found = context.parameters.session or own
        session = str(found) if found and isinstance(found, str | int) else context.execution_id
        size = len(session.encode(errors="surrogatepass"))
        if size > MOST_SESSION_BYTES or "\x00" in session:
            raise PermanentError(
                f'the parameter "session" has {size:,} bytes; it must be a text of at most {MOST_SESSION_BYTES} bytes, '
                "without U+0000",
                code="INVALID_PARAMETER",
            )
        return session

    async def _recalled(self, context: NodeExecutionContext[P], asked: str) -> list[Message]:
        memories = served_by(context.equipment, ConnectionType.AI_MEMORY)
        if not memories:
            return []
        session = self.session(context)
        found = [message for memory, own in memories for message in await memory.recall(own, session, asked)]
        # A conversation begins with what a user says.
        while found and found[0].role == "assistant":
            found.pop(0)
        return found


def limit_port(parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """The name of the port for what reaches a limit, if there is one."""
    return (LIMIT_PORT,) if parameters.get("on_limit") == "output" else ()


def wanted_schema(context: NodeExecutionContext[Any]) -> dict[str, Any] | None:
    """The schema that the author demands of the answer."""
    parsers = served_by(context.equipment, ConnectionType.AI_OUTPUT_PARSER)
    if len(parsers) > 1:
        names = " and ".join(f'"{own.node.name}"' for _, own in parsers[:2])
        raise PermanentError(
            f"several output parsers are connected, such as {names}; an answer has one schema",
            code="INVALID_CONNECTION",
            hint="leave one",
        )
    if parsers:
        parser, own = parsers[0]
        return dict(parser.schema(own))
    found: dict[str, Any] | None = context.parameters.output_schema
    return found


def invalid(message: str) -> PermanentError:
    """What is wrong with an answer, in words that help the model to mend it."""
    return PermanentError(message, code=INVALID_ANSWER, hint="make the task clearer, or choose another model")


def require(schema: Mapping[str, Any], answer: Any) -> None:
    """INVALID_ANSWER unless the answer has a shape."""
    problems = Schema(schema).problems(answer, "answer")
    if problems:
        raise invalid("; ".join(problems))


def item_of(answer: Any, sources: Sequence[Document], first: int = 1) -> Item:
    """An answer as an item, with the sources that were given: an object as it is, anything else as `output`."""
    fields = answer if isinstance(answer, dict) else {"output": answer}
    return {"json": {**fields, **cited(sources, first)}} if "sources" not in fields else {"json": fields}


def cited(sources: Sequence[Document], first: int = 1) -> dict[str, Any]:
    """The field `sources`, if there are any."""
    return {"sources": prompt.shown_sources(sources, first)} if sources else {}


def _with_defaults(choice: ModelChoice, given: AgentParameters) -> ModelChoice:
    return replace(
        choice,
        temperature=given.temperature if choice.temperature is None else choice.temperature,
        max_tokens=given.max_answer_tokens if choice.max_tokens is None else choice.max_tokens,
    )
