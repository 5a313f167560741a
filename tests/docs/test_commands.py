"""What the documents tell people to type exists: commands, options, settings, files, services of compose."""

import re
import subprocess
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from services.cli import server, session
from services.cli.app import app
from services.settings import Settings
from services.store.migrate import Base
from temporal.dev_server import find_binary
from tests.docs.test_documents import BLOCK, CODE, DOCUMENTS, ROOT, documents

# What begins like a setting of ours. Those of OpenTelemetry and Temporal are theirs.
SETTING = re.compile(
    r"\b(?:ORCHESTRATOR|DATABASE|GRPC|JWT|LOG|HTTP_(?=TLS|HOST|PORT))_?[A-Z][A-Z0-9_]*[A-Z0-9]\b(?!_?…)"
)
METRIC = re.compile(r"\borchestrator_[a-z][a-z_]*\b")
_ASSIGNMENT = re.compile(r"[A-Z_]+=\S*|export")


def shown_commands(text: str) -> Iterator[str]:
    """What the text tells people to type: inline code, and the lines of its shell blocks."""
    for language, block in BLOCK.findall(text):
        if language in ("sh", ""):
            lines = re.sub(r"\\\n\s*", "", block).splitlines()
            yield from (line.partition(" #")[0].strip() for line in lines)
    yield from CODE.findall(BLOCK.sub("", text))


def unknown_commands(text: str) -> list[str]:
    """Those commands that there aren't, or that have no such option."""
    unknown = []
    for command in shown_commands(text):
        words = command.split()
        while words and _ASSIGNMENT.fullmatch(words[0]):
            words = words[1:]
        if len(words) > 1 and not _is_known(words):
            unknown.append(command)
    return unknown


def _is_known(words: Sequence[str]) -> bool:
    program = Path(words[0]).name if "/" not in words[0].strip("/") or words[0].startswith(".venv/") else words[0]
    if program == "make":
        return words[1] in _targets() or "=" in words[1]
    if program == "orchestrator":
        return is_command(words[1:])
    if program == "temporal":
        return is_temporal_command(words[1:])
    if words[:2] == ["docker", "compose"]:
        return _fits_compose(words[2:])
    if program == "kubectl":
        return all((ROOT / word).exists() for word in words if word.startswith("deploy/"))
    return True


@cache
def _targets() -> frozenset[str]:
    return frozenset(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def is_command(words: Sequence[str]) -> bool:
    """Whether the words begin with a command of ours, and name only options that it has."""
    command: Any = typer.main.get_command(app)
    for word in words:
        if hasattr(command, "commands") and word != "…":
            if word not in command.commands:
                return False
            command = command.commands[word]
    options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    return all(word.strip("[]") in options for word in words if word.strip("[]").startswith("--"))


def is_temporal_command(words: Sequence[str]) -> bool:
    """The same for Temporal's."""
    names = []
    for word in words:
        if not re.fullmatch(r"[a-z][a-z-]*", word):
            break
        names.append(word)
    usage = _temporal(*names, "--help")
    if f"\n  temporal {' '.join(names)} [" not in usage:
        return False
    known = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", usage + _temporal("options")))
    return {word for word in words if word.startswith("-")} <= known


@cache
def _temporal(*arguments: str) -> str:
    binary = find_binary()
    assert binary
    return subprocess.run([binary, *arguments], capture_output=True, text=True, check=True).stdout


def _fits_compose(words: Sequence[str]) -> bool:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    profiles = {profile for service in services.values() for profile in service.get("profiles", [])}
    after = dict(pairwise(words))
    named = [after.get("exec", ""), after.get("--scale", "").partition("=")[0]]
    if not all(name in services for name in named if name):
        return False
    if "orchestrator" in words and not is_command(words[words.index("orchestrator") + 1 :]):
        return False
    return all(word in profiles for flag, word in pairwise(words) if flag == "--profile")


@cache
def _settings() -> frozenset[str]:
    """Every variable that a program of ours reads, and those of docker-compose.yml and its image."""
    commands = {value for module in (server, session) for value in vars(module).values() if isinstance(value, str)}
    compose = re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    web = re.findall(r"process\.env\.(\w+)", (ROOT / "services/web/vite.config.ts").read_text(encoding="utf-8"))
    return frozenset({name.upper() for name in Settings.model_fields} | commands | set(compose) | set(web))


def named(document: Path, pattern: re.Pattern[str]) -> set[str]:
    """What a document names like that, in code."""
    text = document.read_text(encoding="utf-8")
    code = [*CODE.findall(BLOCK.sub("", text)), *(block for _, block in BLOCK.findall(text))]
    return {name for one in code for name in pattern.findall(one)}


@documents
def test_commands_exist(document: Path) -> None:
    assert unknown_commands(document.read_text(encoding="utf-8")) == []


@documents
def test_settings_exist(document: Path) -> None:
    assert named(document, SETTING) - _settings() == set()


@documents
def test_metrics_exist(document: Path) -> None:
    """The list of all is compared with what processes show."""
    known = named(ROOT / "docs/observability.md", METRIC)
    assert named(document, METRIC) - known == set()


def test_the_statements_name_tables_that_there_are() -> None:
    statements = [
        block
        for document in DOCUMENTS
        for language, block in BLOCK.findall(document.read_text(encoding="utf-8"))
        if language == "sql"
    ]
    found = re.findall(r"\b(?:FROM|INTO|UPDATE) (\w+)", "\n".join(statements))
    assert found
    assert set(found) - set(Base.metadata.tables) == set()


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("`make test` and `orchestrator run FILE --json`", []),
        ("`make tea`", ["make tea"]),
        ("`orchestrator fly`", ["orchestrator fly"]),
        ("`orchestrator executions list --colour`", ["orchestrator executions list --colour"]),
        ("```sh\nA=b orchestrator executions fly\n```", ["A=b orchestrator executions fly"]),
        ("```\norchestrator fly\n```", ["orchestrator fly"]),
        ("`temporal workflow show -w ID --output json`", []),
        ("`temporal workflow fly -w ID`", ["temporal workflow fly -w ID"]),
        ("```sh\ntemporal workflow list \\\n  --colour\n```", ["temporal workflow list --colour"]),
        ("`docker compose exec engine orchestrator migrate`", ["docker compose exec engine orchestrator migrate"]),
        ("`docker compose exec db orchestrator fly`", ["docker compose exec db orchestrator fly"]),
        ("`docker compose --profile tea up`", ["docker compose --profile tea up"]),
        ("`kubectl apply --kustomize deploy/nowhere`", ["kubectl apply --kustomize deploy/nowhere"]),
    ],
)
def test_the_check_of_commands_sees(text: str, unknown: list[str]) -> None:
    assert unknown_commands(text) == unknown


def test_the_check_of_settings_sees(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text(
        "`ORCHESTRATOR_TEA=1`, `GRPC_PORT`, ORCHESTRATOR_PROSE\n```sh\nHTTP_TLS_TEA=1 LOG_LEVEL=x\n```\n"
    )
    assert named(document, SETTING) - _settings() == {"ORCHESTRATOR_TEA", "HTTP_TLS_TEA"}
