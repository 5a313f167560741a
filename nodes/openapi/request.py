"""Builds the request of an operation from its arguments, each checked against the description."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

from nodes.errors import PermanentError
from nodes.json_schema import MOST_PROBLEMS
from nodes.openapi.description import Description, Operation
from nodes.openapi.failure import invalid_spec, object_at
from nodes.openapi.schemas import compiled
from nodes.openapi.style import filled, in_cookie, in_header, in_path, in_query
from nodes.values import as_text, listed
from orchestrator import exact_json

BODY = "body"
_IN = ("path", "query", "header", "cookie")
# The description itself says that these are not parameters.
_NOT_PARAMETERS = frozenset({"accept", "content-type", "authorization"})


@dataclass
class Prepared:
    """A request's parts: the path is encoded, and so are the names and values of the query."""

    method: str
    path: str
    query: list[tuple[str, str]] = field(default_factory=list)
    headers: list[tuple[str, str]] = field(default_factory=list)
    content: bytes | None = None

    def add_cookies(self, cookies: list[tuple[str, str]]) -> None:
        """Adds cookies to those that there are."""
        written = [value for name, value in self.headers if name.lower() == "cookie"]
        self.headers = [header for header in self.headers if header[0].lower() != "cookie"]
        written += [f"{name}={value}" for name, value in cookies]
        self.headers.append(("cookie", "; ".join(written)))

    def url(self, base: str) -> str:
        """The whole URL on a server; the server's own query stays."""
        root, _, own = base.partition("?")
        query = "&".join([*([own] if own else []), *(f"{name}={value}" for name, value in self.query)])
        return root.rstrip("/") + self.path + (f"?{query}" if query else "")


def prepare(description: Description, operation: Operation, arguments: Mapping[str, Any]) -> Prepared:
    """The request; PermanentError names each argument that doesn't fit."""
    named = dict(_named(operation))
    _check(description, operation, named, arguments)
    given = [(parameter, arguments[name]) for name, parameter in named.items() if arguments.get(name) is not None]
    path = {
        str(parameter["name"]): in_path(parameter, value) for parameter, value in given if parameter["in"] == "path"
    }
    prepared = Prepared(operation.method.upper(), filled(operation.path, _complete(operation, path)))
    cookies: list[tuple[str, str]] = []
    for parameter, value in given:
        if parameter["in"] == "query":
            prepared.query += in_query(parameter, value)
        elif parameter["in"] == "header":
            prepared.headers.append((str(parameter["name"]), in_header(parameter, value)))
        elif parameter["in"] == "cookie":
            cookies += in_cookie(parameter, value)
    if cookies:
        prepared.add_cookies(cookies)
    if BODY in arguments and "requestBody" in operation.definition:
        prepared.content, content_type = _body(_media(description, operation), arguments[BODY])
        prepared.headers.append(("content-type", content_type))
    return prepared


def arguments_schema(description: Description, operation: Operation) -> Iterator[tuple[str, Mapping[str, Any], bool]]:
    """Each argument's name, schema and whether it must be given."""
    for name, parameter in _named(operation):
        yield name, _schema_of(parameter), bool(parameter.get("required"))
    if "requestBody" in operation.definition:
        body = description.resolved(operation.definition["requestBody"])
        yield BODY, _media(description, operation)[1].get("schema", {}), bool(body.get("required"))


def _named(operation: Operation) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The parameters by the names that arguments have: `in.name` where a name alone isn't unique."""
    parameters = [
        parameter
        for parameter in operation.parameters
        if parameter.get("in") in _IN
        and not (parameter["in"] == "header" and str(parameter.get("name")).lower() in _NOT_PARAMETERS)
    ]
    counts = Counter(str(parameter.get("name")) for parameter in parameters)
    if "requestBody" in operation.definition:
        counts[BODY] += 1
    for parameter in parameters:
        name = str(parameter.get("name"))
        yield (name if counts[name] == 1 else f"{parameter['in']}.{name}"), parameter


def _check(
    description: Description, operation: Operation, named: Mapping[str, Any], arguments: Mapping[str, Any]
) -> None:
    known = list(arguments_schema(description, operation))
    names = [name for name, _, _ in known]
    problems = [
        f'"arguments.{name[:100]}" is unknown; there are {listed(names, 20) or "none"}'
        for name in arguments
        if name not in names
    ]
    for name, schema, required in known:
        absent = name not in arguments or (arguments[name] is None and name in named)
        if absent and required:
            problems.append(f'"arguments.{name}" is missing')
        elif not absent:
            checked = compiled(description, schema, "request", operation.name, name)
            problems += checked.problems(arguments[name], f"arguments.{name}")
            if named.get(name, {}).get("in") == "path" and arguments[name] in ("", [], {}):
                problems.append(f'"arguments.{name}" is empty, but is a part of the path')
    if problems:
        raise PermanentError(
            f"the arguments don't fit {operation.name}: {'; '.join(problems[:MOST_PROBLEMS])}",
            code="INVALID_ARGUMENTS",
            hint='correct the parameter "arguments"',
        )


def _complete(operation: Operation, path: dict[str, str]) -> dict[str, str]:
    missing = [name for name in _placeholders(operation.path) if name not in path]
    if missing:
        raise invalid_spec(f"doesn't describe {listed(missing)} of the path {operation.path}")
    return path


def _placeholders(path: str) -> Iterator[str]:
    for piece in path.split("{")[1:]:
        yield piece.partition("}")[0]


def _schema_of(parameter: Mapping[str, Any]) -> Any:
    content = object_at(parameter.get("content"), "a parameter's content")
    if content:
        return object_at(next(iter(content.values())), "a parameter's content").get("schema", {})
    return parameter.get("schema", {})


def _media(description: Description, operation: Operation) -> tuple[str, Mapping[str, Any]]:
    body = description.resolved(operation.definition["requestBody"])
    content = object_at(body.get("content"), "a body's content")

    def preference(media: str) -> int:
        plain = media.partition(";")[0].strip().lower()
        if plain == "application/json" or plain in ("*/*", "application/*"):
            return 0
        if plain.endswith("+json"):
            return 1
        return {"application/x-www-form-urlencoded": 2, "text/plain": 3}.get(plain, 9)

    best = min(content, key=preference, default="")
    if not best or preference(best) == 9:
        raise PermanentError(
            f"{operation.name} takes {listed(content) or 'a body of no stated type'}, which can't be written here",
            code="UNSUPPORTED_BODY",
            hint="use HTTP_REQUEST for it",
        )
    return ("application/json" if "*" in best else best), object_at(content[best], "a body's content")


def _body(media: tuple[str, Mapping[str, Any]], value: Any) -> tuple[bytes, str]:
    content_type = media[0]
    if "json" in content_type:
        return exact_json.dumps(value).encode(), content_type
    if content_type.startswith("text/plain"):
        return as_text(value).encode(), content_type
    if not isinstance(value, Mapping):
        raise PermanentError(f'"arguments.{BODY}" must be an object to be sent as a form', code="INVALID_ARGUMENTS")
    pairs = [
        f"{quote_plus(str(name))}={quote_plus(as_text(entry))}"
        for name, child in value.items()
        for entry in (child if isinstance(child, list) else [child])
        if entry is not None
    ]
    return "&".join(pairs).encode(), content_type
