"""Forms from outside: pages that need no script, the same rules on the server, and one run for each form sent."""

import asyncio
import itertools
import re
from decimal import Decimal
from typing import Any

import pytest
from lxml import html

from services.store.ids import new_id
from tests.graphs import flow, sets, trigger, workflow
from tests.services.triggers.conftest import Gateway

FIELDS: list[dict[str, Any]] = [
    {"name": "name", "label": "Your <name>", "required": True, "help": "As in your passport."},
    {"name": "note", "type": "textarea", "max_length": 20},
    {"name": "price", "type": "number", "min": 0},
    {"name": "count", "type": "integer", "default": 3},
    {"name": "agreed", "type": "boolean", "required": True},
    {"name": "day", "type": "date"},
    {"name": "at", "type": "datetime"},
    {"name": "mail", "type": "email"},
    {"name": "size", "type": "select", "options": ["S", "M"], "required": True},
    {"name": "extras", "type": "multiselect", "options": ["milk", "sugar"]},
    {"name": "scan", "type": "file"},
]
GOOD = {
    "name": "Ada <3",
    "note": "a\r\nb",
    "price": "12345678901234567890.10",
    "count": "90071992547409931",
    "agreed": "true",
    "day": "2026-11-30",
    "at": "2026-11-30T09:00",
    "mail": "ada@example.org",
    "size": "M",
    "extras": ["sugar", "milk"],
}


def form(path: str, *nodes: dict[str, Any], fields: Any = FIELDS) -> Any:
    """Form -> Echo, or Form -> the nodes."""
    start = trigger("Form", "FORM")
    start["parameters"] = {"path": path, "title": "Order & pay", "fields": fields, "thanks": "See you."}
    chain = [start, *(nodes or (sets("Echo", done=True),))]
    return workflow(path, chain, *(f"{a['name']} -> {b['name']}" for a, b in itertools.pairwise(chain)))


def token_of(page: str) -> str:
    """The page's nonce."""
    found = re.search(r'name="form-nonce" value="([^"]+)"', page)
    assert found
    return found[1]


async def test_the_page_is_accessible_and_runs_no_script(gateway: Gateway) -> None:
    path = new_id()
    await gateway.on(form(path))
    async with gateway.http() as http:
        response = await http.get(f"/form/{path}")
    assert response.status_code == 200
    policy = response.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    page = html.fromstring(response.text)
    assert page.get("lang") == "en"
    assert not page.xpath("//script")
    assert "Your <name>" in page.text_content()
    for one in page.xpath("//input[not(@type='hidden')] | //textarea | //select"):
        labels = page.xpath("//label[@for=$id]", id=one.get("id", "")) or one.xpath("ancestor::label")
        assert labels, one.get("name")
        for described in one.get("aria-describedby", "").split():
            assert page.xpath("//*[@id=$id]", id=described)
    assert page.xpath("//fieldset/legend")
    (count,) = page.xpath("//input[@name='count']")
    assert (count.get("inputmode"), count.get("value")) == ("numeric", "3")


async def test_what_is_sent_becomes_typed_values(gateway: Gateway) -> None:
    path = new_id()
    workflow_id = await gateway.on(form(path))
    async with gateway.http() as http:
        token = token_of((await http.get(f"/form/{path}")).text)
        sent = {**GOOD, "form-nonce": token}
        file = {"scan": ("s.pdf", b"%PDF-1", "application/pdf")}
        responses = await asyncio.gather(*(http.post(f"/form/{path}", data=sent, files=file) for _ in range(4)))
        assert {response.status_code for response in responses} == {303}
        thanks = await http.get(responses[0].headers["location"])
    assert "See you." in thanks.text
    (run,) = await gateway.runs(workflow_id)
    await gateway.ended(run.execution_id)
    (item,) = await gateway.node_outputs(run.execution_id, "Form")
    values = item["json"]
    assert values == {
        "name": "Ada <3",
        "note": "a\nb",
        "price": Decimal("12345678901234567890.10"),
        "count": 90071992547409931,
        "agreed": True,
        "day": "2026-11-30",
        "at": "2026-11-30T09:00:00",
        "mail": "ada@example.org",
        "size": "M",
        "extras": ["milk", "sugar"],
    }
    assert str(values["price"]) == "12345678901234567890.10"
    assert item["files"]["scan"]["size"] == 6


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("name", " ", "fill this in"),
        ("name", "a\nb", "one line"),
        ("note", "x" * 21, "at most 20"),
        ("price", "-1", "at least 0"),
        ("price", "1,5", "a number"),
        ("price", "NaN", "a number"),
        ("price", "1e99999", "a number"),
        ("count", "1.5", "a whole number"),
        ("agreed", "", "tick this"),
        ("agreed", "maybe", "tick it or not"),
        ("day", "30.11.2026", "a date"),
        ("at", "2026-11-30T25:00", "a date and a time"),
        ("mail", "ada@", "mail address"),
        ("mail", "a@x.org, b@x.org", "one mail address"),
        ("size", "XL", "one of the options"),
        ("size", "", "choose one"),
        ("extras", ["milk", "gin"], "among the options"),
    ],
)
async def test_what_is_wrong_is_said_beside_what_was_typed(gateway: Gateway, name: str, value: Any, error: str) -> None:
    path = new_id()
    workflow_id = await gateway.on(form(path))
    async with gateway.http() as http:
        sent = {**GOOD, name: value, "form-nonce": "n" * 20}
        response = await http.post(f"/form/{path}", data=sent)
    assert response.status_code == 422
    page = html.fromstring(response.text)
    (summary,) = page.xpath("//*[@role='alert'][@autofocus]")
    assert error in summary.text_content()
    (link,) = summary.xpath(".//a")
    (field,) = page.xpath("//*[@id=$id]", id=link.get("href")[1:])
    if name != "extras":
        assert field.get("aria-invalid") == "true"
    assert f"e-{name}" in field.get("aria-describedby")
    if name != "name":
        assert page.xpath("//input[@name='name']/@value") == ["Ada <3"]
    assert token_of(response.text) == "n" * 20
    assert not await gateway.runs(workflow_id)


async def test_a_form_survives_a_restart(gateway: Gateway) -> None:
    path = new_id()
    wait = flow("Wait", "WAIT", mode="duration", duration="2s")
    workflow_id = await gateway.on(form(path, wait, fields=[{"name": "a"}]))
    async with gateway.http() as http:
        token = token_of((await http.get(f"/form/{path}")).text)
        await http.post(f"/form/{path}", data={"a": "1", "form-nonce": token})
    await gateway.restart()
    async with gateway.http() as http:
        again = await http.post(f"/form/{path}", data={"a": "1", "form-nonce": token})
        assert again.status_code == 303
        (run,) = await gateway.runs(workflow_id)
        assert await gateway.output(run.execution_id) == {"Wait": [{"a": "1"}]}
        await gateway.deactivate(workflow_id)
        gone = await http.get(f"/form/{path}")
    assert gone.status_code == 404
    assert "active" in gone.text
