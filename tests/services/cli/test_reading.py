"""A run's input: exactly what was written, or a problem that says what is wrong with it."""

from pathlib import Path

import pytest

from services.cli.failure import Exit, Failure
from services.cli.reading import read_input


@pytest.mark.parametrize(
    "text",
    ["{}", "[]", '[{"a": 1}, {}]', '{"n": 12345678901234567890, "d": 0.1000000000000000055511151231257827}'],
)
def test_is_passed_on_as_written(text: str, tmp_path: Path) -> None:
    file = tmp_path / "input.json"
    file.write_text(text)
    assert read_input(text) == text
    assert read_input(f"@{file}") == text


def test_none_is_empty() -> None:
    assert read_input(None) == ""


@pytest.mark.parametrize(
    ("argument", "meaning"),
    [
        ("", "isn't JSON"),
        ("{", "isn't JSON"),
        ("nonsense", "isn't JSON"),
        ('{"a": NaN}', "isn't JSON"),
        ("[" * 600 + "]" * 600, "nested deeper"),
        ("7", "one JSON object, or a list of objects"),
        ("null", "one JSON object, or a list of objects"),
        ("[1]", "one JSON object, or a list of objects"),
        ("@/no/such/file", "No such file"),
        ("@/", "Is a directory"),
        ("@/dev/zero", "is larger than"),
        ("@/proc/self/exe", "isn't UTF-8 text"),
    ],
)
def test_bad_input_is_one_problem(argument: str, meaning: str) -> None:
    with pytest.raises(Failure) as caught:
        read_input(argument)
    (problem,) = caught.value.problems
    assert problem.code == "INVALID_INPUT"
    assert meaning in problem.message
    assert caught.value.exit_code == Exit.INVALID
