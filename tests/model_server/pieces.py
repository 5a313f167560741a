"""How texts are cut into the pieces of a stream."""

import re


def of_text(text: str) -> list[str]:
    """Words with the space after them."""
    return re.findall(r"\S+\s*|\s+", text)


def of_arguments(text: str) -> list[str]:
    """Few characters each, so that no piece is JSON by itself."""
    return [text[start : start + 5] for start in range(0, len(text), 5)]
