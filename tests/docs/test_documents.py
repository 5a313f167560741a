"""What the documents name exists, and is named: files, headings, settings, calls, dependencies."""

import re
import tomllib
from pathlib import Path

import pytest
from workflow_engine.v1 import auth_pb2, integration_pb2, workflow_service_pb2

from services.identity.permissions import TABLE
from services.settings import Settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
documents = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def slug(heading: str) -> str:
    """The anchor that a heading gets, as GitHub makes it."""
    kept = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower())
    return kept.strip().replace(" ", "-")


def anchors(document: Path) -> set[str]:
    prose = BLOCK.sub("", document.read_text(encoding="utf-8"))
    return {slug(heading) for heading in re.findall(r"^#+ (.+)$", prose, re.MULTILINE)}


def broken_links(document: Path) -> list[str]:
    prose = CODE.sub("", BLOCK.sub("", document.read_text(encoding="utf-8")))
    broken = []
    for link in LINK.findall(prose):
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        if link.startswith(("http://", "https://")):
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    return broken


@documents
def test_links_lead_somewhere(document: Path) -> None:
    assert broken_links(document) == []


def test_the_check_of_links_sees(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text("# A b\n[x](a.md#a-b) [y](#a-c) [z](none.md) `[code](none)` [w](https://example.com)\n")
    assert broken_links(document) == ["#a-c", "none.md"]


def test_every_dependency_has_its_line() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    names = {re.split(r"[\[<>=~!; ]", requirement)[0] for requirement in wanted}
    text = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([a-z0-9-]+) \| .{10,}\|$", text, re.MULTILINE)
    assert sorted(set(rows) - {"package"}) == sorted(names)


def test_every_setting_has_its_row() -> None:
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    table = text.partition("## Settings")[2].partition("\n## ")[0]
    assert {name.upper() for name in Settings.model_fields} - set(CODE.findall(table)) == set()


def test_every_call_has_its_row() -> None:
    text = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    services = (
        workflow_service_pb2.DESCRIPTOR.services_by_name["WorkflowService"],
        integration_pb2.DESCRIPTOR.services_by_name["IntegrationService"],
        auth_pb2.DESCRIPTOR.services_by_name["AuthService"],
    )
    names = {method.name for service in services for method in service.methods}
    assert names - set(CODE.findall(text)) == set()


def test_the_table_of_permissions_is_the_one_in_force() -> None:
    text = (ROOT / "docs/security.md").read_text(encoding="utf-8").partition("| who | may call |")[2]
    rows = re.findall(r"^\| ([a-z ]+) \| (.+) \|$", text.partition("\n\n")[0], re.MULTILINE)
    shown = {(name, who) for who, methods in rows for name in re.findall(r"`([A-Za-z]+)`", methods)}
    ours = {name.rpartition("/")[2]: need for name, need in TABLE.items() if name.startswith("/workflow_engine.")}
    assert shown == {(name, need.value.lower()) for name, need in ours.items()}


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs/decisions"
    listed = re.findall(r"\]\((.+?)\)", (folder / "README.md").read_text(encoding="utf-8"))
    assert listed == sorted(file.name for file in folder.glob("0*.md"))


def test_the_client_is_the_same_wherever_it_is_shown() -> None:
    shown = [
        block
        for name in ("README.md", "docs/api.md")
        for language, block in BLOCK.findall((ROOT / name).read_text(encoding="utf-8"))
        if language == "python"
    ]
    assert len(shown) == 2
    assert shown[0] == shown[1]
