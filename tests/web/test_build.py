"""That what is committed is what the sources build: by fingerprint everywhere, by a build of its own where Node is."""

import shutil
import subprocess
from pathlib import Path

import pytest

from services.web.fingerprint import ROOT, built_from, fingerprint

_MODULES = ROOT / "node_modules"


def test_the_built_web_is_that_of_its_sources() -> None:
    assert built_from() == fingerprint(), "run `make web`, and commit what it builds"


def test_a_changed_source_is_noticed(tmp_path: Path) -> None:
    web = _copied(tmp_path)
    assert fingerprint(web) == fingerprint()
    page = web / "src" / "main.tsx"
    page.write_text(page.read_text() + "\n")
    assert fingerprint(web) != built_from(web)


def test_the_page_loads_only_files_of_its_own() -> None:
    page = (ROOT / "dist" / "index.html").read_text()
    assert '<script type="module" crossorigin src="/assets/' in page
    assert "http" not in page
    assert "style=" not in page
    assert "<script>" not in page


def test_the_lock_names_no_host() -> None:
    assert "resolved" not in (ROOT / "package-lock.json").read_text()


@pytest.mark.system
def test_a_build_gives_what_is_committed(tmp_path: Path) -> None:
    web = _copied(tmp_path)
    shutil.rmtree(web / "dist")
    (web / "node_modules").symlink_to(_MODULES)
    _run(web, "run", "build")
    assert _contents(web / "dist") == _contents(ROOT / "dist")


@pytest.mark.system
def test_the_web_is_linted_and_tested() -> None:
    _run(ROOT, "run", "check")
    _run(ROOT, "run", "test")


@pytest.mark.system
def test_the_types_are_those_of_the_contract(tmp_path: Path) -> None:
    subprocess.run(["sh", "build/proto.sh", str(tmp_path / "contract")], cwd=ROOT, check=True, timeout=240)
    committed = ROOT / "src" / "api" / "contract"
    assert _contents(tmp_path / "contract") == _contents(committed), "run `npm run proto` in services/web"


def _copied(folder: Path) -> Path:
    return Path(shutil.copytree(ROOT, folder / "web", ignore=shutil.ignore_patterns("node_modules", "__pycache__")))


def _contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def _run(folder: Path, *arguments: str) -> None:
    done = subprocess.run(["npm", *arguments], cwd=folder, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
