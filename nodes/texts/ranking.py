"""Orders texts by how well they fit a question: by its words (Okapi BM25), or by vectors."""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

# The usual constants: how soon a repeated word counts no more, and how much a text's length matters.
_SATURATION, _LENGTH = 1.5, 0.75
# Scripts without spaces are compared by pairs of characters.
_RANGES = r"\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
_WORD = re.compile(rf"[{_RANGES}]+|[^\W{_RANGES}]+")
_UNSPACED = re.compile(f"[{_RANGES}]")


def is_unspaced(character: str) -> bool:
    """Whether it is of a script without spaces between words."""
    return _UNSPACED.match(character) is not None


def words_of(text: str) -> list[str]:
    """The words of a text, so that case and compatible characters don't matter."""
    found: list[str] = []
    for word in _WORD.findall(unicodedata.normalize("NFKC", text).casefold()):
        if len(word) > 1 and is_unspaced(word):
            found.extend(word[place : place + 2] for place in range(len(word) - 1))
        else:
            found.append(word)
    return found


def by_words(question: str, texts: Sequence[str]) -> list[tuple[int, float]]:
    """The positions of the texts with their scores, the best first; equal ones in their order."""
    counts = [Counter(words_of(text)) for text in texts]
    lengths = [count.total() for count in counts]
    mean = sum(lengths) / len(lengths) if any(lengths) else 1.0
    wanted = set(words_of(question))
    within = {word: sum(word in count for count in counts) for word in wanted}
    weight = {word: math.log(1 + (len(texts) - found + 0.5) / (found + 0.5)) for word, found in within.items()}
    scores = [
        sum(
            weight[word] * count[word] * (_SATURATION + 1) / (count[word] + _SATURATION * _shortness(length, mean))
            for word in sorted(wanted)
            if word in count
        )
        for count, length in zip(counts, lengths, strict=True)
    ]
    return _ordered(scores)


def by_nearness(question: Sequence[float], vectors: Sequence[Sequence[float]]) -> list[tuple[int, float]]:
    """The same by the cosine between a question's vector and those of the texts."""
    return _ordered([_cosine(question, vector) for vector in vectors])


def _shortness(length: int, mean: float) -> float:
    return 1 - _LENGTH + _LENGTH * length / mean


def _cosine(left: Sequence[float], right: Sequence[float]) -> float:
    norm = math.hypot(*left) * math.hypot(*right)
    return sum(a * b for a, b in zip(left, right, strict=True)) / norm if norm else 0.0


def _ordered(scores: Sequence[float]) -> list[tuple[int, float]]:
    return sorted(enumerate(scores), key=lambda scored: -scored[1])
