"""Descriptions are read from JSON and YAML as plain JSON values, and can't explode."""

import pytest

from nodes.errors import PermanentError
from nodes.openapi.text import read

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [*{before}, *{before}, *{before}, *{before}, *{before}, *{before}, *{before}, *{before}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def test_yaml_reads_as_json_would() -> None:
    text = "openapi: 3.0.3\nwhen: 2024-01-02\non: yes\nok: true\nresponses:\n  200: {description: fine}\nn: 1.5\n"
    assert read(text) == {
        "openapi": "3.0.3",
        "when": "2024-01-02",
        "on": "yes",
        "ok": True,
        "responses": {"200": {"description": "fine"}},
        "n": 1.5,
    }


def test_json_is_read() -> None:
    assert read(' {"openapi": "3.1.0"}') == {"openapi": "3.1.0"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no JSON"),
        ("a: [1", "is no YAML"),
        ("- a", "must be an object"),
        ("just text", "must be an object"),
        ("!!python/object/apply:os.system ['true']", "is no YAML"),
        (BOMB, "too large"),
        ("a: " + "[" * 5000 + "]" * 5000, "nest"),
    ],
)
def test_bad_texts_are_named(text: str, said: str) -> None:
    with pytest.raises(PermanentError, match=said) as caught:
        read(text)
    assert caught.value.code == "INVALID_SPEC"
