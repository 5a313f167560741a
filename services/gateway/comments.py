"""What the contract's files say of methods, messages and fields: descriptors don't keep comments."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files

_DECLARED = re.compile(
    r"^(?P<kind>message|enum|service|rpc)\s+(?P<name>\w+)|^(?:repeated |optional )?[\w.<>, ]+\s(?P<field>\w+)\s=\s\d+"
)


@cache
def comments() -> Mapping[str, str]:
    """By `Message`, `Message.field`, `Service` and `Service.Method`."""
    folder = files("workflow_engine.v1")
    texts = [file.read_text("utf-8") for file in folder.iterdir() if file.name.endswith(".proto")]
    return dict(entry for text in texts for entry in _entries(text))


def _entries(text: str) -> Iterator[tuple[str, str]]:
    said: list[str] = []
    outer = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("//"):
            said.append(line.lstrip("/ "))
            continue
        found = _DECLARED.match(line)
        if found:
            inner = found["kind"] in (None, "rpc")
            name = f"{outer}.{found['name'] or found['field']}" if inner else found["name"]
            outer = outer if inner else name
            if said:
                yield name, " ".join(said)
        said = []
