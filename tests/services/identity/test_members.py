"""Workspaces, their members, and API keys."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from workflow_engine.v1 import auth_pb2 as wire
from workflow_engine.v1 import workflow_service_pb2

from services.identity.caller import Role
from services.store.ids import new_id
from tests.services.identity.conftest import PASSWORD, Code, Guarded, Person, refused


@pytest.fixture
async def owner(guarded: Guarded) -> Person:
    """The only owner of a workspace of the test's own."""
    return await guarded.person(new_id())


def listing(guarded: Guarded, metadata: Any) -> Any:
    return guarded.workflows.ListWorkflows(workflow_service_pb2.ListWorkflowsRequest(), metadata=metadata)


async def test_members_come_change_and_go(guarded: Guarded, owner: Person) -> None:
    auth, mine = guarded.auth, {"metadata": owner.metadata}
    request = wire.AddMemberRequest(email="New@Example.org", name="New", role=wire.EDITOR, password="their first one")
    added = (await auth.AddMember(request, **mine)).member
    assert (added.user.email, added.role) == ("new@example.org", wire.EDITOR)
    assert await refused(auth.AddMember(request, **mine)) == (Code.ALREADY_EXISTS, "MEMBER_EXISTS")
    tokens = await guarded.sign_in("new@example.org", "their first one")
    theirs = (("authorization", f"Bearer {tokens.access_token}"),)
    await listing(guarded, theirs)
    page = await auth.ListMembers(wire.ListMembersRequest(page_size=1), **mine)
    rest = await auth.ListMembers(wire.ListMembersRequest(page_size=5, page_token=page.next_page_token), **mine)
    assert [member.user.email for member in (*page.members, *rest.members)] == ["new@example.org", owner.email]
    changed = await auth.UpdateMember(wire.UpdateMemberRequest(user_id=added.user.id, role=wire.VIEWER), **mine)
    assert changed.member.role == wire.VIEWER
    creating = guarded.workflows.CreateWorkflow(workflow_service_pb2.CreateWorkflowRequest(name="w"), metadata=theirs)
    assert await refused(creating) == (Code.PERMISSION_DENIED, "PERMISSION_DENIED")
    await auth.RemoveMember(wire.RemoveMemberRequest(user_id=added.user.id), **mine)
    assert await refused(listing(guarded, theirs)) == (Code.PERMISSION_DENIED, "NOT_A_MEMBER")
    # They are somebody still, and may sign out.
    assert (await auth.WhoAmI(wire.WhoAmIRequest(), metadata=theirs)).user.id == added.user.id
    await auth.SignOut(wire.SignOutRequest(), metadata=theirs)


async def test_the_last_owner_stays(guarded: Guarded, owner: Person) -> None:
    auth, mine = guarded.auth, {"metadata": owner.metadata}
    demoting = auth.UpdateMember(wire.UpdateMemberRequest(user_id=owner.id, role=wire.EDITOR), **mine)
    assert await refused(demoting) == (Code.FAILED_PRECONDITION, "LAST_OWNER")
    removing = auth.RemoveMember(wire.RemoveMemberRequest(user_id=owner.id), **mine)
    assert await refused(removing) == (Code.FAILED_PRECONDITION, "LAST_OWNER")
    _, email = await guarded.make()
    await auth.AddMember(wire.AddMemberRequest(email=email, role=wire.OWNER), **mine)
    await auth.RemoveMember(wire.RemoveMemberRequest(user_id=owner.id), **mine)


async def test_requests_that_cannot_be(guarded: Guarded, owner: Person) -> None:
    auth, mine = guarded.auth, {"metadata": owner.metadata}
    for request, reason in (
        (wire.AddMemberRequest(email="nobody", role=wire.VIEWER), "BAD_EMAIL"),
        (wire.AddMemberRequest(email="a@example.org"), "BAD_ROLE"),
        (wire.AddMemberRequest(email="a@example.org", role=wire.VIEWER, password="short"), "BAD_PASSWORD"),
    ):
        assert await refused(auth.AddMember(request, **mine)) == (Code.INVALID_ARGUMENT, reason)
    unknown = auth.UpdateMember(wire.UpdateMemberRequest(user_id="none", role=wire.VIEWER), **mine)
    assert await refused(unknown) == (Code.NOT_FOUND, "MEMBER_NOT_FOUND")


async def test_a_workspace_of_ones_own(guarded: Guarded, owner: Person) -> None:
    auth, mine = guarded.auth, {"metadata": owner.metadata}
    name = f"second-{new_id()}"
    made = (await auth.CreateWorkspace(wire.CreateWorkspaceRequest(name="Second", id=name), **mine)).workspace
    assert (made.id, made.name, made.role) == (name, "Second", wire.OWNER)
    again = auth.CreateWorkspace(wire.CreateWorkspaceRequest(name="Second", id=name), **mine)
    assert await refused(again) == (Code.ALREADY_EXISTS, "WORKSPACE_EXISTS")
    bad = auth.CreateWorkspace(wire.CreateWorkspaceRequest(name="x", id="a b"), **mine)
    assert await refused(bad) == (Code.INVALID_ARGUMENT, "BAD_WORKSPACE_ID")
    found = (await auth.ListWorkspaces(wire.ListWorkspacesRequest(), **mine)).workspaces
    assert [each.id for each in found][1:] == [name]
    there = (*owner.metadata, ("x-workspace", name))
    assert (await auth.WhoAmI(wire.WhoAmIRequest(), metadata=there)).workspace.id == name
    elsewhere = (*owner.metadata, ("x-workspace", "default"))
    assert await refused(listing(guarded, elsewhere)) == (Code.PERMISSION_DENIED, "NOT_A_MEMBER")
    nowhere = await auth.WhoAmI(wire.WhoAmIRequest(), metadata=elsewhere)
    assert (nowhere.user.id, nowhere.HasField("workspace")) == (owner.id, False)
    assert "/workflow_engine.v1.WorkflowService/ListWorkflows" not in nowhere.methods


