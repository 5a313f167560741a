"""What expressions see, and what becomes of their values."""

import asyncio
import os
import signal
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import psutil
import pytest

from nodes.errors import PermanentError
from nodes.expression.errors import ExpressionError
from nodes.expression.expressions import Expressions
from nodes.expression.scope import Item, Scope

NOW = datetime(2026, 11, 22, 22, 30, 5, 123000, tzinfo=UTC)


def item(**fields: Any) -> Item:
    return {"json": fields}


SCOPE = Scope(
    items=[item(name="Ann", n=1, tags=["x", "y"]), item(name="Bob", n=2, tags=[])],
    now=NOW,
    nodes={
        "Two": {"main": [item(v="a"), item(v="b")]},
        "One": {"main": [item(v="only")]},
        "Three": {"main": [item(v=1), item(v=2), item(v=3)]},
        "IF": {"true": [], "false": [item(v="no")]},
        "Empty": {"main": []},
        "__proto__": {"main": [item(v="plain")]},
        "constructor": {"main": [item(toString="key", __proto__="own")]},
    },
    trigger=[item(body={"id": 7})],
    run_index=3,
    execution={"id": "e1", "mode": "MANUAL"},
    workflow={"id": "w1", "name": "Flow"},
    vars={"region": "eu"},
)


async def value(expressions: Expressions, text: str, index: int = 0, scope: Scope = SCOPE) -> Any:
    (found,) = await expressions.resolve(text, scope, [index])
    return found


