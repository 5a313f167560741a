"""The names of task queues."""

import pytest

from temporal.queues import task_queue


@pytest.mark.parametrize(
    ("queue", "runs", "expected"),
    [
        ("", "default", "default"),
        ("default", "default", "default"),
        ("code", "default", "code"),
        ("", "stack", "stack"),
        ("default", "stack", "stack"),
        ("code", "stack", "stack-code"),
        ("gpu", "stack", "stack-gpu"),
    ],
)
def test_task_queue(queue: str, runs: str, expected: str) -> None:
    assert task_queue(queue, runs) == expected
