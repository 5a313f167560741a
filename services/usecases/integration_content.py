"""Checks what a client gives for an integration, and where its secrets may go."""

from collections.abc import Mapping, Sequence
from typing import Any

from nodes.credentials.credential import CredentialFields, CredentialType
from nodes.credentials.filling import (
    filled,
    host_problems,
    hosts_named,
    normal_host,
    plain_fields,
    secret_names,
    shown_fields,
)
from nodes.credentials.oauth2 import client_of
from orchestrator.errors import Problem
from services.errors import RequestInvalid, invalid
from services.store.integrations import Content

_MOST_TEXT = 64 * 1024


def content_from(
    kind: CredentialType, given: Mapping[str, Any], hosts: Sequence[str], problems: Sequence[Problem]
) -> tuple[Content, dict[str, Any]]:
    """What to seal and what to show of given fields; RequestInvalid with `problems` and all that is wrong."""
    if len(str(given)) > _MOST_TEXT:
        raise invalid("FIELDS_TOO_LARGE", f"the fields have more than {_MOST_TEXT:,} characters", "fields")
    fields, found = filled(kind, given)
    wanted = [normal_host(host) for host in hosts] or list(kind.hosts) or (hosts_named(fields) if fields else [])
    if fields is not None or hosts:
        found = [*found, *host_problems(wanted)]
    found = [*problems, *found, *(_oauth_problems(kind, fields) if fields else ())]
    if found or fields is None:
        raise RequestInvalid(found)
    return Content(kind.name, tuple(wanted), plain_fields(fields)), shown_fields(fields)


def named_hosts(kind: CredentialType, content: Content) -> Sequence[str]:
    """The hosts that somebody named; none where they are what the type or the fields say, and so follow them."""
    fields, _ = filled(kind, content.fields)
    said = list(kind.hosts) or (hosts_named(fields) if fields else [])
    return () if list(content.hosts) == said else content.hosts


def require_secrets(kind: CredentialType, old: Content, new: Content, given: Mapping[str, Any]) -> None:
    """Whoever sends a secret elsewhere must know it: a stored one can't be had by naming a host of one's own."""
    moved = not set(new.hosts) <= set(old.hosts) or any(
        name.endswith(("_url", "host")) and old.fields.get(name) != value for name, value in new.fields.items()
    )
    unsaid = [name for name in secret_names(kind.fields) if old.fields.get(name) and name not in given]
    if moved and unsaid:
        names = ", ".join(f'"{name}"' for name in unsaid)
        message = f"to send the credential to another host, give its secrets again: {names}"
        raise RequestInvalid([Problem("SECRETS_NEEDED", message, field=f"fields.{name}") for name in unsaid])


def _oauth_problems(kind: CredentialType, fields: CredentialFields) -> list[Problem]:
    if kind.oauth2 is None or client_of(kind, fields).token_url:
        return []
    return [Problem("MISSING_FIELD", 'the field "token_url" is empty', field="fields.token_url")]
