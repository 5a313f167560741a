"""The fingerprint of what the web is built from; `build/fingerprint.mjs` makes the same while it builds."""

import hashlib
from pathlib import Path

ROOT = Path(__file__).parent
_FILES = ("index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts")
_FOLDERS = ("build", "src")


def fingerprint(root: Path = ROOT) -> str:
    """SHA-256 over the lines "sha256  path" of all source files, in the order of their paths."""
    found = [root / name for name in _FILES]
    found += [path for folder in _FOLDERS for path in (root / folder).rglob("*") if path.is_file()]
    lines = sorted((path.relative_to(root).as_posix(), path) for path in found)
    whole = hashlib.sha256()
    for name, path in lines:
        whole.update(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}\n".encode())
    return whole.hexdigest()


def built_from(root: Path = ROOT) -> str:
    """The fingerprint of the sources that `dist` was built from; empty if it wasn't built."""
    kept = root / "dist" / "SOURCES.sha256"
    return kept.read_text().strip() if kept.is_file() else ""
