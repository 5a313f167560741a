"""What `orchestrator credentials …` does by the API."""

import sys
from collections.abc import Mapping, Sequence
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from google.protobuf import json_format
from workflow_engine.v1 import integration_pb2 as wire

from orchestrator import exact_json
from orchestrator.errors import Problem
from services.cli.console import local_time, table
from services.cli.failure import Exit, Failure, invalid, plain, print_json
from services.cli.reading import read_object
from services.cli.server import TIMEOUT, address, connected_to_integrations

if TYPE_CHECKING:
    from workflow_engine.v1.integration_pb2_grpc import IntegrationServiceAsyncStub as Stub

_PAGE = 1000


async def types(as_json: bool) -> Exit:
    """List credential types."""
    async with connected_to_integrations(address()) as stub:
        found = list((await stub.ListCredentialTypes(wire.ListCredentialTypesRequest(), timeout=TIMEOUT)).types)
    if as_json:
        print_json({"types": [_type_object(kind) for kind in found]})
        return Exit.OK
    rows = [
        (kind.name, kind.title, _fields_text(_schema(kind).get("properties", {})), ", ".join(kind.hosts))
        for kind in found
    ]
    table(("TYPE", "TITLE", "FIELDS", "HOSTS"), rows)
    print("Fields with * are secret.")
    return Exit.OK


async def create(
    type_name: str,
    name: str,
    given: Sequence[str],
    secrets: Path | None,
    hosts: Sequence[str],
    user: str,
    as_json: bool,
) -> Exit:
    """Keep a new credential."""
    async with connected_to_integrations(address()) as stub:
        schema = _schema(await _kind(stub, type_name))
        properties = schema.get("properties", {})
        fields = _plain_fields(given, properties) | _secrets(secrets, properties, schema.get("required", ()))
        request = wire.CreateIntegrationRequest(user_id=user, name=name, type=type_name, hosts=hosts)
        request.fields.update(fields)
        made = (await stub.CreateIntegration(request, timeout=TIMEOUT)).integration
    _report(made, as_json, "Created credential")
    return Exit.OK


async def list_all(type_name: str, limit: int, user: str, as_json: bool) -> Exit:
    """List credentials."""
    found: list[wire.Integration] = []
    request = wire.ListIntegrationsRequest(user_id=user, type=type_name)
    async with connected_to_integrations(address()) as stub:
        while len(found) < limit:
            request.page_size = min(limit - len(found), _PAGE)
            page = await stub.ListIntegrations(request, timeout=TIMEOUT)
            found += page.integrations
            request.page_token = page.next_page_token
            if not page.next_page_token:
                break
    if as_json:
        print_json({"credentials": [_object(each) for each in found]})
        return Exit.OK
    rows = [
        (each.id, each.name, each.type, ", ".join(each.hosts), _state(each), local_time(each.updated_at))
        for each in found
    ]
    table(("ID", "NAME", "TYPE", "HOSTS", "STATE", "UPDATED"), rows)
    return Exit.OK


async def try_out(credential_id: str, user: str, as_json: bool) -> Exit:
    """Try a credential out."""
    request = wire.TestIntegrationRequest(integration_id=credential_id, user_id=user)
    async with connected_to_integrations(address()) as stub:
        tested = await stub.TestIntegration(request, timeout=TIMEOUT)
    if as_json:
        print_json({"ok": tested.ok, "code": tested.code, "message": tested.message, "hint": tested.hint})
        return Exit.OK if tested.ok else Exit.FAILED
    if not tested.ok:
        raise Failure(f"{tested.message}\n{tested.hint}".strip(), tested.code)
    print(plain(f"It works: {tested.message}"))
    return Exit.OK


