"""Lists folders, and finds files by patterns: * and ? within a name, ** for any folders."""

import re
from collections.abc import Callable, Iterator
from fnmatch import translate
from functools import cache, lru_cache

from nodes.errors import PermanentError
from nodes.files.path import MOST_SEGMENTS, Segments
from nodes.files.storage import Entry, Storage

MOST_VISITED = 100_000
_MAGIC = re.compile(r"[*?\[]")


def is_pattern(path: Segments) -> bool:
    """Whether any name on the path is a pattern."""
    return any(_MAGIC.search(name) for name in path)


def find(storage: Storage, path: Segments, *, recursive: bool, check: Callable[[], None]) -> Iterator[Entry]:
    """What a folder holds, or what a pattern matches; `check` is called for each folder and may raise to end it."""
    plain = next((depth for depth, name in enumerate(path) if _MAGIC.search(name)), len(path))
    folder, pattern = path[:plain], path[plain:]
    if not pattern:
        yield from _walk(storage, folder, MOST_SEGMENTS if recursive else 1, check)
        return
    if recursive and "**" not in pattern:
        pattern = ("**", *pattern)
    depth = MOST_SEGMENTS if "**" in pattern else len(pattern)
    for entry in _walk(storage, folder, depth, check):
        if _matches(entry.path[plain:], pattern):
            yield entry


def _walk(storage: Storage, folder: Segments, depth: int, check: Callable[[], None]) -> Iterator[Entry]:
    waiting, visited = [folder], 0
    while waiting:
        check()
        here = waiting.pop()
        entries = storage.scan(here)
        visited += len(entries)
        if visited > MOST_VISITED:
            raise PermanentError(
                f"the folder holds more than {MOST_VISITED:,} files and folders",
                code="LIMIT_EXCEEDED",
                hint="list a folder inside it, or one without recursive",
            )
        yield from entries
        if len(here) - len(folder) + 1 < depth:
            waiting.extend(entry.path for entry in reversed(entries) if entry.is_folder)


def _matches(names: Segments, pattern: Segments) -> bool:
    """Whether names match a pattern, each place of both looked at once at most."""

    @cache
    def fits(name: int, step: int) -> bool:
        if step == len(pattern):
            return name == len(names)
        if pattern[step] == "**":
            return fits(name, step + 1) or (name < len(names) and fits(name + 1, step))
        return name < len(names) and bool(_compiled(pattern[step]).match(names[name])) and fits(name + 1, step + 1)

    return fits(0, 0)


@lru_cache(maxsize=256)
def _compiled(name: str) -> re.Pattern[str]:
    return re.compile(translate(name))
