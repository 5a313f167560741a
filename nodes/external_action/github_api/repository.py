"""Operations on a repository as a whole: get it, start one of its workflows."""

from typing import Annotated, Any, Literal

from pydantic import Field

from nodes.external_action.api import segment
from nodes.external_action.github_api.client import GitHubApi, RepositoryOperation
from nodes.parameters import STRUCTURAL


class GetRepository(RepositoryOperation):
    """Emits a repository."""

    operation: Annotated[Literal["get_repository"], STRUCTURAL] = Field(description="Emit the repository.")

    async def perform(self, api: GitHubApi) -> dict[str, Any]:
        """Gets the repository."""
        return await api.call("GET", self.root, what=self.repository)


class DispatchWorkflow(RepositoryOperation):
    """Starts a workflow of GitHub Actions, one that has the trigger `workflow_dispatch`."""

    operation: Annotated[Literal["dispatch_workflow"], STRUCTURAL] = Field(
        description="Start a workflow of GitHub Actions."
    )
    workflow_id: str = Field(
        min_length=1,
        max_length=255,
        coerce_numbers_to_str=True,
        description="Its file, such as `ci.yml`, or id.",
    )
    ref: str = Field(min_length=1, max_length=255, description="The branch or tag to run it on.")
    inputs: dict[str, Any] = Field(default_factory=dict, max_length=25, description="Its inputs by name.")

    async def perform(self, api: GitHubApi) -> dict[str, Any]:
        """Dispatches it; GitHub doesn't say which run that makes."""
        path = f"{self.root}/actions/workflows/{segment(self.workflow_id, 'workflow_id')}/dispatches"
        body = {"ref": self.ref, **({"inputs": self.inputs} if self.inputs else {})}
        answer = await api.call("POST", path, what=f'the workflow "{self.workflow_id}" of {self.repository}', json=body)
        return {"dispatched": True, "workflow_id": self.workflow_id, "ref": self.ref, **answer}
