"""What each method needs: the least role that may call it. A method that isn't here may be called by nobody."""

from collections.abc import Mapping
from enum import Enum

from services.identity.caller import Role


class Access(Enum):
    """What isn't a matter of a role."""

    # Anybody, without signing in.
    PUBLIC = "anybody"
    # Whoever is signed in, member of a workspace or not.
    SIGNED_IN = "whoever is signed in"


Need = Role | Access

_WORKFLOWS: Mapping[str, Need] = {
    "CreateWorkflow": Role.EDITOR,
    "GetWorkflow": Role.VIEWER,
    "UpdateWorkflow": Role.EDITOR,
    "DeleteWorkflow": Role.EDITOR,
    "ListWorkflows": Role.VIEWER,
    "ListWorkflowVersions": Role.VIEWER,
    "RestoreWorkflowVersion": Role.EDITOR,
    "ValidateWorkflow": Role.VIEWER,
    "ActivateWorkflow": Role.EDITOR,
    "DeactivateWorkflow": Role.EDITOR,
    # It shows addresses that start runs.
    "GetActivation": Role.OPERATOR,
    "ExecuteWorkflow": Role.OPERATOR,
    "GetExecution": Role.VIEWER,
    "ListExecutions": Role.VIEWER,
    "GetExecutionHistory": Role.VIEWER,
    "WatchExecution": Role.VIEWER,
    "CancelExecution": Role.OPERATOR,
    "PauseExecution": Role.OPERATOR,
    "ResumeExecution": Role.OPERATOR,
    "RetryExecution": Role.OPERATOR,
    "DeleteExecution": Role.EDITOR,
    # It runs whatever node it is given.
    "TestNode": Role.EDITOR,
    "ListNodeTypes": Role.VIEWER,
    "GetLimits": Role.VIEWER,
    "SetWorkflowLimits": Role.OWNER,
    "GetRetention": Role.VIEWER,
    "SetRetention": Role.OWNER,
}
_INTEGRATIONS: Mapping[str, Need] = {
    "ListCredentialTypes": Role.VIEWER,
    "CreateIntegration": Role.EDITOR,
    "GetIntegration": Role.VIEWER,
    "ListIntegrations": Role.VIEWER,
    "UpdateIntegration": Role.EDITOR,
    "RotateIntegration": Role.EDITOR,
    "DeleteIntegration": Role.EDITOR,
    "TestIntegration": Role.EDITOR,
    "StartAuthorization": Role.EDITOR,
    "CompleteAuthorization": Role.EDITOR,
}
_HUMAN_TASKS: Mapping[str, Need] = {
    "ListHumanTasks": Role.VIEWER,
    "GetHumanTask": Role.VIEWER,
    "AnswerHumanTask": Role.APPROVER,
    "ReassignHumanTask": Role.APPROVER,
    "CommentHumanTask": Role.APPROVER,
}
_AUTH: Mapping[str, Need] = {
    "SignIn": Access.PUBLIC,
    "RefreshToken": Access.PUBLIC,
    "SignOut": Access.SIGNED_IN,
    "WhoAmI": Access.SIGNED_IN,
    "ChangePassword": Access.SIGNED_IN,
    "ListWorkspaces": Access.SIGNED_IN,
    "CreateWorkspace": Role.OWNER,
    "AddMember": Role.OWNER,
    "ListMembers": Role.VIEWER,
    "UpdateMember": Role.OWNER,
    "RemoveMember": Role.OWNER,
    "CreateApiKey": Role.OWNER,
    "ListApiKeys": Role.OWNER,
    "RevokeApiKey": Role.OWNER,
    "ListAuditEvents": Role.OWNER,
}
AUTH_SERVICE = "workflow_engine.v1.AuthService"
OURS: Mapping[str, Mapping[str, Need]] = {
    "workflow_engine.v1.WorkflowService": _WORKFLOWS,
    "workflow_engine.v1.IntegrationService": _INTEGRATIONS,
    "workflow_engine.v1.HumanTaskService": _HUMAN_TASKS,
    AUTH_SERVICE: _AUTH,
}
# Reflection is served only where GRPC_REFLECTION says so.
_OTHERS: Mapping[str, Need] = {
    "/grpc.health.v1.Health/Check": Access.PUBLIC,
    "/grpc.health.v1.Health/Watch": Access.PUBLIC,
    "/grpc.health.v1.Health/List": Access.PUBLIC,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": Access.PUBLIC,
}
TABLE: Mapping[str, Need] = {
    f"/{service}/{name}": need for service, methods in OURS.items() for name, need in methods.items()
} | dict(_OTHERS)


def allowed(role: Role | None) -> list[str]:
    """The methods of ours that a member with a role may call; without a role, whoever is signed in."""
    return [
        name
        for name, need in TABLE.items()
        if name not in _OTHERS and (isinstance(need, Access) or (role is not None and role.includes(need)))
    ]
