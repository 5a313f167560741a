"""Where a description wants a credential."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nodes.openapi.description import Description, Operation
from nodes.openapi.failure import list_at, object_at


@dataclass(frozen=True)
class Scheme:
    """One way to prove who asks: its type, and for an API key where it goes."""

    name: str
    type: str
    place: str = ""
    key_name: str = ""
    scheme: str = ""


def schemes(description: Description, operation: Operation) -> list[Scheme]:
    """The schemes that an operation takes, in the description's order."""
    return list(_schemes(description, _requirements(description, operation)))


def is_required(description: Description, operation: Operation) -> bool:
    """Whether an operation answers nobody without a credential."""
    requirements = _requirements(description, operation)
    return bool(requirements) and all(requirements)


def _requirements(description: Description, operation: Operation) -> list[Mapping[str, Any]]:
    found = operation.definition.get("security", description.document.get("security"))
    return [object_at(entry, "an entry of security") for entry in list_at(found, "security")]


def _schemes(description: Description, requirements: list[Mapping[str, Any]]) -> Iterator[Scheme]:
    components = object_at(description.document.get("components"), "components")
    known = object_at(components.get("securitySchemes"), "securitySchemes")
    for requirement in requirements:
        for name in requirement:
            if name in known:
                given = description.resolved(known[name])
                yield Scheme(
                    name,
                    str(given.get("type", "")),
                    str(given.get("in", "")),
                    str(given.get("name", "")),
                    str(given.get("scheme", "")).lower(),
                )