@pytest.mark.parametrize(
    ("source", "index", "expected"),
    [
        ("$json.n + 1", 1, 3),
        ("$json.tags.filter(t => t > 'x')", 0, ["y"]),
        ("$input.item.json.name + '!'", 1, "Bob!"),
        ("$input.all().length", 0, 2),
        ("$input.first().json.name + $input.last().json.name", 0, "AnnBob"),
        ("$('Two').item.json.v + ''", 1, "b"),
        ("$('One').item.json.v + ''", 1, "only"),
        ("$node['Two'].json.v + ''", 0, "a"),
        ("$('Three').last().json.v + 1", 0, 4),
        ("$('IF').first().json.v + ''", 0, "no"),
        ("$('IF').all('true').length", 0, 0),
        ("$('IF').all(1).length", 0, 1),
        ("$('Empty').first() ?? 'none'", 0, "none"),
        ("$('Two').isExecuted", 0, True),
        ("$('Nowhere').isExecuted", 0, False),
        ("$node['__proto__'].json.v + ''", 0, "plain"),
        ("$node.constructor.json.toString + '!'", 0, "key!"),
        ("$('constructor').first().json['__proto__'] + '!'", 0, "own!"),
        ("$trigger.body.id + 1", 0, 8),
        ("`${$itemIndex} ${$runIndex} ${$execution.id} ${$execution.mode}`", 1, "1 3 e1 MANUAL"),
        ("$workflow.name + $workflow.id", 0, "Floww1"),
        ("$vars.region.toUpperCase()", 0, "EU"),
        ("$json.missing", 0, None),
        ("$json.missing?.deeper", 0, None),
        ("({...$json}).name", 0, "Ann"),
        ("$json.tags.sort().reverse()", 0, ["y", "x"]),
        ("Date.now()", 0, 1795386605123),
        ("new Date().toISOString()", 0, "2026-11-22T22:30:05.123Z"),
        ("new Date(2020, 0, 2).toISOString()", 0, "2020-01-02T00:00:00.000Z"),
        ("(async () => 5)()", 0, 5),
        ("'ab'.repeat(100000).length + 'x'.repeat(3)", 0, "200000xxx"),
        ("'ab'.repeat(3000) + $json.name", 0, "ab" * 3000 + "Ann"),
        ("['ab'.repeat(3000) + $json.name]", 0, ["ab" * 3000 + "Ann"]),
        ("[1, 2].map(x => x).concat([3]).slice(1)", 0, [2, 3]),
        ("'aXb'.split('X').join('-').replace(/-/g, '+')", 0, "a+b"),
        ("[undefined, {a: undefined}]", 0, [None, {}]),
        ("((acc, k) => { acc[k] = 1; return acc })({}, 'toString')", 0, {"toString": 1}),
        ("((acc, k) => { acc[k] = 1; return acc })({}, 'constructor')", 0, {"constructor": 1}),
        ("Object.fromEntries([['a', 1]])", 0, {"a": 1}),
    ],
)
async def test_values(expressions: Expressions, source: str, index: int, expected: Any) -> None:
    assert await value(expressions, "{{ " + source + " }}", index) == expected


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("$('Nowhere').first().json.x", "node 'Nowhere' has not run before this node"),
        ("$node['Nowhere'].json", "node 'Nowhere' has not run before this node"),
        ("$('Empty').item", "node 'Empty' gave 0 items"),
        ("$('Two').all('nope')", 'no output "nope"'),
        ("$json.a.b", "cannot read property 'b' of undefined"),
        ("a b", "SyntaxError"),
        ("() => 1", "function"),
        ("[1, [() => 1]]", "function"),
        ("Symbol('x')", "symbol"),
        ("10n ** 30n", "BigInt"),
        ("0 / 0", "NaN"),
        ("[1 / 0]", "Infinity"),
        ("new Map()", "Map"),
        ("(() => { const a = []; a[0] = a; return a })()", "circular"),
        ("'\\ud800'", "surrogate"),
        ("Promise.reject(new Error('sorry'))", "sorry"),
        ("eval('1')", "eval"),
        ("new Function('return 1')()", "Function"),
        ("(async () => {}).constructor('return 1')()", "constructor"),
        ("(function* () {}).constructor('yield 1')()", "constructor"),
        ("$json.__proto__", "__proto__"),
        ("$json.tags.constructor", "constructor"),
        ("$json.tags.constructor.name", "constructor"),
        ("/x/.constructor.name", "constructor"),
        ("'' + '\0'", "NUL"),
        ("Object.prototype.x = 1", "not extensible"),
        ("Math.max = 1", "read-only"),
        ("Array.prototype.map.x = 1", "not extensible"),
        ("Math = 1", "read-only"),
        ("globalThis", "globalThis"),
        ("this.x", "this"),
        ("import('fs')", "could not load"),
        ("(() => { throw { toString() { throw 1 } } })()", "thrown"),
    ],
)
async def test_errors(expressions: Expressions, source: str, message: str) -> None:
    found = await value(expressions, "{{ " + source + " }}")
    assert isinstance(found, ExpressionError)
    assert message in found.message
    assert not found.limit
    assert found.code == "EXPRESSION_FAILED"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("(() => { for (;;); })()", "took longer than 0.5 s"),
        ("({ toJSON() { for (;;); } })", "took longer"),
        ("(async () => { for (;;) await 1 })()", "took longer"),
        ("/(a+)+$/.test('a'.repeat(40) + 'b')", "took longer"),
        ("new Promise(() => {})", "never settles"),
        ("'x'.repeat(2e8).split('')", "memory"),
        ("(function f() { return f() })()", "stack"),
        ("(() => { let a = []; for (let i = 0; i < 600; i++) a = [a]; return a })()", "deeper than 500"),
        ("(() => { let a = []; for (let i = 0; i < 1e5; i++) a = [a]; return a })()", "stack"),
        ("('(').repeat(3) + " + "(" * 20_000 + "1" + ")" * 20_000, "nested too deeply"),
    ],
)
async def test_limits(expressions: Expressions, source: str, message: str) -> None:
    found = await value(expressions, "{{ " + source + " }}")
    assert isinstance(found, ExpressionError)
    assert found.limit
    assert message in found.message
    assert found.code == "EXPRESSION_LIMIT"
    assert await value(expressions, "{{ 1 + 1 }}") == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello {{ $json.name }}!", "Hello Ann!"),
        ("{{ $json.name }} {{ $json.n + 1 }}", "Ann 2"),
        ("[{{ null }}{{ undefined }}{{ $json.missing }}]", "[]"),
        ("{{ true }},{{ 1.0 }},{{ 1e21 }},{{ 1e-7 }},{{ -0 }}", "true,1,1e+21,1e-7,0"),
        ("{{ $json.tags }} {{ ({a: [1.5, null]}) }}", '["x","y"] {"a":[1.5,null]}'),
        ("  {{ $json.n }}  ", 1),
    ],
)
async def test_text(expressions: Expressions, text: str, expected: Any) -> None:
    assert await value(expressions, text) == expected


