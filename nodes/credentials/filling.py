"""Checks what a user fills in for a credential, and says what is wrong without repeating a value."""

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from nodes.credentials.credential import CredentialFields, CredentialType
from nodes.values import listed
from orchestrator.errors import Problem

MOST_HOSTS = 50
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_OAUTH_URLS = ("authorize_url", "token_url")
_LOOPBACK = re.compile(r"localhost|127(?:\.\d+){3}|::1")


def filled(kind: CredentialType, given: Mapping[str, Any]) -> tuple[CredentialFields | None, list[Problem]]:
    """The fields as the type's model, or what is wrong with them."""
    try:
        fields = kind.fields.model_validate(dict(given))
    except ValidationError as error:
        found = [_problem(kind, detail) for detail in error.errors(include_url=False, include_input=False)]
        return None, found
    problems = [*_empty(fields), *(_insecure(fields) if kind.oauth2 else ())]
    return (None if problems else fields), problems


def shown_fields(fields: CredentialFields) -> dict[str, Any]:
    """The fields that are no secret, as JSON values."""
    secret = secret_names(type(fields))
    return {name: value for name, value in fields.model_dump(mode="json").items() if name not in secret}


def plain_fields(fields: CredentialFields) -> dict[str, Any]:
    """All fields, secrets in clear, as JSON values: to be sealed at once."""
    revealed = {name: _revealed(value) for name, value in dict(fields).items()}
    return {**fields.model_dump(mode="json"), **{name: revealed[name] for name in secret_names(type(fields))}}


def secret_names(model: type[BaseModel]) -> list[str]:
    """The fields that hold a secret."""
    return [name for name, field in model.model_fields.items() if is_secret(field)]


def is_secret(field: FieldInfo) -> bool:
    """Whether a field holds a secret, alone or among others."""
    return "SecretStr" in repr(field.annotation)


def host_problems(hosts: Sequence[str]) -> list[Problem]:
    """What is wrong with a credential's hosts; it is sent to no other."""
    if not hosts:
        message = "hosts is empty: name the hosts that the credential may be sent to, such as api.example.com"
        return [Problem("MISSING_HOSTS", message, field="hosts")]
    if len(hosts) > MOST_HOSTS:
        return [Problem("INVALID_HOST", f"hosts has {len(hosts)} entries; at most {MOST_HOSTS}", field="hosts")]
    return [
        Problem("INVALID_HOST", f"hosts[{place}] {trouble}", field=f"hosts[{place}]")
        for place, host in enumerate(hosts)
        if (trouble := _host_trouble(host))
    ]


def normal_host(host: str) -> str:
    """A host as it is kept and compared."""
    return host.strip().lower().rstrip(".").removeprefix("[").removesuffix("]")


def hosts_named(fields: CredentialFields) -> list[str]:
    """The hosts that the fields themselves name, as `host`, `…_host` or `base_url`."""
    found = []
    for name, value in dict(fields).items():
        if not isinstance(value, str) or not value:
            continue
        if name == "host" or name.endswith("_host"):
            found.append(normal_host(value))
        elif name == "base_url":
            found.append(normal_host(urlsplit(value).hostname or ""))
    return list(dict.fromkeys(host for host in found if host))


def _host_trouble(host: str) -> str:
    shown = repr(host[:80])
    name = host.removeprefix("*.")
    if _is_address(host):
        return ""
    if len(name) > 253 or not _NAME.fullmatch(name):
        return f"is {shown}; write a host's name without scheme, port and path, such as api.example.com"
    if host.startswith("*.") and "." not in name:
        return f"is {shown}; that is a whole top-level domain, so name one below it, such as *.example.com"
    return ""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _problem(kind: CredentialType, detail: ErrorDetails) -> Problem:
    path = [str(step) for step in detail["loc"]] or ["fields"]
    name = ".".join(path)[:100]
    field = kind.fields.model_fields.get(path[0])
    code = {"missing": "MISSING_FIELD", "extra_forbidden": "UNKNOWN_FIELD"}.get(detail["type"], "INVALID_FIELD")
    return Problem(code, f'the field "{name}" {_explain(kind, field, detail)}', field=f"fields.{name}")


def _explain(kind: CredentialType, field: FieldInfo | None, detail: ErrorDetails) -> str:
    if detail["type"] == "missing":
        return "is missing"
    if detail["type"] == "extra_forbidden":
        return f'is unknown; a credential of the type "{kind.name}" has {listed(list(kind.fields.model_fields), 20)}'
    if field is not None and is_secret(field):
        return "must be text" if detail["type"] == "string_type" else "doesn't have the form that the type expects"
    return f"isn't right: {detail['msg'].removeprefix('Value error, ')[:200]}"


def _empty(fields: CredentialFields) -> Iterator[Problem]:
    for name, field in type(fields).model_fields.items():
        value = getattr(fields, name)
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if field.is_required() and isinstance(text, str) and not text.strip():
            yield Problem("MISSING_FIELD", f'the field "{name}" is empty', field=f"fields.{name}")


def _insecure(fields: CredentialFields) -> Iterator[Problem]:
    """OAuth 2 sends the client's secret and gets tokens there: in clear only on this machine."""
    for name in _OAUTH_URLS:
        url = getattr(fields, name, "")
        if isinstance(url, str) and url and not is_protected(url):
            message = f'the field "{name}" must be an https:// address'
            yield Problem("INVALID_FIELD", message, field=f"fields.{name}")


def is_protected(url: str) -> bool:
    """Whether nobody can read along: HTTPS, or a service on this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if not host or parts.username or parts.password:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and bool(_LOOPBACK.fullmatch(host)))


def _revealed(value: Any) -> Any:
    match value:
        case SecretStr():
            return value.get_secret_value()
        case BaseModel():
            return {name: _revealed(child) for name, child in dict(value).items()}
        case dict():
            return {name: _revealed(child) for name, child in value.items()}
        case list() | tuple():
            return [_revealed(child) for child in value]
    return value
