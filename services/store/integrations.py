"""Stored connections to third parties, sealed."""

from nodes.credentials.credential import Credential, CredentialType


class Integrations:
    """Opens credentials for nodes."""

    async def open(self, workspace: str, credential_id: str, types: tuple[CredentialType, ...]) -> Credential:
        """The credential; PermanentError if it isn't the workspace's, is gone, or is of none of the types."""
        raise NotImplementedError
