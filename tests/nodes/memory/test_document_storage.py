"""Documents: kept exactly, found by their words in any language."""

from typing import Any

import pytest

from nodes.errors import PermanentError
from tests.nodes.memory.conftest import Remember


@pytest.fixture
def documents(remember: Remember) -> Remember:
    """A call by operation."""

    async def call(operation: str, **more: Any) -> dict[str, Any]:
        return await remember("DOCUMENT_STORAGE", operation=operation, **more)

    return call


def ids(told: dict[str, Any]) -> list[str]:
    return [one["id"] for one in told.get("matches", told.get("documents"))]


@pytest.mark.parametrize("document", ["plain text", {"z": 1, "a": ["b", {"c": 1.5}]}, [1, "two"], "", "a \x00 b"])
async def test_a_document_comes_back_as_it_was(documents: Remember, document: Any) -> None:
    told = await documents("put", id="d", document=document)
    assert told == {"collection": "default", "id": "d", "created": True, "language": "simple"}
    assert (await documents("put", id="d", document=document))["created"] is False
    found = await documents("get", id="d")
    assert (found["found"], found["document"]) == (True, document)


async def test_what_is_absent(documents: Remember) -> None:
    expected = {"collection": "default", "id": "d", "found": False, "document": None}
    assert await documents("get", id="d") == expected
    assert await documents("search", query="x") == {"collection": "default", "matches": [], "count": 0}
    assert await documents("list") == {"collection": "default", "documents": [], "next": None}
    assert await documents("delete", id="d") == {"collection": "default", "deleted": 0}


async def test_without_an_id_each_call_makes_a_document_and_a_retry_none(documents: Remember) -> None:
    first = await documents("put", document="a", attempt="call-1")
    assert await documents("put", document="a", attempt="call-1") == first
    await documents("put", document="a", attempt="call-2")
    await documents("put", document="a")
    assert len(ids(await documents("list"))) == 3


LIBRARY = {
    "cats": "The cat sat on the mat. Cats like mats.",
    "dogs": {"title": "A dog's life", "tags": ["dog", "mat"], "year": 1918},
    "bruecke": "Über die BRÜCKE in der Straße",
    "tokyo": "東京に行く。京都も見たい。",
    "russian": "Быстрая лиса",
    "thai": "สวัสดีชาวโลก",
}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("cat", ["cats"]),
        ("CATS mat", ["cats"]),
        ("mat", ["cats", "dogs"]),
        ("mat -cat", ["dogs"]),
        ('"sat on"', ["cats"]),
        ('"on sat"', []),
        ("cat or dog", ["cats", "dogs"]),
        ("1918", ["dogs"]),
        ("title", []),
        ("über brücke", ["bruecke"]),
        ("ÜBER STRASSE", ["bruecke"]),
        ("東京", ["tokyo"]),
        ("京都", ["tokyo"]),
        ("都京", []),
        ('"京都も"', ["tokyo"]),
        ("東京 -京都", []),
        ("лиса", ["russian"]),
        ("ЛИСА", ["russian"]),
        ("ชาวโลก", ["thai"]),
        ("zebra", []),
        ("'; DROP TABLE memory_documents; --", []),
        ("((( & | ! <-> :*", []),
    ],
)
async def test_search(documents: Remember, query: str, expected: list[str]) -> None:
    for id, document in LIBRARY.items():
        await documents("put", id=id, document=document)
    assert sorted(ids(await documents("search", query=query))) == expected


async def test_the_best_comes_first_with_the_place_where_it_fits(documents: Remember) -> None:
    await documents("put", id="far", document="wine " + "water " * 50 + "cheese")
    await documents("put", id="near", document="wine cheese")
    told = await documents("search", query="wine cheese")
    assert ids(told) == ["near", "far"]
    best = told["matches"][0]
    assert best["headline"] == "**wine** **cheese**"
    assert best["rank"] > told["matches"][1]["rank"] > 0
    assert ids(await documents("search", query="wine", limit=1, offset=1)) == ["near"]
    brief = (await documents("search", query="cheese", include_documents=False))["matches"]
    assert all("document" not in match for match in brief)


