"""A secret is recognised in every form that services echo it in, and nothing else is touched."""

import base64
import html
import json
import re
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import pytest

from nodes.credentials.redaction import REDACTED, Redaction

SECRET = 'pä"ss/w+rd=<&1 2'
ASCII = "s3cr3t/token+of=ada"


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("secret", [SECRET, ASCII])
@pytest.mark.parametrize(
    "shown",
    [
        lambda s: s,
        lambda s: f"Bearer {s}, and more",
        base64_of,
        lambda s: base64.urlsafe_b64encode(s.encode()).decode().rstrip("="),
        lambda s: base64_of(f"ada:{s}"),
        lambda s: base64_of(f"x-access-token:{s}"),
        lambda s: base64_of(f"a:{s}:more"),
        lambda s: quote(s, safe=""),
        lambda s: re.sub("%..", lambda part: part.group().lower(), quote(s, safe="")),
        quote_plus,
        lambda s: urlencode({"token": s}),
        json.dumps,
        lambda s: json.dumps(s, ensure_ascii=False),
        html.escape,
    ],
)
def test_forms(secret: str, shown: Any) -> None:
    hidden = Redaction([secret]).text(shown(secret))
    assert REDACTED in hidden
    for piece in (secret, secret[3:9], base64_of(secret)[4:12], quote(secret, safe="")[6:]):
        assert piece not in hidden


def test_what_is_short_or_unknown_stays() -> None:
    assert Redaction(["abc", ""]).text("abc") == "abc"
    assert not Redaction([])
    assert Redaction(["unknown"]).text("A plain text.") == "A plain text."


def test_trees_keep_their_shape() -> None:
    given = {"a": [ASCII, 1, None, {ASCII: f"x{ASCII}"}], "b": True, "c": ("t", ASCII)}
    hidden = Redaction([ASCII]).tree(given)
    assert hidden == {
        "a": [REDACTED, 1, None, {REDACTED: f"x{REDACTED}"}],
        "b": True,
        "c": ["t", REDACTED],
    }
    assert given["a"][0] == ASCII, "the original isn't touched"


def test_deep_trees_are_no_trouble() -> None:
    deep: Any = ASCII
    for _ in range(5000):
        deep = [deep]
    hidden = Redaction([ASCII]).tree(deep)
    for _ in range(5000):
        (hidden,) = hidden
    assert hidden == REDACTED


@pytest.mark.parametrize("end", ["", "…", '"', '…".'])
def test_a_secret_that_an_excerpt_cut_is_hidden(end: str) -> None:
    hidden = Redaction([ASCII]).excerpt(f"answered 400: {ASCII[:9]}{end}")
    assert hidden == f"answered 400: {REDACTED}{end}"


def test_an_excerpt_without_secrets_stays() -> None:
    assert Redaction([ASCII]).excerpt("answered 400: bad") == "answered 400: bad"
