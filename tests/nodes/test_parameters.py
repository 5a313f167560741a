"""Checking parameters: unresolved ones when a workflow is saved, resolved ones before a call."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, TypeAdapter

from nodes.errors import PermanentError
from nodes.parameters import STRUCTURAL, WRITTEN_OUT, Duration, Parameters, is_expression, parse
from orchestrator.errors import Problem

Problems = Callable[..., list[Problem]]
TRANSFORMATION = "ACTION.DATA_TRANSFORMATION"


class Inner(Parameters):
    size: int = Field(gt=0)


class Sample(Parameters):
    mode: Annotated[Literal["fast", "slow"], STRUCTURAL] = "fast"
    rules: Annotated[list[Inner], WRITTEN_OUT] = Field(default_factory=list)
    text: str = Field(default="", max_length=5)
    flag: bool = False
    wait: Duration = 1.0
    map: dict[str, str] = Field(default_factory=dict)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"mode": "fats"},
            'the parameter "mode" is the text "fats"; expected \'fast\' or \'slow\'; did you mean "fast"?',
        ),
        ({"text": 5}, 'the parameter "text" is the number 5; expected text'),
        ({"text": "abcdef"}, 'the parameter "text" is the text "abcdef"; expected at most 5 characters'),
        ({"flag": []}, 'the parameter "flag" is a list of 0; expected true or false'),
        ({"rules": {}}, 'the parameter "rules" is an empty object; expected a list'),
        ({"rules": [{"size": 0}]}, 'the parameter "rules[0].size" is the number 0; expected more than 0'),
        ({"rules": [{"size": "x"}]}, 'the parameter "rules[0].size" is the text "x"; expected a whole number'),
        ({"rules": [{}]}, 'the parameter "rules[0].size" is missing'),
        ({"rules": [{"size": 1, "sise": 2}]}, 'the parameter "rules[0].sise" is unknown; did you mean "size"?'),
        ({"rules": [3]}, 'the parameter "rules[0]" is the number 3; expected an object'),
        ({"map": {"a": 1}}, 'the parameter "map.a" is the number 1; expected text'),
        ({"wait": "soon"}, "the parameter \"wait\" can't be read: 'soon' is not a duration"),
        ({"wait": True}, 'the parameter "wait" is true; write a duration'),
        ({"wait": -1}, 'the parameter "wait" is -1; a duration is between'),
        ({"wait": float("nan")}, 'the parameter "wait" is nan; a duration is between'),
    ],
)
def test_parse_says_what_is_wrong(given: dict[str, Any], message: str) -> None:
    with pytest.raises(PermanentError) as caught:
        parse(Sample, given)
    assert caught.value.code == "INVALID_PARAMETER"
    assert message in caught.value.message
    assert "pydantic" not in caught.value.message


def test_parse_names_every_parameter_and_cuts_values() -> None:
    with pytest.raises(PermanentError) as caught:
        parse(Sample, {"text": "s" * 1000, "flag": "perhaps"})
    assert '"text"' in caught.value.message
    assert '"flag"' in caught.value.message
    assert "s" * 50 not in caught.value.message


@pytest.mark.parametrize(("text", "seconds"), [("1.5s", 1.5), ("1h30m", 5400.0), (3, 3.0), (0.25, 0.25), ("0s", 0)])
def test_durations(text: Any, seconds: float) -> None:
    assert parse(Sample, {"wait": text}).wait == seconds


@pytest.mark.parametrize(
    ("kind", "parameters", "expected"),
    [
        (TRANSFORMATION, {}, [("MISSING_PARAMETER", "parameters.operation")]),
        (TRANSFORMATION, {"operation": "sett"}, [("INVALID_PARAMETER", "parameters.operation")]),
        (TRANSFORMATION, {"operation": "{{ $json.op }}"}, [("INVALID_PARAMETER", "parameters.operation")]),
        (TRANSFORMATION, {"operation": ["set"]}, [("INVALID_PARAMETER", "parameters.operation")]),
        (
            TRANSFORMATION,
            {"operation": "set", "feilds": {}},
            [("MISSING_PARAMETER", "parameters.fields"), ("UNKNOWN_PARAMETER", "parameters.feilds")],
        ),
        (TRANSFORMATION, {"operation": "set", "fields": "{{ $json }}"}, []),
        (TRANSFORMATION, {"operation": "limit", "count": "{{ $json.n }}"}, []),
        (TRANSFORMATION, {"operation": "limit", "count": "n"}, [("INVALID_PARAMETER", "parameters.count")]),
        (TRANSFORMATION, {"operation": "limit", "count": 1, "end": "last"}, [("UNKNOWN_PARAMETER", "parameters.end")]),
        (TRANSFORMATION, {"operation": "remove", "fields": ["a", "{{ $json.b }}"]}, []),
        (TRANSFORMATION, {"operation": "remove", "fields": ["a", 5]}, [("INVALID_PARAMETER", "parameters.fields[1]")]),
        (TRANSFORMATION, {"operation": "map", "expression": "{{ $json }}"}, []),
        (TRANSFORMATION, {"operation": "map", "expression": "plain"}, [("INVALID_PARAMETER", "parameters.expression")]),
        (
            TRANSFORMATION,
            {"operation": "summarize", "group_by": "{{ $json.g }}", "values": "{{ $json.v }}"},
            [],
        ),
        ("ACTION.HTTP_REQUEST", {}, [("MISSING_PARAMETER", "parameters.url")]),
        ("ACTION.HTTP_REQUEST", {"url": "{{ $json.url }}", "method": "{{ $json.m }}", "timeout": "{{ 5 }}s"}, []),
        (
            "ACTION.HTTP_REQUEST",
            {"url": "https://example.com", "timeout_s": 1000000000},
            [("UNKNOWN_PARAMETER", "parameters.timeout_s")],
        ),
        ("ACTION.HTTP_REQUEST", {"url": "http://a", "method": "FETCH"}, [("INVALID_PARAMETER", "parameters.method")]),
        ("ACTION.HTTP_REQUEST", {"url": "http://a", "timeout": "2h"}, [("INVALID_PARAMETER", "parameters.timeout")]),
        ("ACTION.RUN_CODE", {"language": "python", "code": 5}, [("INVALID_PARAMETER", "parameters.code")]),
        ("ACTION.RUN_CODE", {"language": "ruby", "code": "x"}, [("INVALID_PARAMETER", "parameters.language")]),
        ("ACTION.RUN_CODE", {"language": "python", "code": "return f'{{x}}'"}, []),
        (
            "ACTION.RUN_CODE",
            {"language": "python", "code": "", "mode": "each_item"},
            [("INVALID_PARAMETER", "parameters.code")],
        ),
        ("FLOW.WAIT", {"seconds": -5}, [("UNKNOWN_PARAMETER", "parameters.seconds")]),
        ("FLOW.SUBWORKFLOW", {}, [("MISSING_PARAMETER", "parameters.workflow_id")]),
        ("FLOW.SUBWORKFLOW", {"workflow_id": "{{ $json.w }}", "wait": "{{ $json.x }}"}, []),
        ("FLOW.STOP", {"message": "no {{ $json.x }}"}, []),
        ("TRIGGER.MANUAL", {"descripton": "x"}, [("UNKNOWN_PARAMETER", "parameters.descripton")]),
        ("TRIGGER.WEBHOOK", {"anything": 1}, [("UNKNOWN_PARAMETER", "parameters.anything")]),
        ("TRIGGER.WEBHOOK", {"path": "/orders/new/", "methods": "post", "auth": "HMAC"}, []),
        ("TRIGGER.WEBHOOK", {"path": "{{ $json.p }}"}, [("INVALID_PARAMETER", "parameters.path")]),
        ("TRIGGER.WEBHOOK", {"path": "a/../b"}, [("INVALID_PARAMETER", "parameters.path")]),
        ("TRIGGER.WEBHOOK", {"path": "wait/x"}, [("INVALID_PARAMETER", "parameters.path")]),
        ("TRIGGER.WEBHOOK", {"methods": []}, [("INVALID_PARAMETER", "parameters.methods")]),
        ("TRIGGER.WEBHOOK", {"response_code": 500}, [("INVALID_PARAMETER", "parameters.response_code")]),
        ("TRIGGER.WEBHOOK", {"dedupe_header": "a b"}, [("INVALID_PARAMETER", "parameters.dedupe_header")]),
        ("TRIGGER.WEBHOOK", {"timeout": "10m"}, [("INVALID_PARAMETER", "parameters.timeout")]),
        (
            "TRIGGER.WEBHOOK",
            {"signature": {"format": "stripe", "prefix": "v1="}},
            [("INVALID_PARAMETER", "parameters.signature")],
        ),
        (
            "TRIGGER.FORM",
            {"fields": [{"name": "size", "type": "select"}]},
            [("INVALID_PARAMETER", "parameters.fields[0]")],
        ),
        ("TRIGGER.FORM", {"fields": [{"name": "a b"}]}, [("INVALID_PARAMETER", "parameters.fields[0].name")]),
        ("TRIGGER.FORM", {"fields": [{"name": "a"}, {"name": "a"}]}, [("INVALID_PARAMETER", "parameters")]),
        ("TRIGGER.CHAT", {"public": "{{ $json.p }}"}, [("INVALID_PARAMETER", "parameters.public")]),
    ],
)
def test_check(problems: Problems, kind: str, parameters: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    found = problems(kind, **parameters)
    assert [(problem.code, problem.field) for problem in found] == expected
    assert all(problem.node == "N" and problem.message for problem in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("{{ a }}", True), (" {{ a }} ", True), ("x {{ a }}", False), ("{{ a }}{{ b }}", False), ("a", False), (5, False)],
)
def test_is_expression(text: Any, expected: bool) -> None:
    assert is_expression(text) is expected


def test_every_parameter_has_a_description(catalogue: Any) -> None:
    for executor in catalogue.values():
        schema = TypeAdapter(executor.model).json_schema()
        for name, model in [("", schema), *schema.get("$defs", {}).items()]:
            for field, about in model.get("properties", {}).items():
                assert about.get("description"), f"{executor.subtype} {name}.{field}"
