"""Texts in the order in which they fit a question."""

import math

import pytest

from nodes.texts.ranking import by_nearness, by_words, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The Cat's  naïve—x_1", ["the", "cat", "s", "naïve", "x_1"]),
        ("STRASSE Straße", ["strasse", "strasse"]),
        ("查询日历", ["查询", "询日", "日历"]),
        ("用Python写", ["用", "python", "写"]),
        ("", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_the_score_is_okapi_bm25() -> None:
    texts = ["a a b", "b c"]
    (first, score), (second, none) = by_words("a", texts)
    assert (first, second, none) == (0, 1, 0)
    weight = math.log(1 + (2 - 1 + 0.5) / (1 + 0.5))
    assert score == pytest.approx(weight * 2 * 2.5 / (2 + 1.5 * (1 - 0.75 + 0.75 * 3 / 2.5)))


def test_a_rare_word_tells_more_and_a_long_text_less() -> None:
    texts = ["the the the", "the zebra", "the " * 50 + "zebra", "nothing"]
    assert [place for place, _ in by_words("the zebra", texts)][:3] == [1, 2, 0]


@pytest.mark.parametrize("texts", [[], [""], ["", "a"]])
def test_nothing_to_compare(texts: list[str]) -> None:
    assert [score for _, score in by_words("", texts)] == [0] * len(texts)


def test_vectors_by_their_direction() -> None:
    found = by_nearness([1, 0], [[0, 1], [5, 5], [0.1, 0], [0, 0], [-1, 0]])
    assert [place for place, _ in found] == [2, 1, 0, 3, 4]
    assert found[0][1] == pytest.approx(1)