async def test_a_language_knows_that_words_have_forms(documents: Remember) -> None:
    told = await documents("put", id="d", document="The foxes were running", language="english", collection="en")
    assert told["language"] == "english"
    assert ids(await documents("search", query="fox runs", collection="en")) == ["d"]
    await documents("put", id="d", document="The foxes were running")
    assert ids(await documents("search", query="fox runs")) == []


async def test_a_collection_has_one_language(documents: Remember) -> None:
    await documents("put", id="d", document="x", language="german")
    assert (await documents("put", id="e", document="x"))["language"] == "german"
    with pytest.raises(PermanentError, match='collection "default" has the language german, not english') as caught:
        await documents("put", id="f", document="x", language="english")
    assert caught.value.code == "LANGUAGE_MISMATCH"
    with pytest.raises(PermanentError, match=r'"klingon", which the database doesn.t know; it knows .*"simple"'):
        await documents("put", id="f", document="x", language="klingon", collection="new")


async def test_a_document_with_too_many_words_is_refused(documents: Remember) -> None:
    words = " ".join(f"{n:07x}" for n in range(120_000))
    with pytest.raises(PermanentError, match="too long for tsvector") as caught:
        await documents("put", id="d", document=words)
    assert caught.value.code == "INVALID_VALUE"
    assert (await documents("get", id="d"))["found"] is False


async def test_lists_go_page_by_page(documents: Remember) -> None:
    for id in ("b", "a", "c", "x1"):
        await documents("put", id=id, document={"id": id})
    first = await documents("list", limit=2)
    assert (ids(first), first["next"]) == (["a", "b"], "b")
    assert first["documents"][0]["document"] == {"id": "a"}
    rest = await documents("list", limit=2, after="b", include_documents=False)
    assert (rest["documents"], rest["next"]) == ([{"id": "c"}, {"id": "x1"}], None)
    assert ids(await documents("list", prefix="x")) == ["x1"]


async def test_deleting(documents: Remember) -> None:
    for id in "abcd":
        await documents("put", id=id, document=id, language="german")
    assert (await documents("delete", id="a"))["deleted"] == 1
    assert (await documents("delete", ids=["b", "x"]))["deleted"] == 1
    assert (await documents("delete", all=True))["deleted"] == 2
    # The collection is gone with its language.
    assert (await documents("put", id="a", document="a", language="english"))["created"] is True


async def test_collections_and_workspaces_never_meet(documents: Remember) -> None:
    await documents("put", id="d", document="ours")
    await documents("put", id="d", document="theirs", of="elsewhere")
    await documents("put", id="d", document="other", collection="c2")
    assert (await documents("get", id="d"))["document"] == "ours"
    assert ids(await documents("search", query="theirs or other")) == []
    await documents("delete", all=True)
    assert (await documents("get", id="d", of="elsewhere"))["document"] == "theirs"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"operation": "put"}, '"document" is missing'),
        ({"operation": "put", "document": 5}, '"document" is the number 5; expected text, an object or a list'),
        ({"operation": "put", "document": "x" * 2**20}, '"document" has 1,048,578 bytes'),
        ({"operation": "put", "document": "x", "language": "en'; --"}, '"language"'),
        ({"operation": "put", "document": "x", "id": "i" * 513}, '"id" has 513 bytes'),
        ({"operation": "get"}, '"id" is missing'),
        ({"operation": "search", "query": ""}, '"query" is the text ""'),
        ({"operation": "search", "query": "a\x00"}, '"query" has the character U\\+0000'),
        ({"operation": "search", "query": "x", "limit": 101}, '"limit" is the number 101'),
        ({"operation": "delete"}, 'needs one of "id", "ids" and "all"'),
        ({"operation": "delete", "id": "a", "all": True}, 'needs one of "id", "ids" and "all"'),
        ({"operation": "store"}, 'expected one of "put", "get", "search", "list", "delete"'),
    ],
)
async def test_bad_parameters(remember: Remember, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(PermanentError, match=message):
        await remember("DOCUMENT_STORAGE", **parameters)
