"""Orders what was retrieved a second time: by what a model makes of it, or by its words."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from pydantic import Field

from nodes.ai_agent import prompt
from nodes.ai_agent.provider import ProviderNode
from nodes.base import NodeExecutionContext, Parameters, PermanentError
from nodes.equipment import Document, ModelChoice, Reranker, served_by
from nodes.errors import NodeError, RetryableError
from nodes.json_schema import Schema
from nodes.models.chat import Answer, ChatRequest, Message
from nodes.models.providers import open_model
from nodes.texts.ranking import by_words
from orchestrator import exact_json
from orchestrator.model import ConnectionType

# What of each document the model gets to read.
MOST_TEXT = 4000
ANSWER_SECONDS = 120.0
_INSTRUCTIONS = (
    "Order the numbered sources by how well they help to answer the user's question, the best first. "
    "Leave out those that don't help at all. Answer with their numbers."
)


class RerankerParameters(Parameters):
    """Parameters of RERANKER."""

    top_k: int = Field(default=5, ge=1, le=100, description="How many documents are kept.")
    method: Literal["model", "lexical"] = Field(
        default="model",
        description="`model` asks the LANGUAGE_MODEL that is connected to this node; "
        "`lexical` counts the question's words (BM25), without any model.",
    )


class RerankerNode(ProviderNode[RerankerParameters], Reranker):
    """Serves over `ai_reranker`."""

    subtype = "RERANKER"
    model = RerankerParameters

    async def rerank(
        self, context: NodeExecutionContext[Any], query: str, documents: Sequence[Document]
    ) -> Sequence[Document]:
        """The best documents, the best one first, with scores from 1 down where a model ordered them."""
        given: RerankerParameters = context.parameters
        if given.method == "lexical":
            ranked = by_words(query, [one.text for one in documents])[: given.top_k]
            return [replace(documents[place], score=score) for place, score in ranked if score > 0]
        chosen = (await _ordered(context, query, documents))[: given.top_k]
        return [replace(documents[place], score=1 - rank / len(documents)) for rank, place in enumerate(chosen)]


async def _ordered(context: NodeExecutionContext[Any], query: str, documents: Sequence[Document]) -> list[int]:
    shown = [replace(one, text=one.text[:MOST_TEXT]) for one in documents]
    numbers = {"type": "array", "items": {"type": "integer"}}
    schema = {
        "type": "object",
        "properties": {"numbers": numbers},
        "required": ["numbers"],
        "additionalProperties": False,
    }
    messages = (
        Message("system", f"{_INSTRUCTIONS}\n\n{prompt.DATA_ONLY}"),
        Message("user", prompt.numbered_sources(shown, 1)),
        Message("user", query),
    )
    answer = await _ask(context, ChatRequest(messages, schema=schema))
    try:
        found = exact_json.loads(answer.message.text)
    except exact_json.NotJson:
        found = None
    if Schema(schema).problems(found):
        raise RetryableError(
            f'the model {answer.usage.model} gave the reranker "{context.node.name}" no list of numbers',
            code="INVALID_ANSWER",
            hint="choose another model for it, or the method lexical",
        )
    places = dict.fromkeys(int(number) - 1 for number in found["numbers"])
    return [place for place in places if 0 <= place < len(documents)]


async def _ask(context: NodeExecutionContext[Any], request: ChatRequest) -> Answer:
    """What the first model says that answers at all."""
    models = served_by(context.equipment, ConnectionType.AI_LANGUAGE_MODEL)
    if not models:
        raise PermanentError(
            f'the reranker "{context.node.name}" has no model',
            code="NO_MODEL",
            hint="connect a LANGUAGE_MODEL to it as ai_language_model, or choose the method lexical",
        )
    failures: list[NodeError] = []
    for model, own in models:
        try:
            answer = await _answer(own, model.choice(own), request)
        except NodeError as error:
            context.log(f"{own.node.name}: {error.message}")
            failures.append(error)
            continue
        used = answer.usage
        context.log(
            f"{used.model} reordered documents: {used.input_tokens} tokens read, {used.output_tokens} written, "
            f"{used.cost_usd:.6f} USD"
        )
        return answer
    raise next((error for error in failures if isinstance(error, RetryableError)), failures[-1])


async def _answer(own: NodeExecutionContext[Any], choice: ModelChoice, request: ChatRequest) -> Answer:
    model = open_model(
        own.resources.http,
        provider=choice.provider,
        model=choice.model,
        credential=await own.credential(),
        base_url=choice.base_url,
        timeout=ANSWER_SECONDS,
    )
    settled = replace(request, temperature=choice.temperature, max_tokens=choice.max_tokens)
    return await model.answer(settled, lambda text: None)
