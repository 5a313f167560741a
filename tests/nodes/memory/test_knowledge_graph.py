"""Statements with their provenance, and shortest ways through them."""

import asyncio
import random
from collections import deque
from itertools import pairwise
from typing import Any

import pytest

from nodes.errors import PermanentError
from services.store.memory import graphs
from tests.nodes.memory.conftest import Remember

#  ada ──knows──► bob ──knows──► cleo ──knows──► ada
#                  └──works_at──► acme ◄──works_at── dora
FACTS = [
    ("ada", "knows", "bob"),
    ("bob", "knows", "cleo"),
    ("cleo", "knows", "ada"),
    ("bob", "works_at", "acme"),
    ("dora", "works_at", "acme"),
]


@pytest.fixture
def graph(remember: Remember) -> Remember:
    """A call by operation."""

    async def call(operation: str, **more: Any) -> dict[str, Any]:
        return await remember("KNOWLEDGE_GRAPH", operation=operation, **more)

    return call


@pytest.fixture
async def people(graph: Remember) -> Remember:
    """A graph with FACTS."""
    await graph("add", triples=listed(FACTS))
    return graph


def listed(facts: list[tuple[str, str, str]]) -> list[dict[str, str]]:
    return [{"subject": s, "predicate": p, "object": o} for s, p, o in facts]


def facts_in(told: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(one["subject"], one["predicate"], one["object"]) for one in told["triples"]]


async def test_a_statement_has_the_provenance_of_who_made_it_first(graph: Remember) -> None:
    one = {"subject": "ada", "predicate": "born_in", "object": 1815}
    assert await graph("add", **one) == {"added": 1, "known": 0}
    assert await graph("add", **one) == {"added": 0, "known": 1}
    (found,) = (await graph("query"))["triples"]
    assert (found["subject"], found["predicate"], found["object"]) == ("ada", "born_in", "1815")
    provenance = found["provenance"]
    assert (provenance["execution_id"], provenance["workflow_id"], provenance["node"]) == ("run-1", "flow-1", "N")
    assert provenance["added_at"].endswith("Z")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ({}, sorted(FACTS)),
        ({"subject": "bob"}, [("bob", "knows", "cleo"), ("bob", "works_at", "acme")]),
        ({"predicate": "works_at"}, [("bob", "works_at", "acme"), ("dora", "works_at", "acme")]),
        ({"object": "ada"}, [("cleo", "knows", "ada")]),
        ({"subject": "bob", "predicate": "knows", "object": "cleo"}, [("bob", "knows", "cleo")]),
        ({"subject": "nobody"}, []),
    ],
)
async def test_queries_by_any_part(people: Remember, pattern: dict[str, str], expected: list[Any]) -> None:
    told = await people("query", **pattern)
    assert facts_in(told) == expected
    assert (told["count"], told["truncated"]) == (len(expected), False)


async def test_a_query_says_when_there_is_more(people: Remember) -> None:
    told = await people("query", limit=2)
    assert (told["count"], told["truncated"]) == (2, True)


@pytest.mark.parametrize(
    ("walk", "expected"),
    [
        ({"subject": "ada"}, {"bob": 1, "cleo": 1}),
        ({"subject": "ada", "direction": "out"}, {"bob": 1}),
        ({"subject": "ada", "direction": "in"}, {"cleo": 1}),
        ({"subject": "ada", "depth": 3, "direction": "out"}, {"bob": 1, "acme": 2, "cleo": 2}),
        ({"subject": "ada", "depth": 10}, {"bob": 1, "cleo": 1, "acme": 2, "dora": 3}),
        ({"subject": "ada", "depth": 10, "predicate": "knows"}, {"bob": 1, "cleo": 1}),
        ({"subject": "dora", "depth": 2, "predicate": ["works_at"]}, {"acme": 1, "bob": 2}),
        ({"subject": "nobody"}, {}),
    ],
)
async def test_neighbours(people: Remember, walk: dict[str, Any], expected: dict[str, int]) -> None:
    told = await people("neighbours", **walk)
    assert {one["entity"]: one["distance"] for one in told["neighbours"]} == expected
    assert told["truncated"] is False


async def test_the_nearest_neighbours_come_first(people: Remember) -> None:
    told = await people("neighbours", subject="ada", depth=10, limit=3)
    assert [one["distance"] for one in told["neighbours"]] == [1, 1, 2]
    assert told["truncated"] is True


