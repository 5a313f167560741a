"""The client of Slack's Web API, which says in the body whether a call went well."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from pydantic import Field, SecretStr

from nodes.credentials.checking import bearing, not_ok
from nodes.credentials.credential import CredentialFields, CredentialType
from nodes.external_action.api import Api
from nodes.external_action.failure import Reason, excerpt
from nodes.external_action.slack_api.refusal import refusal
from nodes.http.exchange import Answer
from orchestrator import exact_json

MOST_A_PAGE = 200
_FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}


class SlackToken(CredentialFields):
    """A token of Slack."""

    token: SecretStr = Field(description="A bot token (xoxb-…) or a user token (xoxp-…).")


SLACK_TOKEN = CredentialType(
    "slack_token",
    "Slack token",
    SlackToken,
    hosts=("slack.com", "files.slack.com"),
    check=bearing("https://slack.com/api/auth.test", refused=not_ok),
)


class SlackApi(Api):
    """Slack's Web API."""

    vendor = "Slack"
    default_url = "https://slack.com/api"

    def headers(self) -> dict[str, str]:
        """The authorization."""
        fields = self.credential.fields if self.credential else None
        assert isinstance(fields, SlackToken)
        return {"authorization": f"Bearer {fields.token.get_secret_value()}"}

    def reason(self, answer: Answer) -> Reason:
        """What is said where Slack answers with a status."""
        try:
            body = exact_json.loads(answer.text() or "")
        except exact_json.NotJson:
            body = None
        return Reason(str(body.get("error", "")) if isinstance(body, dict) else excerpt(answer))

    async def get(self, method: str, what: str, **arguments: Any) -> dict[str, Any]:
        """What a method that reads gives; NodeError unless it says `ok`."""
        return self._checked(await self.send("GET", f"/{method}", what=what, query=arguments), what)

    async def post(
        self, method: str, what: str, *, fine: frozenset[str] = frozenset(), **arguments: Any
    ) -> dict[str, Any]:
        """What a method that writes gives; NodeError unless it says `ok`, or one of the errors that are `fine`."""
        content = urlencode({name: _text(value) for name, value in arguments.items() if value is not None}).encode()
        answer = await self.send("POST", f"/{method}", what=what, content=content, headers=_FORM)
        return self._checked(answer, what, fine)

    def _checked(self, answer: Answer, what: str, fine: frozenset[str] = frozenset()) -> dict[str, Any]:
        body = self.object_of(answer)
        if body.get("ok") is True or (body.get("ok") is False and body.get("error") in fine):
            return {name: value for name, value in body.items() if name != "ok"}
        if body.get("ok") is not False:
            raise self.malformed('an object without "ok"')
        raise refusal(what, body, answer)

    async def pages(
        self, method: str, field: str, arguments: Mapping[str, Any], what: str, most: int | None
    ) -> AsyncIterator[Sequence[dict[str, Any]]]:
        """The entries of a field of one page after the other."""
        size = MOST_A_PAGE if most is None else min(most, MOST_A_PAGE)
        cursor = ""
        while True:
            body = await self.get(method, what, **arguments, limit=size, cursor=cursor or None)
            entries = body.get(field)
            if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
                raise self.malformed(f'no list "{field}"')
            yield entries
            metadata = body.get("response_metadata")
            following = metadata.get("next_cursor") if isinstance(metadata, dict) else None
            if not following:
                return
            if following == cursor:
                raise self.malformed("the same page twice")
            cursor = str(following)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else exact_json.dumps(value)
