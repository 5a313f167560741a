"""Settings come from the environment; a bad one is named, a secret one never shown."""

import pytest

from services.settings import Settings, SettingsError, load_settings

VARIABLES = [name.upper() for name in Settings.model_fields]


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("DATABASE_URL", "postgresql://u:p@h/d", "postgresql://u:p@h/d"),
        ("DATABASE_ECHO", "true", True),
        ("DATABASE_POOL_SIZE", "3", 3),
        ("GRPC_HOST", "::1", "::1"),
        ("GRPC_PORT", "1234", 1234),
        ("GRPC_REFLECTION", "false", False),
        ("LOG_LEVEL", "debug", "DEBUG"),
        ("LOG_FORMAT", "Console", "console"),
        ("OPENAI_API_KEY", "sk-1", "sk-1"),
        ("JWT_EXPIRE_MINUTES", "5", 5),
        ("JWT_ALGORITHM", "", "HS256"),
        ("ORCHESTRATOR_BUILD_ID", "1.4.0+g3f2a", "1.4.0+g3f2a"),
        ("ORCHESTRATOR_EGRESS_ALLOW", "10.0.0.0/8:443,*.corp", "10.0.0.0/8:443,*.corp"),
        ("ORCHESTRATOR_RETENTION_DAYS", "30", 30),
        ("ORCHESTRATOR_RETENTION_FAILED_DAYS", "0", 0),
        ("ORCHESTRATOR_RETENTION_WORKSPACES", "acme=7, a=b=0,", {"acme": 7, "a=b": 0}),
    ],
)
def test_read(monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: object) -> None:
    monkeypatch.setenv(name, value)
    found = getattr(load_settings(), name.lower())
    assert (found.get_secret_value() if hasattr(found, "get_secret_value") else found) == expected


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("GRPC_PORT", "70000", True),
        ("GRPC_PORT", "x", True),
        ("LOG_LEVEL", "LOUD", True),
        ("LOG_FORMAT", "xml", True),
        ("DATABASE_POOL_SIZE", "0", True),
        ("DATABASE_ECHO", "perhaps", True),
        ("ORCHESTRATOR_BUILD_ID", "1.4 beta", True),
        ("ORCHESTRATOR_EGRESS_ALLOW", "10.0.0.0/40", True),
        ("ORCHESTRATOR_RETENTION_WORKSPACES", "acme", True),
        ("DATABASE_URL", "mysql://root:hunter2@h/d", False),
        ("DATABASE_URL", "hunter2", False),
        ("SECRET_KEY", "hunter2", False),
    ],
)
def test_bad(monkeypatch: pytest.MonkeyPatch, name: str, value: str, shown: bool) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(caught.value).startswith(f"{name}: ")
    assert (value in str(caught.value)) == shown
    assert "hunter2" not in str(caught.value)


def test_every_bad_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRPC_PORT", "x")
    monkeypatch.setenv("LOG_LEVEL", "y")
    with pytest.raises(SettingsError, match=r"GRPC_PORT.*LOG_LEVEL"):
        load_settings()


def test_secrets_are_not_printed() -> None:
    settings = load_settings(database_url="postgresql://u:hunter2@h/d", secret_key="hunter2-hunter2-hunter2")
    assert "hunter2" not in repr(settings)