async def test_a_tree_for_each_item(expressions: Expressions) -> None:
    tree = {"a": ["{{ $json.n * 10 }}", "{{ $json.name }}"], "b": {"{{ key }}": 1}, "c": "{{ $vars.region }}"}
    assert await expressions.resolve(tree, SCOPE, [1, 0]) == [
        {"a": [20, "Bob"], "b": {"{{ key }}": 1}, "c": "eu"},
        {"a": [10, "Ann"], "b": {"{{ key }}": 1}, "c": "eu"},
    ]


async def test_an_error_says_which_parameter_and_item(expressions: Expressions) -> None:
    tree = {"fields": {"total": ["ok", "{{ $json.tags[0].length + 0 }}"]}}
    good, bad = await expressions.resolve(tree, SCOPE, [0, 1])
    assert good == {"fields": {"total": ["ok", 1]}}
    assert isinstance(bad, PermanentError)
    assert isinstance(bad, ExpressionError)
    assert (bad.parameter, bad.item) == ("fields.total[1]", 1)
    assert "fields.total[1]" in str(bad)


async def test_an_unreadable_text_is_an_error_of_every_item(expressions: Expressions) -> None:
    found = await expressions.resolve({"url": "{{ }}"}, SCOPE, [0, 1])
    assert [error.item for error in found] == [0, 1]
    assert all("empty" in error.message and error.parameter == "url" for error in found)


async def test_nothing_leaks_between_items_or_texts(expressions: Expressions) -> None:
    tree = ["{{ ($json.tags.push('leak'), $json.tags.length) }}", "{{ $json.tags.length + 0 }}"]
    scope = Scope(items=[item(tags=[])] * 3, now=NOW)
    assert await expressions.resolve(tree, scope, [0, 1, 2]) == [[1, 0]] * 3


async def test_chance_is_the_same_at_every_attempt(expressions: Expressions) -> None:
    first = await expressions.resolve("{{ Math.random() }}", SCOPE, [0, 1])
    assert await expressions.resolve("{{ Math.random() }}", SCOPE, [0, 1]) == first
    assert first[0] != first[1]


async def test_one_stuck_item_does_not_take_the_others_along(expressions: Expressions) -> None:
    scope = Scope(items=[item(n=n) for n in range(4)], now=NOW)
    found = await expressions.resolve("{{ $json.n === 1 ? (() => { for (;;); })() : $json.n }}", scope, range(4))
    assert [found[0], found[2], found[3]] == [0, 2, 3]
    assert isinstance(found[1], ExpressionError)
    assert found[1].limit


async def test_a_stuck_item_leaves_what_is_the_same_for_all(expressions: Expressions) -> None:
    scope = Scope(items=[item(n=n) for n in range(3)], now=NOW, vars={"a": 1})
    tree = ["{{ $json.n === 0 ? (() => { for (;;); })() : $json.n }}", "{{ $vars.a + 1 }}"]
    found = await expressions.resolve(tree, scope, range(3))
    assert found[1:] == [[1, 2], [2, 2]]


async def test_zones_that_only_the_data_names(expressions: Expressions) -> None:
    zones = ["Asia/Tokyo", "America/Lima", "Asia/Tokyo", "Europe/Paris"]
    scope = Scope(items=[item(zone=zone) for zone in zones], now=NOW)
    found = await expressions.resolve("{{ $now.setZone($json.zone).toFormat('HH z') }}", scope, range(4))
    assert found == ["07 Asia/Tokyo", "17 America/Lima", "07 Asia/Tokyo", "23 Europe/Paris"]