async def test_keys_let_programs_in(guarded: Guarded, owner: Person) -> None:
    auth, mine = guarded.auth, {"metadata": owner.metadata}
    made = await auth.CreateApiKey(wire.CreateApiKeyRequest(name="ci", role=wire.EDITOR), **mine)
    assert made.secret.startswith(made.api_key.prefix)
    key = (("authorization", f"Bearer {made.secret}"),)
    await listing(guarded, key)
    seen = await auth.WhoAmI(wire.WhoAmIRequest(), metadata=key)
    assert (seen.user.id, seen.workspace.role) == (owner.id, wire.EDITOR)
    (shown,) = (await auth.ListApiKeys(wire.ListApiKeysRequest(), **mine)).api_keys
    assert (shown.name, shown.created_by, shown.HasField("last_used_at")) == ("ci", owner.id, True)
    assert made.secret not in str(shown)
    for call in (
        auth.SignOut(wire.SignOutRequest(), metadata=key),
        auth.ChangePassword(wire.ChangePasswordRequest(old_password=PASSWORD, new_password="y" * 12), metadata=key),
    ):
        assert await refused(call) == (Code.FAILED_PRECONDITION, "NO_SESSION")
    another = (await guarded.person(new_id())).metadata
    foreign = auth.RevokeApiKey(wire.RevokeApiKeyRequest(api_key_id=shown.id), metadata=another)
    assert await refused(foreign) == (Code.NOT_FOUND, "API_KEY_NOT_FOUND")
    await auth.RevokeApiKey(wire.RevokeApiKeyRequest(api_key_id=shown.id), **mine)
    assert await refused(listing(guarded, key)) == (Code.UNAUTHENTICATED, "BAD_TOKEN")
    assert not (await auth.ListApiKeys(wire.ListApiKeysRequest(), **mine)).api_keys


async def test_a_key_expires(guarded: Guarded, owner: Person) -> None:
    request = wire.CreateApiKeyRequest(name="short", role=wire.VIEWER)
    request.expires_at.FromDatetime(datetime.now(UTC) + timedelta(hours=1))
    made = await guarded.auth.CreateApiKey(request, metadata=owner.metadata)
    key = (("authorization", f"Bearer {made.secret}"),)
    await listing(guarded, key)
    async with guarded.parts.database.single() as connection:
        await connection.exec_driver_sql(
            "UPDATE api_keys SET expires_at = now() - interval '1 s' WHERE id = %s", (made.api_key.id,)
        )
    guarded.server.identity.authenticator._cache.forget()
    assert await refused(listing(guarded, key)) == (Code.UNAUTHENTICATED, "BAD_TOKEN")
    request.expires_at.FromDatetime(datetime.now(UTC) - timedelta(hours=1))
    late = guarded.auth.CreateApiKey(request, metadata=owner.metadata)
    assert await refused(late) == (Code.INVALID_ARGUMENT, "BAD_EXPIRY")


async def test_a_key_may_never_more_than_its_maker(guarded: Guarded, owner: Person) -> None:
    auth, mine = guarded.auth, {"metadata": owner.metadata}
    second, email = await guarded.make()
    await auth.AddMember(wire.AddMemberRequest(email=email, role=wire.OWNER), **mine)
    theirs = (("authorization", f"Bearer {(await guarded.sign_in(email)).access_token}"),)
    made = await auth.CreateApiKey(wire.CreateApiKeyRequest(name="k", role=wire.OWNER), metadata=theirs)
    key = (("authorization", f"Bearer {made.secret}"),)
    await auth.ListAuditEvents(wire.ListAuditEventsRequest(), metadata=key)
    await auth.UpdateMember(wire.UpdateMemberRequest(user_id=second, role=wire.VIEWER), **mine)
    demoted = auth.ListAuditEvents(wire.ListAuditEventsRequest(), metadata=key)
    assert await refused(demoted) == (Code.PERMISSION_DENIED, "PERMISSION_DENIED")
    await listing(guarded, key)
    await auth.RemoveMember(wire.RemoveMemberRequest(user_id=second), **mine)
    assert await refused(listing(guarded, key)) == (Code.UNAUTHENTICATED, "BAD_TOKEN")


async def test_a_lesser_role_makes_no_greater_key(guarded: Guarded, owner: Person) -> None:
    from services.errors import Forbidden
    from services.identity.caller import Caller, current_caller, set_caller

    before = current_caller()
    set_caller(Caller(owner.id, "w", Role.OPERATOR))
    try:
        with pytest.raises(Forbidden, match="OPERATOR"):
            await guarded.server.identity.api_keys.create("k", Role.EDITOR, None)
    finally:
        set_caller(before)
