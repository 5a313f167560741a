"""Arguments fill a URL without leaving their place."""

from typing import Any

import pytest
from pydantic_core import PydanticCustomError

from nodes.errors import PermanentError
from nodes.tool.placeholders import check, fill, names_in

URL = "https://a.example/users/{id}/x{n}?q={q}&id={id}"


def test_names_once_in_order() -> None:
    assert names_in(URL) == ["id", "n", "q"]


@pytest.mark.parametrize(
    ("url", "arguments", "filled"),
    [
        (URL, {"id": 7, "n": 1.5, "q": "a b&c"}, "https://a.example/users/7/x1.5?q=a%20b%26c&id=7"),
        ("https://a.example/{id}", {"id": "../admin"}, "https://a.example/..%2Fadmin"),
        ("https://a.example/{id}", {"id": "a?b#c%2f"}, "https://a.example/a%3Fb%23c%252f"),
        ("https://a.example/{id}.json", {"id": "."}, "https://a.example/..json"),
        ("https://a.example/x?q={q}", {"q": ""}, "https://a.example/x?q="),
        ("https://a.example/x?q={q}", {"q": ".."}, "https://a.example/x?q=.."),
        ("https://a.example/{id}", {"id": "é\r\n"}, "https://a.example/%C3%A9%0D%0A"),
        ("https://a.example/{on}", {"on": True}, "https://a.example/true"),
    ],
)
def test_filled(url: str, arguments: dict[str, Any], filled: str) -> None:
    assert fill(check(url), arguments) == filled


@pytest.mark.parametrize(
    ("url", "arguments", "said"),
    [
        ("https://a.example/{id}/x", {"id": ".."}, "leads elsewhere"),
        ("https://a.example/{id}/x", {"id": "."}, "leads elsewhere"),
        ("https://a.example/{id}{n}/x", {"id": ".", "n": "."}, "leads elsewhere"),
        ("https://a.example/.{id}/x", {"id": "."}, "leads elsewhere"),
        ("https://a.example/{id}/x", {"id": ""}, "is empty"),
        ("https://a.example/{id}/x", {}, "is missing"),
        ("https://a.example/{id}/x", {"id": None}, "is missing"),
        ("https://a.example/{id}/x", {"id": [1]}, "is a list of 1"),
    ],
)
def test_refused(url: str, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(PermanentError, match=said) as caught:
        fill(url, arguments)
    assert "arguments.id" in caught.value.message
    assert caught.value.code == "INVALID_ARGUMENTS"


@pytest.mark.parametrize(
    "url", ["https://{host}/x", "{scheme}://a.example/", "https://{user}@a.example/x", "https://a.example:{port}/"]
)
def test_the_server_must_be_written_out(url: str) -> None:
    with pytest.raises(PydanticCustomError, match="before its path"):
        check(url)


def test_other_braces_are_refused() -> None:
    with pytest.raises(PydanticCustomError, match="begins no placeholder"):
        check("https://a.example/{a b}")
