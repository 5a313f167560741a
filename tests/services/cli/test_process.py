"""What a process's log is like: for a terminal, or for a collector."""

import pytest

from services.cli import process


@pytest.mark.parametrize(
    ("environment", "for_people", "logged"),
    [
        ({}, False, ("INFO", "json")),
        ({}, True, ("WARNING", "console")),
        ({"LOG_LEVEL": "INFO"}, True, ("INFO", "console")),
        ({"LOG_LEVEL": "DEBUG", "LOG_FORMAT": "json"}, True, ("DEBUG", "json")),
        ({"LOG_FORMAT": "json"}, True, ("WARNING", "json")),
        ({"LOG_LEVEL": "ERROR", "LOG_FORMAT": "console"}, False, ("ERROR", "console")),
    ],
)
def test_logs_as_asked_or_as_its_readers_like(
    environment: dict[str, str], for_people: bool, logged: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configured = []
    monkeypatch.setattr(process.logging, "configure", lambda *given: configured.append(given))
    for name in ("LOG_LEVEL", "LOG_FORMAT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    process.current_settings("dev", for_people=for_people)
    assert configured == [(*logged, "dev")]
