"""What every AI agent takes: its model, its task, its limits, and what a person must allow."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from nodes.base import Parameters
from nodes.json_schema import InvalidSchema, Schema
from nodes.parameters import STRUCTURAL, Duration, is_expression, misuse
from nodes.values import as_text, shown


def usable_schema(schema: dict[str, Any] | None) -> dict[str, Any] | None:
    """A JSON Schema as it is; misuse if it is none."""
    if schema is None:
        return None
    try:
        Schema(schema)
    except InvalidSchema as error:
        raise misuse(f"is no JSON Schema: {error}") from None
    return schema


def _condition(given: str) -> str:
    if given and not is_expression(given):
        raise misuse(f'is {shown(given)}; write one boolean expression, as in "{{{{ $json.amount > 100 }}}}"')
    return given


Text = Annotated[str | None, BeforeValidator(lambda given: None if given is None else as_text(given))]
JsonSchema = Annotated[dict[str, Any] | None, AfterValidator(usable_schema)]


class ApprovalRule(Parameters):
    """Calls that a person must allow first."""

    tool: str = Field(min_length=1, max_length=200, description="The tool's name, or `*` for all of them.")
    when: Annotated[str, AfterValidator(_condition)] = Field(
        default="",
        max_length=8192,
        description="One boolean expression; `$json` is the call's arguments. Without, every call is asked about.",
    )


class AgentParameters(Parameters):
    """Parameters of every agent."""

    model_provider: Literal["openai", "anthropic"] = Field(
        default="openai",
        description="Whose wire format the model speaks, unless a LANGUAGE_MODEL is connected; "
        "`openai` is that of most services.",
    )
    model_name: str = Field(
        default="", max_length=200, description="The model, unless a LANGUAGE_MODEL is connected; needs a credential."
    )
    base_url: str = Field(
        default="", max_length=8192, description="Where another service speaks the wire format of `model_provider`."
    )
    temperature: float | None = Field(
        default=None, ge=0, le=2, description="How freely the model chooses its words; its own default if left out."
    )
    system_prompt: Text = Field(default=None, max_length=100_000, description="Who the agent is and what it must heed.")
    prompt: Text = Field(
        default=None,
        max_length=1_000_000,
        description="What it is to do; the item's `message` by default, or the whole item if it has none.",
    )
    output_schema: JsonSchema = Field(
        default=None,
        description="A JSON Schema that the answer must satisfy; an OUTPUT_PARSER that is connected goes before it.",
    )
    max_answer_attempts: int = Field(
        default=3, ge=1, le=10, description="How often it may answer until the answer satisfies the schema."
    )
    pictures: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field(
        default_factory=list, max_length=20, description="Names of the item's files that it is to see; `*`: all images."
    )
    session: Text = Field(
        default=None,
        description="Which conversation its memory is about; the item's or the trigger's `session_id` by default, "
        "else this run alone.",
    )
    top_k: int = Field(default=5, ge=1, le=100, description="How many documents its retrievers may find for a prompt.")
    max_source_tokens: int = Field(
        default=16_000,
        ge=100,
        le=1_000_000,
        description="How many tokens of documents go into the prompt; of more, the pieces that fit the prompt best.",
    )
    require_approval: list[ApprovalRule] = Field(
        default_factory=list, max_length=100, description="Which calls of tools a person must allow first."
    )
    max_turns: int = Field(default=20, ge=1, le=1000, description="How often it may ask its model.")
    max_answer_tokens: int | None = Field(
        default=None, ge=1, le=1_000_000, description="How many tokens the model may write in one turn."
    )
    max_tokens: int | None = Field(
        default=None, ge=1, description="How many tokens all turns may take together, read and written."
    )
    max_cost_usd: float | None = Field(
        default=None, gt=0, description="What all turns may cost together, as far as the models' prices are known."
    )
    max_duration: Duration | None = Field(default=None, gt=0, description="How long all turns may take together.")
    on_limit: Annotated[Literal["error", "output"], STRUCTURAL] = Field(
        default="error", description="At a limit: fail, or emit the item out of one more port, `limit`."
    )
