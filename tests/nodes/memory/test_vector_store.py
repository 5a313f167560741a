"""Vectors: stored once, the nearest found, unlike ones refused by name."""

import asyncio
import math
import random
from typing import Any

import pytest

from nodes.errors import PermanentError
from tests.nodes.memory.conftest import Remember


@pytest.fixture
def vectors(remember: Remember) -> Remember:
    """A call by operation."""

    async def call(operation: str, **more: Any) -> dict[str, Any]:
        return await remember("VECTOR_STORE", operation=operation, **more)

    return call


def ids(told: dict[str, Any]) -> list[str]:
    return [match["id"] for match in told["matches"]]


POINTS = {"a": [1.0, 0.0], "b": [0.0, 2.0], "c": [2.0, 2.0], "d": [3.0, 0.0]}
AT = [1.25, 0.5]


def score(metric: str, vector: list[float]) -> float:
    """How near a point is to AT."""
    product = sum(x * y for x, y in zip(vector, AT, strict=True))
    if metric == "inner_product":
        return product
    if metric == "l2":
        return 1 / (1 + math.dist(vector, AT))
    return product / math.hypot(*vector) / math.hypot(*AT)


@pytest.mark.parametrize("metric", ["cosine", "l2", "inner_product"])
@pytest.mark.parametrize("named_by", ["collection", "search"])
async def test_the_nearest_by_each_metric(vectors: Remember, metric: str, named_by: str) -> None:
    of_collection, of_search = ({"metric": metric} if named_by == one else {} for one in ("collection", "search"))
    records = [{"id": id, "vector": vector} for id, vector in POINTS.items()]
    told = await vectors("upsert", records=records, **of_collection)
    assert (told["ids"], told["count"], told["dimensions"]) == (list("abcd"), 4, 2)
    assert told["metric"] == of_collection.get("metric", "cosine")
    found = await vectors("search", vector=AT, **of_search)
    expected = sorted(POINTS, key=lambda id: -score(metric, POINTS[id]))
    assert ids(found) == expected
    scores = [match["score"] for match in found["matches"]]
    assert scores == pytest.approx([score(metric, POINTS[id]) for id in expected], abs=1e-6)
    least = (scores[1] + scores[2]) / 2
    assert ids(await vectors("search", vector=AT, min_score=least, **of_search)) == expected[:2]
    assert ids(await vectors("search", vector=AT, top_k=1, **of_search)) == expected[:1]


async def test_texts_by_their_meaning(vectors: Remember, embedding_server: str) -> None:
    embedding = {"base_url": embedding_server, "model": "multilingual-e5-small"}
    records = [
        {"id": "cat", "text": "Cats like to sleep on warm sofas.", "metadata": {"about": "pets"}},
        {"id": "bank", "text": "The central bank raised interest rates."},
        {"id": "given", "vector": [0.1] * 384},
    ]
    told = await vectors("upsert", records=records, embedding=embedding)
    assert told["dimensions"] == 384
    found = await vectors("search", text="Wo schlafen Katzen?", embedding=embedding, top_k=2)
    best = found["matches"][0]
    assert (best["id"], best["text"], best["metadata"]) == ("cat", records[0]["text"], {"about": "pets"})
    # The other model may have the same dimensions, and still mean nothing here.
    with pytest.raises(PermanentError, match=r"is of the model portuguese-.* are of multilingual-e5-small") as caught:
        await vectors("search", text="x", embedding={"provider": "local", "model": "portuguese-multilingual-e5-small"})
    assert caught.value.code == "MODEL_MISMATCH"
    local = await vectors("search", text="Wo schlafen Katzen?", embedding={"provider": "local"}, top_k=1)
    assert ids(local) == ["cat"]


async def test_an_upsert_replaces(vectors: Remember) -> None:
    await vectors("upsert", id="a", vector=[1, 0], text="old", metadata={"v": 1})
    await vectors("upsert", id="a", vector=[0, 1], text="new", metadata={"z": 1, "a": 2.50})
    (found,) = (await vectors("search", vector=[0, 1], include_vectors=True))["matches"]
    assert found == {
        "id": "a",
        "score": 1.0,
        "distance": 0.0,
        "text": "new",
        "metadata": {"z": 1, "a": 2.5},
        "vector": [0.0, 1.0],
    }


async def test_a_retried_upsert_is_made_once(vectors: Remember) -> None:
    first = await vectors("upsert", vector=[1, 0], text="x", attempt="call-1")
    assert await vectors("upsert", vector=[1, 0], text="x", attempt="call-1") == first
    assert (await vectors("search", vector=[1, 0]))["count"] == 1