async def rotate(credential_id: str, secrets: Path | None, user: str, as_json: bool) -> Exit:
    """Replace secrets."""
    async with connected_to_integrations(address()) as stub:
        request = wire.GetIntegrationRequest(integration_id=credential_id, user_id=user)
        known = (await stub.GetIntegration(request, timeout=TIMEOUT)).integration
        properties = _schema(await _kind(stub, known.type)).get("properties", {})
        rotation = wire.RotateIntegrationRequest(integration_id=credential_id, user_id=user)
        rotation.fields.update(_secrets(secrets, properties, ()))
        changed = (await stub.RotateIntegration(rotation, timeout=TIMEOUT)).integration
    _report(changed, as_json, "Rotated credential")
    return Exit.OK


async def delete(credential_id: str, force: bool, user: str, as_json: bool) -> Exit:
    """Delete a credential."""
    request = wire.DeleteIntegrationRequest(integration_id=credential_id, user_id=user, force=force)
    async with connected_to_integrations(address()) as stub:
        await stub.DeleteIntegration(request, timeout=TIMEOUT)
    if as_json:
        print_json({"deleted": credential_id})
    else:
        print(f"Deleted credential {plain(credential_id)}")
    return Exit.OK


async def _kind(stub: "Stub", name: str) -> wire.CredentialType:
    found = (await stub.ListCredentialTypes(wire.ListCredentialTypesRequest(), timeout=TIMEOUT)).types
    kind = next((kind for kind in found if kind.name == name), None)
    if kind is None:
        there = ", ".join(kind.name for kind in found)
        raise invalid([Problem("UNKNOWN_CREDENTIAL_TYPE", f"there is no type {name[:60]!r}; there are: {there}")])
    return kind


def _schema(kind: wire.CredentialType) -> dict[str, Any]:
    return dict(exact_json.loads(kind.fields_schema_json))


def _plain_fields(given: Sequence[str], properties: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        part = properties.get(name, {})
        if not equals:
            raise invalid([Problem("INVALID_FIELD", f"--field takes NAME=VALUE, not {pair[:60]!r}")])
        if _is_secret(part):
            message = f'the field "{name}" is secret: others could see it in the list of processes; use --secrets'
            raise invalid([Problem("SECRET_ON_COMMAND_LINE", message, field=name)])
        fields[name] = value.split() if part.get("type") == "array" else value
    return fields


def _secrets(file: Path | None, properties: Mapping[str, Any], required: Sequence[str]) -> dict[str, Any]:
    if file is not None:
        return read_object(file)
    names = [name for name, part in properties.items() if _is_secret(part)]
    if names and not sys.stdin.isatty():
        raise invalid([Problem("NO_SECRETS", "nobody can be asked here: give the secrets with --secrets FILE, or -")])
    asked = {
        name: getpass(f"{properties[name]['title']}{'' if name in required else ' (optional)'}: ") for name in names
    }
    return {name: value for name, value in asked.items() if value}


def _is_secret(part: Mapping[str, Any]) -> bool:
    return bool(part.get("writeOnly"))


def _fields_text(properties: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}*" if _is_secret(part) else name for name, part in properties.items())


def _report(made: wire.Integration, as_json: bool, what: str) -> None:
    if as_json:
        print_json(_object(made))
        return
    print(plain(f"{what} {made.id}: {made.name} ({made.type})"))
    if _state(made) == "NEEDED":
        print("A user must consent before it can be used: StartAuthorization of the API gives the address.")


def _state(each: wire.Integration) -> str:
    if not each.authorization:
        return ""
    return wire.AuthorizationState.Name(each.authorization).removeprefix("AUTHORIZATION_")


def _object(each: wire.Integration) -> dict[str, Any]:
    return dict(json_format.MessageToDict(each, preserving_proto_field_name=True))


def _type_object(kind: wire.CredentialType) -> dict[str, Any]:
    return {
        "name": kind.name,
        "title": kind.title,
        "hosts": list(kind.hosts),
        "oauth2": kind.oauth2,
        "testable": kind.testable,
        "nodes": list(kind.nodes),
        "fields": _schema(kind),
    }
