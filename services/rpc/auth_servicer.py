"""Every method of AuthService: decode, one use case, encode."""

from typing import Any

from workflow_engine.v1 import auth_pb2 as pb
from workflow_engine.v1.auth_pb2_grpc import AuthServiceServicer

from services.identity import auditing
from services.identity.caller import Role, current_caller
from services.identity.identity import Identity
from services.identity.permissions import allowed
from services.rpc import auth_codec as codec
from services.rpc.execution_codec import read_time
from services.store.audit import Filters

Context = Any


class AuthServicer(AuthServiceServicer):
    """The gRPC face of who may do what."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._signing_in = identity.signing_in
        self._memberships = identity.memberships
        self._keys = identity.api_keys

    async def SignIn(self, request: pb.SignInRequest, context: Context) -> pb.SignInResponse:
        """Tokens for a password."""
        done = await self._signing_in.sign_in(request.email, request.password)
        return pb.SignInResponse(
            tokens=codec.tokens_message(done.tokens),
            user=codec.user_message(done.user),
            workspaces=codec.workspace_messages(done.memberships),
        )

    async def RefreshToken(self, request: pb.RefreshTokenRequest, context: Context) -> pb.RefreshTokenResponse:
        """Tokens for a refresh token."""
        tokens = await self._signing_in.refresh(request.refresh_token)
        return pb.RefreshTokenResponse(tokens=codec.tokens_message(tokens))

    async def SignOut(self, request: pb.SignOutRequest, context: Context) -> pb.SignOutResponse:
        """Ends the session."""
        await self._signing_in.sign_out()
        return pb.SignOutResponse()

    async def WhoAmI(self, request: pb.WhoAmIRequest, context: Context) -> pb.WhoAmIResponse:
        """The caller, as the server knows them."""
        caller = current_caller()
        workspaces = codec.workspace_messages(await self._memberships.workspaces())
        response = pb.WhoAmIResponse(
            user=pb.User(id=caller.user_id, email=caller.email, name=await self._memberships.name_of(caller)),
            workspaces=workspaces,
            local=caller.local,
            methods=allowed(Role.OWNER if caller.local else caller.role if caller.workspace else None),
        )
        for workspace in workspaces:
            if workspace.id == caller.workspace:
                response.workspace.CopyFrom(workspace)
        return response

    async def ChangePassword(self, request: pb.ChangePasswordRequest, context: Context) -> pb.ChangePasswordResponse:
        """Another password."""
        await self._signing_in.change_password(request.old_password, request.new_password)
        return pb.ChangePasswordResponse()

    async def CreateWorkspace(self, request: pb.CreateWorkspaceRequest, context: Context) -> pb.CreateWorkspaceResponse:
        """A workspace of the caller's."""
        made = await self._memberships.create_workspace(request.name, request.id)
        return pb.CreateWorkspaceResponse(workspace=codec.workspace_message(made))

    async def ListWorkspaces(self, request: pb.ListWorkspacesRequest, context: Context) -> pb.ListWorkspacesResponse:
        """The caller's workspaces."""
        found = codec.workspace_messages(await self._memberships.workspaces())
        return pb.ListWorkspacesResponse(workspaces=found)

    async def AddMember(self, request: pb.AddMemberRequest, context: Context) -> pb.AddMemberResponse:
        """A new member."""
        role = codec.read_role(request.role)
        member = await self._memberships.add(request.email, request.name, role, request.password)
        return pb.AddMemberResponse(member=codec.member_message(member))

    async def ListMembers(self, request: pb.ListMembersRequest, context: Context) -> pb.ListMembersResponse:
        """A page of members."""
        found, token = await self._memberships.listed(request.page_size, request.page_token)
        return pb.ListMembersResponse(members=map(codec.member_message, found), next_page_token=token)

    async def UpdateMember(self, request: pb.UpdateMemberRequest, context: Context) -> pb.UpdateMemberResponse:
        """Another role."""
        member = await self._memberships.update(request.user_id, codec.read_role(request.role))
        return pb.UpdateMemberResponse(member=codec.member_message(member))

    async def RemoveMember(self, request: pb.RemoveMemberRequest, context: Context) -> pb.RemoveMemberResponse:
        """One member less."""
        await self._memberships.remove(request.user_id)
        return pb.RemoveMemberResponse()

    async def CreateApiKey(self, request: pb.CreateApiKeyRequest, context: Context) -> pb.CreateApiKeyResponse:
        """A new key, and its secret this once."""
        expires = read_time(request.expires_at, "expires_at") if request.HasField("expires_at") else None
        row, secret = await self._keys.create(request.name, codec.read_role(request.role), expires)
        return pb.CreateApiKeyResponse(api_key=codec.api_key_message(row), secret=secret)

    async def ListApiKeys(self, request: pb.ListApiKeysRequest, context: Context) -> pb.ListApiKeysResponse:
        """A page of keys."""
        rows, token = await self._keys.listed(request.page_size, request.page_token)
        return pb.ListApiKeysResponse(api_keys=map(codec.api_key_message, rows), next_page_token=token)

    async def RevokeApiKey(self, request: pb.RevokeApiKeyRequest, context: Context) -> pb.RevokeApiKeyResponse:
        """One key less."""
        await self._keys.revoke(request.api_key_id)
        return pb.RevokeApiKeyResponse()

    async def ListAuditEvents(self, request: pb.ListAuditEventsRequest, context: Context) -> pb.ListAuditEventsResponse:
        """A page of the audit log."""
        filters = Filters(
            "",
            request.actor,
            request.action,
            request.object_id,
            read_time(request.after, "after") if request.HasField("after") else None,
            read_time(request.before, "before") if request.HasField("before") else None,
        )
        rows, token = await auditing.listed(self._identity.database, filters, request.page_size, request.page_token)
        return pb.ListAuditEventsResponse(events=map(codec.event_message, rows), next_page_token=token)
