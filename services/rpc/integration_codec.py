"""Reads what clients say of integrations, and writes what may be shown of them."""

from collections.abc import Iterator
from typing import Any

from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct
from workflow_engine.v1 import integration_pb2 as pb

from nodes.credentials.credential import CredentialType
from nodes.factory import Catalogue
from nodes.forms import schema_of
from orchestrator import exact_json
from services.errors import invalid
from services.rpc.definition_codec import timestamp
from services.usecases.integration_view import IntegrationView
from services.usecases.integrations import Tested
from services.usecases.node_types import nodes_taking


def read_fields(message: Struct) -> dict[str, Any]:
    """The fields of a credential."""
    try:
        return dict(json_format.MessageToDict(message))
    except (json_format.SerializeToJsonError, ValueError):
        raise invalid("INVALID_FIELD", "fields holds a number that is none", "fields") from None


def read_rate(request: pb.CreateIntegrationRequest | pb.UpdateIntegrationRequest) -> tuple[int, int] | None:
    """The rate limit, if one is given."""
    given = request.rate_limit
    return (given.count, given.seconds) if request.HasField("rate_limit") else None


def integration_message(view: IntegrationView) -> pb.Integration:
    """An integration."""
    message = pb.Integration(
        id=view.id,
        name=view.name,
        type=view.type,
        created_at=timestamp(view.created_at),
        updated_at=timestamp(view.updated_at),
        user_id=view.user_id,
        hosts=view.hosts,
        authorization=view.authorization,
        scopes=view.scopes,
    )
    message.fields.update(view.fields)
    if view.rate[0]:
        message.rate_limit.count, message.rate_limit.seconds = view.rate
    if view.token_expires_at is not None:
        message.token_expires_at.CopyFrom(timestamp(view.token_expires_at))
    return message


def tested_message(tested: Tested) -> pb.TestIntegrationResponse:
    """What came of a test."""
    return pb.TestIntegrationResponse(ok=tested.ok, code=tested.code, message=tested.message, hint=tested.hint)


def type_messages(catalogue: Catalogue) -> Iterator[pb.CredentialType]:
    """Every credential type, by name."""
    for _, kind in sorted(catalogue.credential_types.items()):
        yield _type_message(kind, nodes_taking(catalogue, kind.name))


def _type_message(kind: CredentialType, nodes: list[str]) -> pb.CredentialType:
    return pb.CredentialType(
        name=kind.name,
        title=kind.title,
        fields_schema_json=exact_json.dumps(schema_of(kind.fields)),
        hosts=kind.hosts,
        oauth2=kind.oauth2 is not None,
        testable=kind.check is not None or kind.oauth2 is not None,
        nodes=nodes,
    )
