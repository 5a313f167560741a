"""Starts a run for each HTTP request to its address."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from nodes.credentials.credential import CredentialFields, CredentialSlot, CredentialType
from nodes.http.authentication import HTTP_BASIC, HTTP_BEARER, HTTP_HEADER
from nodes.http.request import header_problem
from nodes.parameters import STRUCTURAL, Duration, Parameters, misuse
from nodes.trigger.address import PATH, TriggerPath
from nodes.trigger.manual import Trigger
from orchestrator.model import Node

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Authentication = Literal["none", "header", "basic", "bearer", "hmac"]


class WebhookSecretFields(CredentialFields):
    """The secret that a sender signs its requests with."""

    secret: SecretStr = Field(min_length=1, description="The secret, as the sender has it.")


# It is only compared with and never sent; a type must name some host, and nothing is ever at this one.
WEBHOOK_SECRET = CredentialType("webhook_secret", "Webhook secret", WebhookSecretFields, ("webhook.invalid",))
CREDENTIAL_OF: Mapping[Authentication, CredentialType] = {
    "header": HTTP_HEADER,
    "basic": HTTP_BASIC,
    "bearer": HTTP_BEARER,
    "hmac": WEBHOOK_SECRET,
}


class Signature(Parameters):
    """How a sender signs: an HMAC over the body as it was sent, or over a time and the body."""

    format: Annotated[Literal["plain", "stripe", "slack"], STRUCTURAL] = Field(
        default="plain",
        description="`plain`: a header holds the signature, after its prefix; `stripe`: one holds `t=…,v1=…`; "
        "`slack`: `v0=…` is over `v0:time:body`.",
    )
    header: Annotated[str, STRUCTURAL] = Field(
        default="",
        description="The header; by the format X-Hub-Signature-256 (GitHub's), Stripe-Signature or X-Slack-Signature.",
    )
    prefix: Annotated[str | None, STRUCTURAL] = Field(
        default=None, max_length=64, description="What stands before a plain signature; `sha256=` unless you say so."
    )
    algorithm: Annotated[Literal["sha256", "sha512", "sha1"], STRUCTURAL] = Field(
        default="sha256", description="The hash; stripe and slack use sha256."
    )
    encoding: Annotated[Literal["hex", "base64"], STRUCTURAL] = Field(
        default="hex", description="How a plain signature is written."
    )
    timestamp_header: Annotated[str, STRUCTURAL] = Field(
        default="",
        description="A header with the time in Unix seconds; then `time.body` is what is signed. Slack's format has "
        "X-Slack-Request-Timestamp.",
    )
    tolerance: Annotated[Duration, STRUCTURAL] = Field(
        default=300.0, description="How far a signed time may be from ours; a request beyond that is refused."
    )

    @field_validator("header", "timestamp_header")
    @classmethod
    def _header(cls, name: str) -> str:
        if name and (problem := header_problem(name)):
            raise misuse(problem)
        return name

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if self.format != "plain":
            if self.prefix is not None or self.encoding != "hex" or self.algorithm != "sha256":
                raise misuse(f'format "{self.format}" says itself how the signature is written')
            if self.format == "stripe" and self.timestamp_header:
                raise misuse('format "stripe" has the time in the signature\'s header')
        return self


class WebhookParameters(Parameters):
    """Parameters of WEBHOOK."""

    path: TriggerPath = Field(default="", description=PATH)
    methods: Annotated[list[Method], STRUCTURAL] = Field(
        default=["POST"], min_length=1, description="The HTTP methods that start a run."
    )
    auth: Annotated[Authentication, STRUCTURAL] = Field(
        default="none", description="How a sender proves who it is; the secret is in the credential slot `auth`."
    )
    signature: Annotated[Signature | None, STRUCTURAL] = Field(
        default=None, description="For auth hmac: how requests are signed; the way of GitHub unless you say so."
    )
    respond: Annotated[Literal["immediately", "last_node"], STRUCTURAL] = Field(
        default="immediately", description="Answer once the run has begun, or with its result."
    )
    response_code: Annotated[int | None, STRUCTURAL] = Field(
        default=None, ge=200, le=299, description="The status of that answer; 202 at once, 200 with a result."
    )
    timeout: Annotated[Duration, STRUCTURAL] = Field(
        default=30.0, description="For last_node: how long to wait; then the answer is 202 with the execution's id."
    )
    dedupe_header: Annotated[str, STRUCTURAL] = Field(
        default="",
        description="A header that names the delivery, such as X-GitHub-Delivery: a second one of the same name "
        "starts nothing, and is answered with the first one's run.",
    )

    @field_validator("methods", mode="before")
    @classmethod
    def _upper(cls, methods: object) -> object:
        given = [methods] if isinstance(methods, str) else methods
        return [one.upper() if isinstance(one, str) else one for one in given] if isinstance(given, list) else given

    @field_validator("auth", mode="before")
    @classmethod
    def _lower(cls, auth: object) -> object:
        return auth.lower() if isinstance(auth, str) else auth

    @field_validator("dedupe_header")
    @classmethod
    def _header(cls, name: str) -> str:
        if name and (problem := header_problem(name)):
            raise misuse(problem)
        return name

    @field_validator("timeout")
    @classmethod
    def _short(cls, seconds: float) -> float:
        if seconds > 300:
            raise misuse("is longer than five minutes; nobody waits so long for an answer")
        return seconds


class Webhook(Trigger[WebhookParameters]):
    """Emits the request: its method, path, query, headers and body, and files that it brought."""

    subtype = "WEBHOOK"
    model = WebhookParameters
    credentials: ClassVar[Mapping[str, CredentialSlot]] = {
        "auth": CredentialSlot(tuple(CREDENTIAL_OF.values()), required=False)
    }

    def unready(self, node: Node) -> str:
        """What keeps it from being turned on: a secret that nobody has given it."""
        parameters = WebhookParameters.model_validate(node.parameters)
        if parameters.auth == "none" or node.credentials.get("auth"):
            return ""
        return f'it has auth "{parameters.auth}", but no credential in its slot "auth"; put one there'
