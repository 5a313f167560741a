"""`orchestrator credentials …`: secrets come from files, the standard input or a prompt, and are never printed."""

import base64
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from services.cli import credentials
from services.store.keyring import read_keys

SECRET = "the-secret-of-the-command-line"


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    file = tmp_path / "secrets.json"
    file.write_text(json.dumps({"password": SECRET}))
    return file


@pytest.fixture
def made(cli: Any, secrets: Path) -> dict[str, Any]:
    options = ("--field", "user=ada", "--secrets", secrets, "--host", "a.example.com")
    shown: dict[str, Any] = cli.json("credentials", "create", "http_basic", "of the shop", *options)
    return shown


def test_a_credential_is_kept_listed_tested_rotated_and_deleted(cli: Any, made: dict[str, Any], tmp_path: Path) -> None:
    assert made["fields"] == {"user": "ada"}
    listed = cli("credentials", "list", "--type", "http_basic")
    assert made["id"] in listed.stdout
    assert "a.example.com" in listed.stdout
    assert cli.json("credentials", "test", made["id"])["ok"] is True
    file = tmp_path / "new.json"
    file.write_text('{"password": "another"}')
    rotated = cli("credentials", "rotate", made["id"], "--secrets", file)
    assert f"Rotated credential {made['id']}" in rotated.stdout
    outputs = json.dumps(made) + listed.stdout + rotated.stdout
    assert SECRET not in outputs
    assert "another" not in rotated.stdout
    assert "Deleted" in cli("credentials", "delete", made["id"]).stdout
    assert cli.json("credentials", "test", made["id"], code=1)["error"]["code"] == "INTEGRATION_NOT_FOUND"


def test_secrets_come_from_the_standard_input(cli: Any) -> None:
    command = cli.command("credentials", "create", "http_bearer", "n", "--host", "a.b", "--secrets", "-", "--json")
    done = subprocess.run(
        command, input=json.dumps({"token": SECRET}), env=cli.environment(), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout)["type"] == "http_bearer"
    assert SECRET not in done.stdout + done.stderr


def test_secrets_are_asked_for_on_a_terminal(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

    asked = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return SECRET

    monkeypatch.setattr(credentials.sys, "stdin", Terminal())
    monkeypatch.setattr(credentials, "getpass", answer)

    async def create() -> None:
        monkeypatch.setenv("ORCHESTRATOR_ADDRESS", cli.address)
        await credentials.create("http_bearer", "n", [], None, ["a.b"], "", as_json=True)

    import asyncio

    asyncio.run(create())
    assert asked == ["Token: "]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("http_bearer", "n", "--field", f"token={SECRET}"), "SECRET_ON_COMMAND_LINE"),
        (("http_bearer", "n"), "NO_SECRETS"),
        (("http_bearer", "n", "--field", "nonsense"), "INVALID_FIELD"),
        (("nonsense", "n"), "UNKNOWN_CREDENTIAL_TYPE"),
    ],
)
def test_what_is_wrong_is_named(cli: Any, arguments: tuple[str, ...], code: str) -> None:
    shown = cli.json("credentials", "create", *arguments, code=2)
    assert [problem["code"] for problem in shown["problems"]] == [code]
    assert SECRET not in json.dumps(shown)


@pytest.mark.parametrize("content", [SECRET, f'["{SECRET}"]', f'{{"token": "{SECRET}"'])
def test_a_bad_file_of_secrets_is_not_shown(cli: Any, tmp_path: Path, content: str) -> None:
    file = tmp_path / "secrets"
    file.write_text(content)
    done = cli("credentials", "create", "http_bearer", "n", "--host", "a.b", "--secrets", file)
    assert done.exit_code == 2
    assert "INVALID_SECRETS" in done.stdout
    assert SECRET not in done.output


def test_the_types_are_listed(cli: Any) -> None:
    assert "user, password*" in cli("credentials", "types").stdout
    types = {kind["name"]: kind for kind in cli.json("credentials", "types")["types"]}
    assert types["http_basic"]["fields"]["properties"]["password"]["writeOnly"] is True


def test_dev_keeps_a_key_of_its_own(shared_dev: Any, made: dict[str, Any]) -> None:
    file = Path(shared_dev.addresses["Data"]) / "secret.key"
    assert file.stat().st_mode & 0o777 == 0o600
    read_keys(file.read_text())


def test_keys_are_rotated(
    cli: Any, cli_at: Any, shared_dev: Any, made: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = (Path(shared_dev.addresses["Data"]) / "secret.key").read_text()
    new = f"new:{base64.b64encode(b'n' * 32).decode()}"
    monkeypatch.setenv("DATABASE_URL", shared_dev.addresses["PostgreSQL"])
    monkeypatch.setenv("SECRET_KEY", f"{new},{old}")
    rotate: Callable[..., dict[str, Any]] = cli_at(None).json
    done = rotate("credentials", "rotate-keys")
    assert done["key"] == "new"
    assert done["sealed_again"] >= 1
    assert done["stuck"] == []
    # The shared server knows the old key only: back to it.
    monkeypatch.setenv("SECRET_KEY", f"{old},{new}")
    assert rotate("credentials", "rotate-keys")["sealed_again"] == done["sealed_again"] + done["current_already"]
    assert cli.json("credentials", "test", made["id"])["ok"] is True
    monkeypatch.setenv("SECRET_KEY", new)
    assert rotate("credentials", "rotate-keys", code=1)["stuck"]
    monkeypatch.delenv("SECRET_KEY")
    assert rotate("credentials", "rotate-keys", code=1)["error"]["code"] == "NO_SECRET_KEY"


def test_a_new_key_can_be_used(cli_at: Any) -> None:
    assert read_keys(cli_at(None)("credentials", "new-key").stdout.strip()).current


def test_nothing_sealed_is_readable(shared_dev: Any, made: dict[str, Any]) -> None:
    with psycopg.connect(shared_dev.addresses["PostgreSQL"]) as connection:
        row = connection.execute(
            "SELECT sealed, shown_fields FROM integrations WHERE id = %s", (made["id"],)
        ).fetchone()
    assert row is not None
    assert SECRET.encode() not in row[0]
    assert json.loads(row[1]) == {"user": "ada"}
