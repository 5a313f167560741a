"""Every operation of every vendor, against mocks made from the vendors' descriptions: what is sent, and what fails."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from nodes.errors import NodeError, PermanentError, RetryableError
from nodes.external_action import github, google_calendar, slack, trello
from tests.nodes.external_action.conftest import AUTHORIZATIONS
from tests.nodes.external_action.operations import CASES, Case
from tests.vendors.mock import Reply, VendorMock

Run = Callable[..., Awaitable[Any]]
Mocks = dict[str, VendorMock]
MODULES = {"GITHUB": github, "GOOGLE_CALENDAR": google_calendar, "SLACK": slack, "TRELLO": trello}
each = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)


def test_every_operation_has_a_case() -> None:
    cases = {(case.vendor, case.parameters["operation"]) for case in CASES}
    assert cases == {(vendor, name) for vendor, module in MODULES.items() for name in module.OPERATIONS}


@each
async def test_sends(case: Case, perform: Run, mocks: Mocks) -> None:
    returned = await perform(case.vendor, case.parameters, files=case.files)
    sent = [(r.method, r.path.removeprefix("/base"), dict(r.query), r.body) for r in mocks[case.vendor].received]
    assert sent == case.requests
    entries = returned if isinstance(returned, list) else [returned]
    assert entries
    assert all(isinstance(entry, dict) and entry for entry in entries)


@each
async def test_validates(case: Case, problems: Callable[..., list[Any]]) -> None:
    assert problems(f"EXTERNAL_ACTION.{case.vendor}", **case.parameters) == []
    templated = {name: "{{ $json.x }}" if name != "operation" else value for name, value in case.parameters.items()}
    assert problems(f"EXTERNAL_ACTION.{case.vendor}", **templated) == []


@each
async def test_names_an_unknown_parameter(case: Case, problems: Callable[..., list[Any]]) -> None:
    found = problems(f"EXTERNAL_ACTION.{case.vendor}", **case.parameters, colour="red")
    assert ["colour" in problem.message for problem in found] == [True]


@each
async def test_needs_its_parameters(case: Case, problems: Callable[..., list[Any]]) -> None:
    found = problems(f"EXTERNAL_ACTION.{case.vendor}", operation=case.parameters["operation"])
    model = MODULES[case.vendor].OPERATIONS[case.parameters["operation"]]
    required = {name for name, field in model.model_fields.items() if field.is_required()} - {"operation"}
    assert len(found) >= len(required)
    assert all(any(f'"{name}"' in problem.message for problem in found) for name in required)


@each
async def test_needs_a_credential(case: Case, perform: Run) -> None:
    with pytest.raises(PermanentError, match='no credential in its slot "auth"') as caught:
        await perform(case.vendor, case.parameters, files=case.files, credentials={})
    assert caught.value.code == "MISSING_CREDENTIAL"


@each
@pytest.mark.parametrize(
    ("reply", "code", "retryable"),
    [
        (Reply(401, {"message": "Bad credentials"}), "CREDENTIAL_REJECTED", False),
        (Reply(403, {"message": "No"}), "FORBIDDEN", False),
        (Reply(404, {"message": "Not Found"}), "NOT_FOUND", False),
        (Reply(422, {"message": "Invalid"}), "REFUSED", False),
        (Reply(429, {"message": "Slow down"}, {"retry-after": "17"}), "RATE_LIMITED", True),
        (Reply(503, b"<html>down</html>", {"retry-after": "5"}), "HTTP_STATUS", True),
        (Reply(200, b"<html>hello</html>"), "INVALID_RESPONSE", False),
        (Reply(200, b'"text"'), "INVALID_RESPONSE", False),
        (Reply(200), "INVALID_RESPONSE", False),
        (Reply(200, {}, delay=0.08), "TIMEOUT", True),
    ],
    ids=["401", "403", "404", "422", "429", "503", "malformed", "not-an-object", "empty", "slow"],
)
async def test_fails(case: Case, reply: Reply, code: str, retryable: bool, perform: Run, mocks: Mocks) -> None:
    mocks[case.vendor].replies.append(reply)
    timeout = {"timeout": "0.05s"} if reply.delay else {}
    if case.parameters["operation"] in ("delete_card", "delete_event") and reply.status == 200 and not reply.delay:
        # What a deletion answers isn't looked at.
        assert (await perform(case.vendor, case.parameters))["deleted"] is True
        return
    with pytest.raises(NodeError) as caught:
        await perform(case.vendor, {**case.parameters, **timeout}, files=case.files)
    error = caught.value
    assert (error.code, isinstance(error, RetryableError)) == (code, retryable)
    assert error.hint or code in ("INVALID_RESPONSE",)
    assert error.retry_after == {429: 17, 503: 5}.get(reply.status)
    said = f"{error.message} {error.hint}"
    assert "secret" not in said
    if code == "NOT_FOUND":
        assert case.vendor.split("_")[0].lower() in said.lower()


@pytest.mark.parametrize("vendor", AUTHORIZATIONS)
@pytest.mark.parametrize("operation", [None, "no_such_thing", 7])
def test_names_the_operations(vendor: str, operation: Any, problems: Callable[..., list[Any]]) -> None:
    given = {} if operation is None else {"operation": operation}
    found = problems(f"EXTERNAL_ACTION.{vendor}", **given)
    assert len(found) == 1
    assert '"operation"' in found[0].message
    if operation == "no_such_thing":
        assert all(name in found[0].message for name in MODULES[vendor].OPERATIONS)


@pytest.mark.parametrize("vendor", AUTHORIZATIONS)
async def test_keeps_the_credential_to_its_hosts(vendor: str, perform: Run, mocks: Mocks) -> None:
    case = next(case for case in CASES if case.vendor == vendor)
    elsewhere = mocks[vendor].url.replace("127.0.0.1", "127.0.0.2")
    with pytest.raises(PermanentError) as caught:
        await perform(vendor, {**case.parameters, "base_url": elsewhere})
    assert caught.value.code == "CREDENTIAL_HOST"
    assert mocks[vendor].received == []
