"""Operations on people: look one up."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from nodes.external_action.slack_api.client import SlackApi
from nodes.external_action.vendor import Operation
from nodes.parameters import STRUCTURAL, absent, misuse


class LookupUser(Operation[SlackApi]):
    """Emits the user of an id or a mail address."""

    operation: Annotated[Literal["lookup_user"], STRUCTURAL] = Field(description="Emit a user.")
    user: str | None = Field(default=None, min_length=1, description="The user's id, such as U0123456789.")
    email: str | None = Field(default=None, min_length=3, description="The user's mail address, instead of `user`.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.user is None and self.email is None:
            raise absent("user", 'give the user\'s id, or a mail address in "email"')
        if self.user is not None and self.email is not None:
            raise misuse('has both "user" and "email"; give one of them')
        return self

    async def perform(self, api: SlackApi) -> dict[str, Any]:
        """Looks the user up."""
        what = f'the user "{self.user or self.email}"'
        if self.user is not None:
            body = await api.get("users.info", what, user=self.user)
        else:
            body = await api.get("users.lookupByEmail", what, email=self.email)
        found = body.get("user")
        if not isinstance(found, dict):
            raise api.malformed('no object "user"')
        return found
