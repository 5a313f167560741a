"""Where each method of the API is under /api/v1: the only table of it."""

from collections.abc import Mapping
from dataclasses import dataclass

PREFIX = "/api/v1"


@dataclass(frozen=True)
class Place:
    """A verb and a path; the path's parameters are fields of the request."""

    verb: str
    path: str

    @property
    def in_query(self) -> bool:
        """Whether the request's other fields are in the query, rather than in a JSON body."""
        return self.verb in ("GET", "DELETE")


def _places(service: str, rows: Mapping[str, str]) -> dict[str, Place]:
    split = {name: row.split() for name, row in rows.items()}
    return {f"/workflow_engine.v1.{service}/{name}": Place(verb, PREFIX + path) for name, (verb, path) in split.items()}


TABLE: Mapping[str, Place] = {
    **_places(
        "WorkflowService",
        {
            "CreateWorkflow": "POST /workflows",
            "ListWorkflows": "GET /workflows",
            "ValidateWorkflow": "POST /workflows:validate",
            "GetWorkflow": "GET /workflows/{workflow_id}",
            "UpdateWorkflow": "PUT /workflows/{workflow_id}",
            "DeleteWorkflow": "DELETE /workflows/{workflow_id}",
            "ListWorkflowVersions": "GET /workflows/{workflow_id}/versions",
            "RestoreWorkflowVersion": "POST /workflows/{workflow_id}/versions/{version}:restore",
            "ActivateWorkflow": "POST /workflows/{workflow_id}:activate",
            "DeactivateWorkflow": "POST /workflows/{workflow_id}:deactivate",
            "GetActivation": "GET /workflows/{workflow_id}/activation",
            "ExecuteWorkflow": "POST /workflows/{workflow_id}:execute",
            "ListExecutions": "GET /executions",
            "GetExecution": "GET /executions/{execution_id}",
            "DeleteExecution": "DELETE /executions/{execution_id}",
            "GetExecutionHistory": "GET /executions/{execution_id}/history",
            "WatchExecution": "GET /executions/{execution_id}/events",
            "CancelExecution": "POST /executions/{execution_id}:cancel",
            "PauseExecution": "POST /executions/{execution_id}:pause",
            "ResumeExecution": "POST /executions/{execution_id}:resume",
            "RetryExecution": "POST /executions/{execution_id}:retry",
            "TestNode": "POST /nodes:test",
            "ListNodeTypes": "GET /node-types",
            "GetLimits": "GET /limits",
            "SetWorkflowLimits": "PUT /workflows/{workflow_id}/limits",
            "GetRetention": "GET /retention",
            "SetRetention": "PUT /retention",
        },
    ),
    **_places(
        "IntegrationService",
        {
            "ListCredentialTypes": "GET /credential-types",
            "CreateIntegration": "POST /integrations",
            "ListIntegrations": "GET /integrations",
            "GetIntegration": "GET /integrations/{integration_id}",
            "UpdateIntegration": "PATCH /integrations/{integration_id}",
            "DeleteIntegration": "DELETE /integrations/{integration_id}",
            "RotateIntegration": "POST /integrations/{integration_id}:rotate",
            "TestIntegration": "POST /integrations/{integration_id}:test",
            "StartAuthorization": "POST /integrations/{integration_id}:authorize",
            "CompleteAuthorization": "POST /integrations:complete-authorization",
        },
    ),
    **_places(
        "HumanTaskService",
        {
            "ListHumanTasks": "GET /tasks",
            "GetHumanTask": "GET /tasks/{task_id}",
            "AnswerHumanTask": "POST /tasks/{task_id}:answer",
            "ReassignHumanTask": "POST /tasks/{task_id}:reassign",
            "CommentHumanTask": "POST /tasks/{task_id}:comment",
        },
    ),
    **_places(
        "AuthService",
        {
            "SignIn": "POST /auth:sign-in",
            "RefreshToken": "POST /auth:refresh",
            "SignOut": "POST /auth:sign-out",
            "WhoAmI": "GET /me",
            "ChangePassword": "POST /me:change-password",
            "CreateWorkspace": "POST /workspaces",
            "ListWorkspaces": "GET /workspaces",
            "AddMember": "POST /members",
            "ListMembers": "GET /members",
            "UpdateMember": "PATCH /members/{user_id}",
            "RemoveMember": "DELETE /members/{user_id}",
            "CreateApiKey": "POST /api-keys",
            "ListApiKeys": "GET /api-keys",
            "RevokeApiKey": "DELETE /api-keys/{api_key_id}",
            "ListAuditEvents": "GET /audit-events",
        },
    ),
}
