"""A node of your own, and a command line that knows it: `python docs/word_count.py run FILE`."""

from typing import Any

from nodes.base import BaseNodeExecutor, NodeExecutionContext, NodeExecutionResult
from nodes.factory import get_node_executor_factory
from orchestrator.model import Node
from services.cli import main


class WordCount(BaseNodeExecutor):
    """Counts the words of a text."""

    def get_supported_subtypes(self) -> list[str]:
        """What a node says as its `subtype`."""
        return ["WORD_COUNT"]

    def validate(self, node: Node) -> list[str]:
        """Sentences that say what is wrong; called when a workflow is saved or validated, never runs anything."""
        return [] if node.parameters.get("text") else ["text is missing; say which text to count"]

    def execute(self, context: NodeExecutionContext[Any]) -> NodeExecutionResult:
        """Does the work; parameters come with their expressions resolved."""
        text = context.get_parameter("text")
        if not isinstance(text, str):
            return self._create_error_result(f"text is {type(text).__name__}, not a string")
        words = len(text.split())
        return self._create_success_result(
            output_data={**context.input_data, "words": words},
            logs=[f"counted {words} words"],
        )


if __name__ == "__main__":
    get_node_executor_factory().register_executor("CUSTOM_NODE", WordCount)
    main()