async def test_many_stuck_items_are_given_up(expressions: Expressions) -> None:
    scope = Scope(items=[item(n=n) for n in range(50)], now=NOW)
    async with asyncio.timeout(15):
        found = await expressions.resolve("{{ $json.n + (() => { for (;;); })() }}", scope, range(50))
    assert all(isinstance(error, ExpressionError) and error.limit for error in found)
    assert "not tried" in found[-1].message


async def test_numbers_keep_their_digits(expressions: Expressions) -> None:
    big, long = 12345678901234567890, Decimal("0.12345678901234567890123")
    scope = Scope(items=[item(id=big, price=long, more=[{"id": big}])], now=NOW)
    assert await value(expressions, "{{ $json }}", scope=scope) == {
        "id": big,
        "price": long,
        "more": [{"id": big}],
    }
    assert await value(expressions, "id {{ $json.id }}", scope=scope) == f"id {big}"
    assert await value(expressions, "{{ ({id: $json.id, p: $json.price}) }}", scope=scope) == {
        "id": big,
        "p": long,
    }
    assert await value(expressions, "{{ $json.more.map(m => m.id) }}", scope=scope) == [big]


async def test_a_thousand_items(expressions: Expressions) -> None:
    scope = Scope(items=[item(n=n) for n in range(1000)], now=NOW)
    found = await expressions.resolve("{{ $json.n + $input.all().length }}", scope, range(0, 1000, 10))
    assert found == [n + 1000 for n in range(0, 1000, 10)]


async def test_calls_run_side_by_side(expressions: Expressions) -> None:
    calls = [value(expressions, f"{{{{ $json.n + {n} }}}}") for n in range(40)]
    assert await asyncio.gather(*calls) == [n + 1 for n in range(40)]


async def test_check_compiles_and_never_runs(expressions: Expressions) -> None:
    found = await expressions.check(
        [
            "$json.a // ok",
            "(() => { for (;;); })()",
            "a b",
            "1) + (2",
            "{a: 1}",
            "...x",
            "(",
            "(" * 60_000,
            "$j\u200bson",
        ]
    )
    assert [message is None for message in found] == [True, True, False, False, True, False, False, False, False]
    assert found[2] == "SyntaxError: Unexpected identifier 'b' (line 1, column 3)"
    assert await expressions.check([]) == []


async def test_a_killed_worker_is_replaced() -> None:
    pool = Expressions(processes=1, timeout=0.5)
    try:
        assert await value(pool, "{{ (0, $json.n + 1) }}") == 2
        (pid,) = pool._pool.pids
        os.kill(pid, signal.SIGKILL)
        psutil.wait_procs([psutil.Process(pid)], timeout=5)
        assert await value(pool, "{{ (0, $json.n + 1) }}") == 2
        (next_pid,) = pool._pool.pids
        assert next_pid != pid
    finally:
        await pool.close()
    assert not psutil.pid_exists(next_pid) or psutil.Process(next_pid).status() == psutil.STATUS_ZOMBIE