async def test_dimensions_are_compared(vectors: Remember) -> None:
    await vectors("upsert", id="a", vector=[1, 0, 0])
    message = 'has 2 dimensions, those of the collection "default" have 3'
    for operation in ("upsert", "search"):
        with pytest.raises(PermanentError, match=message) as caught:
            await vectors(operation, vector=[1, 0])
        assert caught.value.code == "DIMENSION_MISMATCH"
    with pytest.raises(PermanentError, match="has 2 dimensions"):
        await vectors("upsert", records=[{"vector": [1, 2, 3]}, {"vector": [1, 2]}], collection="new")
    assert (await vectors("search", vector=[1, 0], collection="new"))["count"] == 0


async def test_a_collection_keeps_its_metric(vectors: Remember) -> None:
    await vectors("upsert", id="a", vector=[1, 0], metric="l2")
    with pytest.raises(PermanentError, match='collection "default" is compared by l2, not by cosine') as caught:
        await vectors("upsert", id="b", vector=[1, 0], metric="cosine")
    assert caught.value.code == "METRIC_MISMATCH"


@pytest.mark.parametrize(
    ("vector", "message"),
    [([0.0, 0.0], "is all zeros"), ([1e5] * 3000, "beyond ±65,504"), ([1.0] * 16_001, '"vector"')],
)
async def test_vectors_that_cant_be_compared(vectors: Remember, vector: list[float], message: str) -> None:
    with pytest.raises(PermanentError, match=message):
        await vectors("upsert", vector=vector)


@pytest.mark.parametrize("dimensions", [1, 1999, 2001, 4001, 16_000])
async def test_vectors_of_any_length(vectors: Remember, dimensions: int) -> None:
    for n in range(1, 4):
        await vectors("upsert", id=str(n), vector=[1.0] * (dimensions - 1) + [float(n)], metric="l2")
    assert ids(await vectors("search", vector=[1.0] * (dimensions - 1) + [2.9])) == ["3", "2", "1"]


BOOKS = {
    "emma": {"year": 1815, "lang": "en", "tags": ["love"], "author": {"name": "Austen"}},
    "faust": {"year": 1808, "lang": "de", "tags": ["devil", "love"], "author": {"name": "Goethe"}},
    "ulysses": {"year": 1922, "lang": "en", "tags": [], "author": None},
    "odd": {"year": "1922"},
}


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, {"emma", "faust", "ulysses", "odd"}),
        ({"lang": "en"}, {"emma", "ulysses"}),
        ({"lang": "en", "year": 1815}, {"emma"}),
        ({"tags": ["love"]}, {"emma", "faust"}),
        ({"author": {"name": "Goethe"}}, {"faust"}),
        ({"year": {"$gt": 1808}}, {"emma", "ulysses"}),
        ({"year": {"$gte": 1808, "$lt": 1922}}, {"emma", "faust"}),
        ({"year": {"$lte": 1808.0}}, {"faust"}),
        ({"year": {"$gt": "1"}}, {"odd"}),
        ({"year": {"$eq": 1815}}, {"emma"}),
        ({"year": {"$ne": 1815}}, {"faust", "ulysses", "odd"}),
        ({"lang": {"$ne": "en"}}, {"faust", "odd"}),
        ({"lang": {"$in": ["de", "fr"]}}, {"faust"}),
        ({"lang": {"$in": []}}, set()),
        ({"lang": {"$nin": ["de", "fr"]}}, {"emma", "ulysses", "odd"}),
        ({"author": {"$exists": True}}, {"emma", "faust"}),
        ({"author": {"$exists": False}}, {"ulysses", "odd"}),
        ({"author.name": {"$in": ["Austen", "Goethe"]}, "lang": "de"}, {"faust"}),
        ({"tags.0": {"$eq": "love"}}, {"emma"}),
        ({"lang": "en'; DROP TABLE memory_vectors; --"}, set()),
        ({"'); DROP TABLE memory_vectors; --": {"$gt": 1}}, set()),
    ],
)
async def test_filters(vectors: Remember, wanted: dict[str, Any], expected: set[str]) -> None:
    records = [{"id": id, "vector": [1.0, n], "metadata": data} for n, (id, data) in enumerate(BOOKS.items())]
    await vectors("upsert", records=records)
    assert set(ids(await vectors("search", vector=[1, 1], filter=wanted))) == expected
    if wanted:
        assert (await vectors("delete", filter=wanted))["deleted"] == len(expected)
        assert set(ids(await vectors("search", vector=[1, 1]))) == set(BOOKS) - expected


async def test_a_large_collection_is_indexed_and_still_right(vectors: Remember) -> None:
    chance = random.Random(3)
    points = {f"p{n}": [chance.gauss(0, 1) for _ in range(16)] for n in range(600)}
    records = [
        {"id": id, "vector": point, "metadata": {"group": n % 100}} for n, (id, point) in enumerate(points.items())
    ]
    for start in range(0, 600, 200):
        await vectors("upsert", records=records[start : start + 200], metric="l2")
    at = [chance.gauss(0, 1) for _ in range(16)]
    nearest = sorted(points, key=lambda id: math.dist(points[id], at))
    found = ids(await vectors("search", vector=at, top_k=10))
    assert len(set(found) & set(nearest[:10])) >= 9
    rare = await vectors("search", vector=at, top_k=10, filter={"group": 7})
    assert sorted(ids(rare)) == sorted(f"p{n}" for n in range(7, 600, 100))
    assert (await vectors("search", vector=at, top_k=1000))["count"] == 600


