"""What tools are tested with: files in memory, one credential, an egress client that reaches this machine."""

from collections.abc import AsyncIterable, AsyncIterator
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr

from nodes.base import NodeExecutionContext, NodeExecutor
from nodes.credentials.credential import Credential, CredentialFields, CredentialType
from nodes.files.files import FileRef
from nodes.http.egress import Egress
from nodes.http.policy import EgressPolicy
from nodes.mcp.servers import McpServers
from nodes.resources import Resources
from orchestrator.model import Node


class MemoryFiles:
    """Keeps files of all runs in a dict."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}

    def of(self, workspace: str, execution_id: str) -> "MemoryFiles":
        return self

    async def create(
        self, name: str, content_type: str, content: bytes | AsyncIterable[bytes], *, limit: int | None = None
    ) -> FileRef:
        data = content if isinstance(content, bytes) else b"".join([piece async for piece in content])
        ref = f"ref-{len(self.content)}"
        self.content[ref] = data
        return {"name": name, "content_type": content_type, "size": len(data), "ref": ref}

    async def open(self, file: FileRef) -> AsyncIterator[bytes]:
        yield self.content[file["ref"]]

    async def read(self, file: FileRef, *, limit: int) -> bytes:
        return self.content[file["ref"]]


class OneCredential:
    """Opens the one credential there is, whatever id is asked for."""

    def __init__(self, credential: Credential | None = None) -> None:
        self.credential = credential

    async def open(self, workspace: str, credential_id: str, types: tuple[CredentialType, ...]) -> Credential:
        assert self.credential is not None
        assert self.credential.type in types
        return self.credential


def credential(kind: CredentialType, *hosts: str, access_token: str = "", **fields: Any) -> Credential:
    """A credential of a type for some hosts, 127.0.0.1 if none is named."""
    token = SecretStr(access_token) if access_token else None
    opened: CredentialFields = kind.fields(**fields)
    return Credential("c1", "the test's", kind, opened, hosts or ("127.0.0.1",), token)


def open_egress() -> Egress:
    """An egress client that may reach this machine."""
    return Egress(EgressPolicy.parse("127.0.0.0/8"))


def parts(egress: Egress, *, opened: Credential | None = None, mcp: McpServers | None = None) -> Resources:
    """The resources of an executor."""
    return Resources(
        http=egress,
        sandbox=None,  # type: ignore[arg-type]
        expressions=None,  # type: ignore[arg-type]
        files=MemoryFiles(),  # type: ignore[arg-type]
        credentials=OneCredential(opened),
        mcp=mcp or McpServers(),
    )


def call_of(
    executor: NodeExecutor[Any], resources: Resources, parameters: dict[str, Any], **fields: Any
) -> NodeExecutionContext[Any]:
    """The context of one call; the node names a credential if the resources have one."""
    opened = getattr(resources.credentials, "credential", None)
    node = Node(
        name="N",
        type=executor.type,
        subtype=executor.subtype,
        parameters=parameters,
        credentials={"auth": "c1"} if opened else {},
    )
    return NodeExecutionContext(
        node=node,
        parameters=executor.parse(parameters),
        inputs=[[{"json": {}}]],
        resources=resources,
        now=datetime(2026, 11, 22, 12, 0, tzinfo=UTC),
        slots=executor.credentials,
        resolved=parameters,
        idempotency_key="key-1",
        **fields,
    )


async def emitted(
    executor: NodeExecutor[Any], resources: Resources, parameters: dict[str, Any], **fields: Any
) -> list[Any]:
    """The items that one call emits."""
    returned: Any = await executor.run(call_of(executor, resources, parameters, **fields))
    return list(returned.ports["main"])
