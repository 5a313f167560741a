"""Paths as users write them, checked before anything is opened: what is refused never reaches a store."""

import re
import unicodedata
from collections.abc import Sequence
from itertools import pairwise

from nodes.errors import PermanentError

Segments = tuple[str, ...]
MOST_BYTES = 1024
MOST_NAME_BYTES = 255
MOST_SEGMENTS = 64
_DRIVE = re.compile(r"[A-Za-z]:")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
_HOME = re.compile(r"~[^/]*/|~$")
_DEVICES = frozenset({"con", "prn", "aux", "nul", "conin$", "conout$", "clock$"})
_NUMBERED_DEVICE = re.compile(r"(com|lpt)[0-9¹²³]")
# A repository's own folders: what is written there, a later command runs.
_REPOSITORIES = frozenset({".git", "git~1", ".hg", ".svn", ".bzr"})
_HOOK = re.compile(
    r"(applypatch-msg|commit-msg|fsmonitor-watchman|p4-.+|pre-.+|post-.+|prepare-commit-msg|proc-receive|push-to-checkout"
    r"|reference-transaction|sendemail-validate|update)(\..*)?"
)
# Line and paragraph separators, and marks that turn the order of what is shown around.
_MISLEADING = frozenset("\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class PathError(ValueError):
    """A path that is refused, and why, in words that follow the path."""


def split(text: str) -> Segments:
    """The names on a path from its root, none for the root itself; PathError if it is refused."""
    if not text.strip():
        raise PathError("is empty")
    if len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        raise PathError(f"is longer than {MOST_BYTES:,} bytes")
    _refuse_characters(text)
    if text.startswith("/"):
        raise PathError("is absolute; paths begin in the workspace's own folder")
    if "\\" in text:
        raise PathError("has a backslash; folders are separated by /")
    if _DRIVE.match(text):
        raise PathError("begins with a drive; paths begin in the workspace's own folder")
    if _URL.match(text):
        raise PathError("is a URL; paths begin in the workspace's own folder")
    if _HOME.match(text):
        raise PathError("begins with a home folder; paths begin in the workspace's own folder")
    names = tuple(name for name in text.split("/") if name not in ("", "."))
    if len(names) > MOST_SEGMENTS:
        raise PathError(f"is deeper than {MOST_SEGMENTS} folders")
    for name in names:
        _refuse_name(name)
    _refuse_hook(names)
    return names


def split_file(text: str) -> Segments:
    """The same for what must be a file, so neither the root nor anything that ends like a folder."""
    names = split(text)
    if not names or text.endswith(("/", "/.")):
        raise PathError("is a folder; expected a file's path")
    return names


def given(text: str, parameter: str, *, folder: bool = False) -> Segments:
    """The names on a path that a parameter holds; PermanentError names the parameter."""
    try:
        return split(text) if folder else split_file(text)
    except PathError as error:
        raise PermanentError(
            f'the parameter "{parameter}" is "{printable(text)}", which {error}',
            code="INVALID_PATH",
            hint="write a path inside the workspace's folder, such as reports/2026.csv",
        ) from None


def is_allowed(names: Sequence[str]) -> bool:
    """Whether a path that is there may be seen."""
    try:
        split("/".join(names))
    except PathError:
        return False
    return True


def printable(text: str, limit: int = 200) -> str:
    """A text as a message may show it: nothing in it acts on a terminal or a log."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:limit])
    return shown + ("…" if len(text) > limit else "")


def safe_name(name: str) -> str:
    """A file's name that any store and any browser takes, made of one that anyone may have sent."""
    last = re.split(r"[/\\]", name)[-1]
    kept = "".join("_" if _is_refused(c) or c in '<>:"|?*' else c for c in last).lstrip().rstrip(" .")
    while len(kept.encode()) > MOST_NAME_BYTES:
        stem, dot, suffix = kept.rpartition(".")
        kept = f"{stem[:-1]}.{suffix}" if dot and stem and len(suffix.encode()) < 32 else kept[:-1]
    try:
        return split_file(kept)[0]
    except PathError:
        return "file"


def _is_refused(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in _MISLEADING


def _refuse_characters(text: str) -> None:
    for character in text:
        if _is_refused(character):
            raise PathError(f"has the character U+{ord(character):04X}, which no path may have")


def _refuse_name(name: str) -> None:
    folded = unicodedata.normalize("NFKC", name)
    if name == ".." or set(folded) <= {".", " "}:
        raise PathError("leads out of a folder" if name == ".." else "has a name of nothing but dots or spaces")
    if "/" in folded or "\\" in folded:
        raise PathError("has a character that is taken for a slash elsewhere")
    if len(name.encode()) > MOST_NAME_BYTES:
        raise PathError(f"has a name of more than {MOST_NAME_BYTES} bytes")
    plain = _plain(name)
    if plain in _REPOSITORIES:
        raise PathError("leads into a repository's own folder")
    stem = plain.partition(".")[0].rstrip()
    if stem in _DEVICES or _NUMBERED_DEVICE.fullmatch(stem):
        raise PathError("has a name that means a device on some systems")


def _plain(name: str) -> str:
    """A name as the most forgiving file systems read it: no case, no invisible marks, no trailing dots or streams."""
    visible = "".join(c for c in unicodedata.normalize("NFKC", name) if unicodedata.category(c) != "Cf")
    return visible.partition(":")[0].casefold().strip().rstrip(". ")


def _refuse_hook(names: Segments) -> None:
    plain = [_plain(name) for name in names]
    for folder, name in pairwise(plain):
        if (folder in ("hooks", ".husky", ".githooks") and _HOOK.fullmatch(name)) or folder == ".husky":
            raise PathError("is a hook, which a later command would run")