async def test_collections_and_workspaces_never_meet(vectors: Remember) -> None:
    await vectors("upsert", id="ours", vector=[1, 0])
    await vectors("upsert", id="theirs", vector=[1, 0], of="elsewhere")
    await vectors("upsert", id="other", vector=[1, 0], collection="c2")
    assert ids(await vectors("search", vector=[1, 0])) == ["ours"]
    assert (await vectors("search", vector=[1, 0], of="nowhere"))["matches"] == []
    assert (await vectors("delete", all=True, of="elsewhere"))["deleted"] == 1
    assert ids(await vectors("search", vector=[1, 0])) == ["ours"]


async def test_deleting(vectors: Remember) -> None:
    await vectors("upsert", records=[{"id": id, "vector": [1, 0]} for id in "abcd"])
    assert (await vectors("delete", id="a"))["deleted"] == 1
    assert (await vectors("delete", ids=["b", "x"]))["deleted"] == 1
    assert (await vectors("delete", all=True))["deleted"] == 2
    assert (await vectors("delete", all=True))["deleted"] == 0
    # Another dimension now begins anew.
    assert (await vectors("upsert", id="a", vector=[1, 0, 0]))["dimensions"] == 3


async def test_many_upserts_at_once(vectors: Remember) -> None:
    batches = [[{"id": f"r{(n * 7 + i) % 60}", "vector": [1, i]} for i in range(20)] for n in range(12)]
    await asyncio.gather(*(vectors("upsert", records=batch) for batch in batches))
    assert (await vectors("search", vector=[1, 0], top_k=100))["count"] == 60


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"operation": "upsert"}, '"text" is missing; give a text or a vector'),
        ({"operation": "upsert", "vector": []}, '"vector" is a list of 0'),
        ({"operation": "upsert", "vector": ["1"]}, r'"vector\[0\]" is the text "1"; expected a number'),
        ({"operation": "upsert", "vector": [True]}, r'"vector\[0\]" is true'),
        ({"operation": "upsert", "vector": [1, 1e39]}, '"vector" has 1e\\+39 at position 1'),
        (
            {"operation": "upsert", "vector": [1], "records": [{"vector": [1]}]},
            'both a record of its own and "records"',
        ),
        ({"operation": "upsert", "records": [{"id": "a"}]}, r'"records\[0\].text" is missing'),
        (
            {"operation": "upsert", "records": [{"id": "a", "vector": [1]}, {"id": "a", "vector": [2]}]},
            '"records" has the id "a" twice',
        ),
        ({"operation": "upsert", "vector": [1], "metadata": {"a": "\x00"}}, '"metadata" has the character U\\+0000'),
        ({"operation": "upsert", "vector": [1], "metadata": {"a": "x" * 70_000}}, "at most 65,536 are allowed"),
        ({"operation": "upsert", "vector": [1], "metric": "manhattan"}, '"metric" is the text "manhattan"'),
        ({"operation": "upsert", "text": "a"}, 'no credential in its slot "auth"'),
        ({"operation": "upsert", "text": "a", "embedding": {"provider": "x"}}, '"embedding.provider" is the text "x"'),
        ({"operation": "search"}, '"text" is missing'),
        ({"operation": "search", "vector": [1], "text": "a"}, 'both "text" and "vector"'),
        ({"operation": "search", "vector": [1], "top_k": 0}, '"top_k" is the number 0'),
        ({"operation": "search", "vector": [1], "filter": "a"}, '"filter" is the text "a"; expected an object'),
        ({"operation": "search", "vector": [1], "filter": {"$or": []}}, 'operator "\\$or" where a field belongs'),
        ({"operation": "search", "vector": [1], "filter": {"a": {"$near": 1}}}, 'unknown operator \\$near for "a"'),
        ({"operation": "search", "vector": [1], "filter": {"a": {"$gt": 1, "b": 2}}}, "one or the other"),
        ({"operation": "search", "vector": [1], "filter": {"a": {"$in": 1}}}, "expected a list"),
        (
            {"operation": "search", "vector": [1], "filter": {"a": {"$gt": None}}},
            "with null; expected a number or text",
        ),
        ({"operation": "delete"}, 'needs one of "id", "ids", "filter"'),
        ({"operation": "delete", "filter": {}}, '"filter" is an empty object'),
        ({"operation": "find"}, 'expected one of "upsert", "search", "delete"'),
    ],
)
async def test_bad_parameters(remember: Remember, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(PermanentError, match=message):
        await remember("VECTOR_STORE", **parameters)
