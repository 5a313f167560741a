"""The client of GitHub's REST API: its credential, pages and refusals."""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field, SecretStr

from nodes.credentials.checking import bearing
from nodes.credentials.credential import CredentialFields, CredentialType
from nodes.external_action.api import Api, segment
from nodes.external_action.failure import Reason, excerpt
from nodes.external_action.vendor import Operation, PagedOperation
from nodes.http.exchange import LONGEST_WAIT, Answer, retry_after
from orchestrator import exact_json

MOST_A_PAGE = 100
# GitHub asks for at least this much patience where it names no time.
_SECONDARY_WAIT = 60.0
_VERSION = "2022-11-28"
_NAME = r"^[A-Za-z0-9_.-]+$"


class GitHubToken(CredentialFields):
    """A token of GitHub."""

    token: SecretStr = Field(description="A personal access token, fine-grained or classic.")


GITHUB_TOKEN = CredentialType(
    "github_token",
    "GitHub token",
    GitHubToken,
    hosts=("api.github.com",),
    check=bearing("https://api.github.com/user"),
)


class GitHubApi(Api):
    """GitHub's REST API."""

    vendor = "GitHub"
    default_url = "https://api.github.com"

    def headers(self) -> dict[str, str]:
        """The authorization, and the version of the API."""
        fields = self.credential.fields if self.credential else None
        assert isinstance(fields, GitHubToken)
        return {
            "authorization": f"Bearer {fields.token.get_secret_value()}",
            "accept": "application/vnd.github+json",
            "x-github-api-version": _VERSION,
        }

    def reason(self, answer: Answer) -> Reason:
        """GitHub's message, the fields that it names, the scope that it misses, its rate limits."""
        try:
            body = exact_json.loads(answer.text() or "")
        except exact_json.NotJson:
            body = None
        said = body if isinstance(body, dict) else {}
        message = str(said.get("message") or excerpt(answer))
        too_often, wait = self._limit(answer, message)
        errors = said.get("errors")
        fields = [_field_error(error) for error in errors] if isinstance(errors, list) else []
        return Reason(message, fields, _missing_scope(answer, message), too_often, wait)

    def _limit(self, answer: Answer, message: str) -> tuple[bool, float | None]:
        """Whether a limit of requests is reached, and how long it lasts."""
        if answer.status not in (403, 429):
            return False, None
        asked = retry_after(answer.headers)
        if asked is not None:
            return True, asked
        if answer.headers.get("x-ratelimit-remaining") == "0":
            reset = str(answer.headers.get("x-ratelimit-reset", ""))
            wait = float(reset) - time.time() if reset.isdigit() else _SECONDARY_WAIT
            return True, min(max(wait, 0.0), LONGEST_WAIT)
        limited = answer.status == 429 or "rate limit" in message.lower()
        return limited, _SECONDARY_WAIT if limited else None

    async def pages(
        self, path: str, query: Mapping[str, Any], what: str, most: int | None
    ) -> AsyncIterator[Sequence[dict[str, Any]]]:
        """One page of a list after the other."""
        size = MOST_A_PAGE if most is None else min(most, MOST_A_PAGE)
        page = 1
        while True:
            answer = await self.send("GET", path, what=what, query={**query, "per_page": size, "page": page})
            entries = self.objects_of(answer)
            yield entries
            if 'rel="next"' not in str(answer.headers.get("link", "")) or not entries:
                return
            page += 1


class RepositoryOperation(Operation[GitHubApi]):
    """An operation on one repository."""

    owner: str = Field(pattern=_NAME, max_length=100, description="The account or organization that owns it.")
    repo: str = Field(pattern=_NAME, max_length=100, description="The repository's name.")

    @property
    def root(self) -> str:
        """Where the repository is."""
        return f"/repos/{segment(self.owner, 'owner')}/{segment(self.repo, 'repo')}"

    @property
    def repository(self) -> str:
        """How messages name it."""
        return f"the repository {self.owner}/{self.repo}"


class RepositoryList(RepositoryOperation, PagedOperation[GitHubApi]):
    """An operation that lists something of a repository."""


Number = Annotated[int, Field(ge=1)]


def _field_error(error: Any) -> str:
    if not isinstance(error, dict):
        return str(error)
    said = error.get("message") or error.get("code") or "invalid"
    where = ".".join(str(error[name]) for name in ("resource", "field") if error.get(name))
    value = f" (it was {error['value']!r:.60})" if error.get("value") is not None else ""
    return f"{where}: {said}{value}" if where else str(said)


def _missing_scope(answer: Answer, message: str) -> str:
    wanted = str(answer.headers.get("x-accepted-oauth-scopes", ""))
    has = {scope.strip() for scope in str(answer.headers.get("x-oauth-scopes", "")).split(",")}
    missing = [scope.strip() for scope in wanted.split(",") if scope.strip() and scope.strip() not in has]
    if missing:
        return f"one of the scopes {', '.join(missing)}"
    permissions = str(answer.headers.get("x-accepted-github-permissions", ""))
    if permissions and "not accessible" in message:
        return f"the permission {permissions}"
    return ""