@pytest.mark.parametrize(
    ("walk", "entities"),
    [
        ({"subject": "ada", "object": "dora"}, ["ada", "bob", "acme", "dora"]),
        ({"subject": "ada", "object": "cleo"}, ["ada", "cleo"]),
        ({"subject": "ada", "object": "cleo", "direction": "out"}, ["ada", "bob", "cleo"]),
        ({"subject": "ada", "object": "cleo", "direction": "in"}, ["ada", "cleo"]),
        ({"subject": "ada", "object": "ada"}, ["ada"]),
        ({"subject": "ada", "object": "dora", "direction": "out"}, None),
        ({"subject": "ada", "object": "dora", "depth": 2}, None),
        ({"subject": "ada", "object": "dora", "predicate": "knows"}, None),
        ({"subject": "ada", "object": "nobody"}, None),
    ],
)
async def test_shortest_ways(people: Remember, walk: dict[str, Any], entities: list[str] | None) -> None:
    told = await people("path", **walk)
    if entities is None:
        assert told == {"found": False, "length": None, "entities": [], "triples": []}
        return
    assert (told["found"], told["entities"], told["length"]) == (True, entities, len(entities) - 1)
    ends = [{one["subject"], one["object"]} for one in told["triples"]]
    assert ends == [set(pair) for pair in pairwise(entities)]


async def test_ways_through_a_large_graph_with_cycles_are_shortest(graph: Remember) -> None:
    chance = random.Random(7)
    facts = list({(f"n{chance.randrange(150)}", "to", f"n{chance.randrange(150)}") for _ in range(400)})
    await graph("add", triples=listed(facts))
    onward: dict[str, list[str]] = {}
    for subject, _, object_ in facts:
        onward.setdefault(subject, []).append(object_)
    distance = {"n0": 0}
    queue = deque(["n0"])
    while queue:
        here = queue.popleft()
        for there in onward.get(here, ()):
            if there not in distance:
                distance[there] = distance[here] + 1
                queue.append(there)
    for end in [f"n{n}" for n in range(1, 150, 7)]:
        told = await graph("path", subject="n0", object=end, direction="out", depth=10)
        assert told["length"] == (distance.get(end) if distance.get(end, 99) <= 10 else None)


async def test_a_walk_that_gets_too_large_stops(people: Remember, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs, "MOST_STEPS", 2)
    with pytest.raises(PermanentError, match='more than 2 statements on the ways from "ada"') as caught:
        await people("path", subject="ada", object="dora")
    assert caught.value.code == "GRAPH_TOO_LARGE"
    assert (await people("neighbours", subject="ada", depth=10))["truncated"] is True


async def test_deleting(people: Remember) -> None:
    assert await people("delete", subject="bob", predicate="works_at") == {"deleted": 1}
    assert (await people("path", subject="ada", object="dora"))["found"] is False
    assert await people("delete", all=True) == {"deleted": 4}
    assert (await people("query"))["triples"] == []


async def test_adding_the_same_at_once_adds_it_once(graph: Remember) -> None:
    many = [(f"s{n}", "p", "o") for n in range(50)]
    told = await asyncio.gather(*(graph("add", triples=listed(many if n % 2 else many[::-1])) for n in range(6)))
    assert sum(one["added"] for one in told) == 50


async def test_graphs_never_meet(people: Remember) -> None:
    assert (await people("query", namespace="other"))["count"] == 0
    assert (await people("query", of="elsewhere"))["count"] == 0
    assert (await people("neighbours", subject="ada", of="elsewhere"))["count"] == 0
    assert await people("delete", all=True, of="elsewhere") == {"deleted": 0}
    assert (await people("query"))["count"] == 5


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"operation": "add", "subject": "a", "predicate": "p"}, '"object" is missing; a statement has'),
        ({"operation": "add", "subject": "a", "triples": listed(FACTS)}, 'has both a statement and "triples"'),
        ({"operation": "add", "triples": []}, '"triples" is a list of 0'),
        ({"operation": "add", "triples": [{"subject": "a"}]}, r'"triples\[0\].predicate" is missing'),
        ({"operation": "add", "subject": "a", "predicate": "p", "object": {"a": 1}}, '"object" is an object with "a"'),
        ({"operation": "add", "subject": "a" * 513, "predicate": "p", "object": "o"}, '"subject" has 513 bytes'),
        ({"operation": "neighbours"}, '"subject" is missing'),
        ({"operation": "neighbours", "subject": "a", "depth": 11}, '"depth" is the number 11; expected at most 10'),
        ({"operation": "neighbours", "subject": "a", "direction": "up"}, '"direction" is the text "up"'),
        ({"operation": "path", "subject": "a"}, '"object" is missing'),
        ({"operation": "delete"}, "names nothing to remove"),
        ({"operation": "delete", "subject": "a", "all": True}, "contradict"),
        ({"operation": "ask"}, 'expected one of "add", "query", "neighbours", "path", "delete"'),
    ],
)
async def test_bad_parameters(remember: Remember, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(PermanentError, match=message):
        await remember("KNOWLEDGE_GRAPH", **parameters)
