"""The catalogue knows every credential type that its nodes declare, each name once."""

from typing import Any, ClassVar

import pytest
from pydantic import Field, SecretStr

from nodes.base import BaseNodeExecutor, NodeExecutionContext, Returned
from nodes.credentials.credential import Credential, CredentialFields, CredentialSlot, CredentialType
from nodes.factory import Catalogue, RegistrationError, load
from orchestrator.model import NodeType


class Fields(CredentialFields):
    user: str = Field(description="The user.")
    password: SecretStr = Field(description="The password.")
    spare: list[SecretStr] = Field(default_factory=list, description="Others.")


MINE = CredentialType("mine", "Mine", Fields, hosts=("*.example.com", "A.b"))


def executor(kind: CredentialType, subtype: str) -> type[BaseNodeExecutor]:
    class Executor(BaseNodeExecutor):
        credentials: ClassVar = {"auth": CredentialSlot((kind,))}

        def get_supported_subtypes(self) -> list[str]:
            return [subtype]

        def execute(self, context: NodeExecutionContext[Any]) -> Returned:
            return None

    return Executor


def test_types_are_collected() -> None:
    catalogue = Catalogue().joined(NodeType.CUSTOM_NODE, executor(MINE, "A"))
    catalogue = catalogue.joined(NodeType.CUSTOM_NODE, executor(MINE, "B"))
    assert catalogue.credential_types == {"mine": MINE}


def test_another_type_of_a_known_name_is_refused() -> None:
    catalogue = Catalogue().joined(NodeType.CUSTOM_NODE, executor(MINE, "A"))
    with pytest.raises(RegistrationError, match="another credential type 'mine'"):
        catalogue.joined(NodeType.CUSTOM_NODE, executor(CredentialType("mine", "Other", Fields), "B"))


def test_every_type_of_ours_describes_its_fields() -> None:
    for kind in load().credential_types.values():
        assert kind.title
        assert all(field.description for field in kind.fields.model_fields.values()), kind.name


def test_secrets_are_all_of_them_also_joined_to_names() -> None:
    fields = Fields.model_validate({"user": "ada", "password": "p4ssword", "spare": ["other"]})
    opened = Credential("i", "n", MINE, fields, MINE.hosts, SecretStr("token"))
    assert set(opened.secrets()) == {"p4ssword", "ada:p4ssword", "other", "ada:other", "token"}
    assert "p4ssword" not in repr(opened)


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("api.example.com", True),
        ("a.b.example.com.", True),
        ("example.com", False),
        ("evilexample.com", False),
        ("a.B", True),
        ("a.b.evil.com", False),
        ("", False),
    ],
)
def test_hosts(host: str, allowed: bool) -> None:
    fields = Fields.model_validate({"user": "ada", "password": "p4ssword"})
    assert Credential("i", "n", MINE, fields, MINE.hosts).allows(host) is allowed
