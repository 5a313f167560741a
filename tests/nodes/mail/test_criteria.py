"""Criteria become one IMAP search; nothing that a user writes leaves its quotes."""

import datetime
from typing import Any

import pytest

from nodes.errors import PermanentError
from nodes.mail.criteria import Criteria


@pytest.mark.parametrize(
    ("criteria", "command"),
    [
        ({}, "(ALL)"),
        ({"sender": "ann@example.org"}, '(ALL FROM "ann@example.org")'),
        ({"subject": 'a "b" \\ c'}, '(ALL SUBJECT "a \\"b\\" \\\\ c")'),
        ({"text": '" OR ALL "'}, '(ALL TEXT "\\" OR ALL \\"")'),
        ({"to": "Zoë"}, '(ALL TO "Zoë")'),
        ({"since": datetime.date(2026, 3, 1)}, "(ALL SINCE 1-Mar-2026)"),
        ({"before": datetime.date(2026, 12, 31)}, "(ALL BEFORE 31-Dec-2026)"),
        ({"unseen": True, "flagged": True}, "(ALL FLAGGED UNSEEN)"),
    ],
)
def test_commands(criteria: dict[str, Any], command: str) -> None:
    assert Criteria(**criteria).command().decode() == command


@pytest.mark.parametrize("field", ["sender", "to", "subject", "text"])
@pytest.mark.parametrize("value", ["a\r\nA1 DELETE INBOX", "a\nb", "a\x00b", "x" * 501])
def test_texts_that_could_end_a_command_are_refused(field: str, value: str) -> None:
    with pytest.raises(PermanentError) as caught:
        Criteria(**{field: value}).command()  # type: ignore[arg-type]
    assert caught.value.code == "INVALID_PARAMETER"