async def test_a_worker_killed_in_its_work_is_a_typed_error() -> None:
    pool = Expressions(processes=1, timeout=30)
    try:
        await value(pool, "{{ 1 + 1 }}")
        call = asyncio.create_task(value(pool, "{{ (() => { for (;;); })() }}"))
        await asyncio.sleep(0.2)
        (pid,) = pool._pool.pids
        os.kill(pid, signal.SIGKILL)
        found = await call
        assert isinstance(found, ExpressionError)
        assert found.limit
        assert await value(pool, "{{ 1 + 1 }}") == 2
    finally:
        await pool.close()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("$now", "2026-11-22T22:30:05.123Z"),
        ("$today", "2026-11-22T00:00:00.000Z"),
        ("$now.plus({days: 1}).toISODate()", "2026-11-23"),
        ("$now.minus({months: 1}).toISO()", "2026-10-22T22:30:05.123Z"),
        ("DateTime.fromISO('2024-01-31').plus({months: 1}).toISODate()", "2024-02-29"),
        ("DateTime.fromISO('2024-02-29').plus({years: 1}).toISODate()", "2025-02-28"),
        ("$now.toFormat(\"yyyy-MM-dd'T'HH:mm:ss EEE MMM d h a ZZ\")", "2026-11-22T22:30:05 Sun Nov 22 10 PM +00:00"),
        ("$now.startOf('week').toISO()", "2026-11-16T00:00:00.000Z"),
        ("$now.endOf('month').toISO()", "2026-11-30T23:59:59.999Z"),
        ("[$now.year, $now.month, $now.day, $now.hour, $now.weekday]", [2026, 11, 22, 22, 7]),
        ("[$now.minute, $now.second, $now.weekNumber, $now.ordinal]", [30, 5, 47, 326]),
        ("$now.toMillis()", 1795386605123),
        ("$now > $today", True),
        ("$now - $today", 81005123),
        ("`${$today}`", "2026-11-22T00:00:00.000Z"),
        ("$now.diff(DateTime.fromISO('2026-11-20T22:30:05.123Z'), 'days').days", 2),
        (
            "DateTime.fromISO('2026-03-15').diff(DateTime.fromISO('2025-01-10'), ['months', 'days']).toObject()",
            {"months": 14, "days": 5},
        ),
        ("DateTime.fromISO('2025-01-10').diff(DateTime.fromISO('2025-01-12'), 'hours').hours", -48),
        ("$now.setZone('Europe/Berlin').toISO()", "2026-11-22T23:30:05.123+01:00"),
        ("$now.setZone(['America', 'New_York'].join('/')).toISO()", "2026-11-22T17:30:05.123-05:00"),
        ("$now.setZone('UTC+5:30').hour", 4),
        (
            "DateTime.fromISO('2024-03-31T01:30', {zone: 'Europe/Berlin'}).plus({hours: 1}).toISO()",
            "2024-03-31T03:30:00.000+02:00",
        ),
        ("DateTime.fromFormat('03/04/2024 5:06 PM', 'MM/dd/yyyy h:mm a').toISO()", "2024-03-04T17:06:00.000Z"),
        ("DateTime.fromISO('nonsense').isValid", False),
        ("DateTime.fromISO('nonsense')", None),
        ("new Date($now).getTime() === $now.toMillis()", True),
        ("Duration.fromObject({hours: 36}).shiftTo('days', 'hours').toObject()", {"days": 1, "hours": 12}),
    ],
)
async def test_dates(expressions: Expressions, source: str, expected: Any) -> None:
    assert await value(expressions, "{{ " + source + " }}") == expected


async def test_an_unknown_time_zone_is_an_error(expressions: Expressions) -> None:
    for source in ("$now.setZone('Mars/Base')", "$now.setZone('Ma' + 'rs')", "$now.setZone('../../etc/passwd')"):
        found = await value(expressions, "{{ " + source + " }}")
        assert isinstance(found, ExpressionError)
        assert "unknown time zone" in found.message


async def test_now_comes_in_its_own_zone(expressions: Expressions) -> None:
    scope = Scope(items=[], now=datetime(2026, 7, 22, 22, 30, tzinfo=ZoneInfo("Europe/Paris")))
    assert await value(expressions, "{{ $now }}", scope=scope) == "2026-07-22T22:30:00.000+02:00"


@pytest.mark.parametrize("year", range(1971, 2050, 6))
async def test_dates_agree_with_python(expressions: Expressions, year: int) -> None:
    zone = ZoneInfo("Europe/London")
    expected = [
        datetime(year, month, 28, 12, 0, tzinfo=UTC).astimezone(zone).strftime("%Y-%j-%V %H:%M %a %b")
        for month in range(1, 13)
    ]
    source = (
        f"[1,2,3,4,5,6,7,8,9,10,11,12].map(m => DateTime.utc({year}, m, 28, 12).setZone('Europe/London')"
        ".toFormat('yyyy-ooo-WW HH:mm EEE MMM'))"
    )
    assert await value(expressions, "{{ " + source + " }}") == expected
