"""Works with GitHub: issues, pull requests, files, releases, workflows."""

from typing import Any, ClassVar, Union

from pydantic import RootModel

from nodes.credentials.credential import CredentialSlot
from nodes.external_action.github_api.client import GITHUB_TOKEN, GitHubApi
from nodes.external_action.github_api.files import GetFile, PutFile
from nodes.external_action.github_api.issues import CommentIssue, CreateIssue, GetIssue, ListIssues, UpdateIssue
from nodes.external_action.github_api.pull_requests import CreateReview, GetPullRequest, ListPullRequests
from nodes.external_action.github_api.releases import CreateRelease, ListReleases
from nodes.external_action.github_api.repository import DispatchWorkflow, GetRepository
from nodes.external_action.vendor import Operation, VendorExecutor, by_name, unchosen

AnyOperation = Union[  # noqa: UP007 - listed one a line
    CreateIssue,
    GetIssue,
    ListIssues,
    UpdateIssue,
    CommentIssue,
    ListPullRequests,
    GetPullRequest,
    CreateReview,
    GetFile,
    PutFile,
    CreateRelease,
    ListReleases,
    DispatchWorkflow,
    GetRepository,
]


class GitHubParameters(RootModel[AnyOperation]):
    """Parameters of GITHUB: those of one operation."""


OPERATIONS = by_name(GitHubParameters)


class GitHub(VendorExecutor[Operation[Any]]):
    """Calls GitHub's REST API, and emits what it answers; a list gives an item for each entry."""

    subtype = "GITHUB"
    model = GitHubParameters
    api = GitHubApi
    operations = OPERATIONS
    unchosen = unchosen(OPERATIONS)
    credentials: ClassVar = {"auth": CredentialSlot((GITHUB_TOKEN,))}
