"""Parameters are written as the table of styles in OpenAPI's specification has them."""

from typing import Any

import pytest

from nodes.errors import PermanentError
from nodes.openapi.style import filled, in_cookie, in_header, in_path, in_query

ARRAY = ["blue", "black", "brown"]
OBJECT = {"R": 100, "G": 200, "B": 150}


@pytest.mark.parametrize(
    ("style", "explode", "value", "written"),
    [
        ("matrix", False, "blue", ";color=blue"),
        ("matrix", False, ARRAY, ";color=blue,black,brown"),
        ("matrix", False, OBJECT, ";color=R,100,G,200,B,150"),
        ("matrix", True, ARRAY, ";color=blue;color=black;color=brown"),
        ("matrix", True, OBJECT, ";R=100;G=200;B=150"),
        ("label", False, "blue", ".blue"),
        ("label", False, ARRAY, ".blue,black,brown"),
        ("label", False, OBJECT, ".R,100,G,200,B,150"),
        ("label", True, ARRAY, ".blue.black.brown"),
        ("label", True, OBJECT, ".R=100.G=200.B=150"),
        ("simple", False, "blue", "blue"),
        ("simple", False, ARRAY, "blue,black,brown"),
        ("simple", False, OBJECT, "R,100,G,200,B,150"),
        ("simple", True, ARRAY, "blue,black,brown"),
        ("simple", True, OBJECT, "R=100,G=200,B=150"),
        ("simple", False, "a/b?c#d;e é", "a%2Fb%3Fc%23d%3Be%20%C3%A9"),
        ("simple", False, True, "true"),
        ("simple", False, 1.5, "1.5"),
    ],
)
def test_path(style: str, explode: bool, value: Any, written: str) -> None:
    parameter = {"name": "color", "in": "path", "style": style, "explode": explode}
    assert in_path(parameter, value) == written


@pytest.mark.parametrize(
    ("style", "explode", "value", "written"),
    [
        ("form", True, "blue", "color=blue"),
        ("form", True, "", "color="),
        ("form", True, ARRAY, "color=blue&color=black&color=brown"),
        ("form", True, OBJECT, "R=100&G=200&B=150"),
        ("form", False, ARRAY, "color=blue,black,brown"),
        ("form", False, OBJECT, "color=R,100,G,200,B,150"),
        ("spaceDelimited", False, ARRAY, "color=blue%20black%20brown"),
        ("pipeDelimited", False, ARRAY, "color=blue|black|brown"),
        ("deepObject", True, OBJECT, "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150"),
        ("form", True, "a&b=c", "color=a%26b%3Dc"),
    ],
)
def test_query(style: str, explode: bool, value: Any, written: str) -> None:
    parameter = {"name": "color", "in": "query", "style": style, "explode": explode}
    assert "&".join("=".join(pair) for pair in in_query(parameter, value)) == written


def test_defaults_content_and_reserved() -> None:
    assert in_query({"name": "c", "in": "query"}, ["a", "b"]) == [("c", "a"), ("c", "b")]
    assert in_query({"name": "c", "in": "query", "allowReserved": True}, "a/b&c") == [("c", "a/b%26c")]
    assert in_query({"name": "c", "in": "query", "content": {"application/json": {}}}, {"a": 1}) == [
        ("c", "%7B%22a%22%3A1%7D")
    ]
    assert in_header({"name": "X", "in": "header"}, ["a", "b c"]) == "a,b c"
    assert in_header({"name": "X", "in": "header", "explode": True}, {"a": 1}) == "a=1"
    assert in_cookie({"name": "c", "in": "cookie"}, "a;b") == [("c", "a%3Bb")]


def test_a_value_without_a_way_to_write_it_is_refused() -> None:
    with pytest.raises(PermanentError, match="no way to write"):
        in_query({"name": "c", "in": "query"}, [{"a": 1}])


@pytest.mark.parametrize("value", [".", "..", "%2e%2E"])
def test_a_path_cant_be_left(value: str) -> None:
    with pytest.raises(PermanentError, match="another path"):
        filled("/users/{id}/posts", {"id": value})


def test_dots_of_the_description_itself_stay() -> None:
    assert filled("/a/../{id}.json", {"id": "1"}) == "/a/../1.json"
