"""An OpenAPI 3 description: finds operations, and follows references within itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any
from urllib.parse import unquote, urljoin

from nodes.errors import PermanentError
from nodes.json_schema import Schema
from nodes.openapi.failure import invalid_spec, list_at, object_at
from nodes.values import listed

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_MOST_HOPS = 20


@dataclass(frozen=True)
class Operation:
    """One operation, with what its path adds to it."""

    method: str
    path: str
    definition: Mapping[str, Any]
    parameters: tuple[Mapping[str, Any], ...]
    servers: tuple[Mapping[str, Any], ...]

    @property
    def name(self) -> str:
        """How messages name it."""
        return f"{self.method.upper()} {self.path}"


class Description:
    """A whole description; `url` is where it came from, if anywhere."""

    def __init__(self, document: Mapping[str, Any], url: str = "") -> None:
        version = str(document.get("openapi", ""))
        if not version.startswith(("3.0", "3.1", "3.2")):
            found = f'says openapi "{version[:20]}"' if version else "has no openapi version"
            if "swagger" in document:
                found = f"is Swagger {str(document['swagger'])[:10]}"
            raise invalid_spec(f"{found}; OpenAPI 3.0 and 3.1 are read", "convert it to OpenAPI 3")
        if not isinstance(document.get("paths"), Mapping):
            raise invalid_spec('has no object "paths"')
        self.document = document
        self.url = url
        self.nullable = version.startswith("3.0")
        # Compiled schemas by where they are and which way they are used.
        self.compiled: dict[tuple[str, ...], Schema] = {}

    def operation(self, operation_id: str) -> Operation:
        """The operation of an id, or of a method and a path; PermanentError says which there are."""
        found = [found for found in self.operations() if operation_id in (found.name, _id(found))]
        if not found:
            there = [_id(operation) or operation.name for operation in self.operations()]
            raise PermanentError(
                f'the parameter "operation_id" names "{operation_id[:100]}", which the description lacks; '
                f"there are {listed(_close(operation_id, there), 15) or 'none'}",
                code="UNKNOWN_OPERATION",
                hint='use an operationId of the description, or a method and a path such as "GET /users/{id}"',
            )
        return found[0]

    def operations(self) -> Iterator[Operation]:
        """Every operation."""
        for path, given in self.document["paths"].items():
            item = self.resolved(given)
            for method in METHODS:
                definition = item.get(method)
                if isinstance(definition, Mapping):
                    yield Operation(
                        method,
                        path,
                        definition,
                        tuple(self._parameters(item, definition)),
                        tuple(self._servers(definition) or self._servers(item) or self._servers(self.document)),
                    )

    def base_url(self, operation: Operation) -> str:
        """Where an operation's server is; PermanentError if the description doesn't say it fully."""
        server = operation.servers[0] if operation.servers else {}
        url = str(server.get("url", ""))
        for name, variable in object_at(server.get("variables"), "a server's variables").items():
            url = url.replace(f"{{{name}}}", str(object_at(variable, "a variable").get("default", "")))
        absolute = urljoin(self.url, url) if self.url else url
        if not absolute.startswith(("http://", "https://")):
            raise PermanentError(
                'the parameter "base_url" is missing; the description names no server with a whole URL',
                code="MISSING_PARAMETER",
            )
        return absolute

    def resolved(self, value: Any) -> Mapping[str, Any]:
        """An object of the description, its references followed; PermanentError if there is none."""
        for _ in range(_MOST_HOPS):
            if not isinstance(value, Mapping):
                raise invalid_spec(f"has {type(value).__name__} where an object is expected")
            if "$ref" not in value:
                return value
            value = self.target(value["$ref"])
        raise invalid_spec("has references that go in a circle")

    def target(self, reference: Any) -> Any:
        """What a reference points to; remote ones aren't followed."""
        if not isinstance(reference, str) or not reference.startswith("#"):
            raise invalid_spec(
                f'refers to "{str(reference)[:100]}"; references to other documents aren\'t followed',
                "bundle the description into one document",
            )
        value: Any = self.document
        for step in reference[1:].split("/")[1:]:
            name = unquote(step).replace("~1", "/").replace("~0", "~")
            if isinstance(value, Mapping) and name in value:
                value = value[name]
            elif isinstance(value, list) and name.isdecimal() and len(name) < 7 and int(name) < len(value):
                value = value[int(name)]
            else:
                raise invalid_spec(f'refers to "{reference[:100]}", which it lacks')
        return value

    def _servers(self, place: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        return [object_at(server, "a server") for server in list_at(place.get("servers"), "servers")]

    def _parameters(self, item: Mapping[str, Any], definition: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        merged: dict[tuple[str, str], Mapping[str, Any]] = {}
        both = (list_at(place.get("parameters"), "parameters") for place in (item, definition))
        for given in chain.from_iterable(both):
            parameter = self.resolved(given)
            merged[(str(parameter.get("in")), str(parameter.get("name")))] = parameter
        yield from merged.values()


def _id(operation: Operation) -> str:
    return str(operation.definition.get("operationId", ""))


def _close(name: str, there: list[str]) -> list[str]:
    near = [one for one in there if name.lower() in one.lower() or one.lower() in name.lower()]
    return near or there
