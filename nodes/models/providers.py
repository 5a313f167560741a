"""Opens a chat model of any provider."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import httpx

from nodes.credentials.credential import Credential, CredentialType
from nodes.errors import PermanentError
from nodes.http.egress import Egress
from nodes.http.hop import require_host
from nodes.models.anthropic_messages import AnthropicMessages
from nodes.models.chat import ChatModel
from nodes.models.connection import Connection
from nodes.models.credentials import (
    ANTHROPIC_API_KEY,
    ANTHROPIC_URL,
    OPENAI_API_KEY,
    OPENAI_URL,
    AnthropicKey,
    OpenAiKey,
    anthropic_headers,
)
from nodes.models.openai_chat import OpenAiChat
from nodes.values import shown


@dataclass(frozen=True)
class _Provider:
    title: str
    credential: CredentialType
    url: str
    headers: Callable[[Credential], Mapping[str, str]]
    open: Callable[[Connection], ChatModel]


def open_model(
    http: Egress,
    *,
    provider: str,
    model: str,
    credential: Credential | None,
    base_url: str = "",
    timeout: float = 120.0,
) -> ChatModel:
    """A model that can be asked; `timeout` is in seconds, for one answer. PermanentError says what is missing.

    `base_url` is where another service speaks the provider's API; without one the credential's holds, or the
    provider's own. Without a credential only such a service is asked.
    """
    known = PROVIDERS.get(provider)
    if known is None:
        names = ", ".join(PROVIDERS)
        raise PermanentError(
            f'there is no provider of models named "{provider[:100]}"',
            code="UNKNOWN_PROVIDER",
            hint=f"the providers are {names}; `openai` is also every service that speaks its API",
        )
    if not model.strip():
        raise PermanentError("no model is named", code="MISSING_PARAMETER", hint="name a model of the provider")
    url = _place(known, credential, base_url)
    headers = known.headers(credential) if credential is not None else {}
    if any(not value.isascii() or not value.isprintable() for value in headers.values()):
        raise PermanentError(
            f'the credential "{credential.name if credential else ""}" holds characters that no header can carry',
            code="INVALID_CREDENTIAL",
            hint="copy the key again, without what is around it",
        )
    return known.open(Connection(http, provider, model.strip(), credential, url, timeout, headers))


def _place(known: _Provider, credential: Credential | None, base_url: str) -> str:
    if credential is None and not base_url.strip():
        # What the process's environment holds is never taken: whoever may spend it says so.
        raise PermanentError(
            f"{known.title} needs a credential of the type {known.credential.title}",
            code="MISSING_CREDENTIAL",
            hint='create an integration, and put its id into the node\'s credentials as "auth"; '
            'or name a service without keys as "base_url"',
        )
    if credential is not None and credential.type.name != known.credential.name:
        raise PermanentError(
            f'the credential "{credential.name}" is of the type {credential.type.title}; '
            f"{known.title} needs one of the type {known.credential.title}",
            code="INVALID_CREDENTIAL",
        )
    fields = credential.fields if credential is not None else None
    own = fields.base_url if isinstance(fields, OpenAiKey | AnthropicKey) else ""
    url = (base_url.strip() or own.strip() or known.url).rstrip("/")
    host = _host(url)
    if credential is not None:
        require_host(credential, host)
    # The SDK adds it.
    return url.removesuffix("/v1") if known.credential is ANTHROPIC_API_KEY else url


def _host(url: str) -> str:
    try:
        place = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        place = httpx.URL()
    if place.scheme not in ("http", "https") or not place.host:
        raise PermanentError(
            f'the parameter "base_url" is {shown(url)}; expected an address that begins with http:// or https://',
            code="INVALID_PARAMETER",
        )
    return place.raw_host.decode("ascii")


def _openai_headers(credential: Credential) -> Mapping[str, str]:
    fields = credential.fields
    assert isinstance(fields, OpenAiKey)
    headers = {"authorization": f"Bearer {fields.api_key.get_secret_value().strip()}"}
    return {**headers, "openai-organization": fields.organization.strip()} if fields.organization.strip() else headers


PROVIDERS: Mapping[str, _Provider] = MappingProxyType(
    {
        "openai": _Provider("OpenAI", OPENAI_API_KEY, OPENAI_URL, _openai_headers, OpenAiChat),
        "anthropic": _Provider("Anthropic", ANTHROPIC_API_KEY, ANTHROPIC_URL, anthropic_headers, AnthropicMessages),
    }
)
