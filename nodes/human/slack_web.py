"""The methods of Slack's Web API that tasks need."""

from typing import Any

from nodes.credentials.credential import Credential
from nodes.errors import PermanentError, RetryableError
from nodes.external_action.slack_api.client import SlackToken
from nodes.http.egress import Egress
from nodes.human import slack_blocks
from nodes.human.request import Request
from nodes.human.vendor_api import VendorApi

DEFAULT_URL = "https://slack.com/api"
_PASSING = frozenset({"ratelimited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"})
Message = dict[str, str]


class SlackWeb:
    """Slack, as an app with a bot token."""

    def __init__(self, api: VendorApi) -> None:
        self._api = api

    @classmethod
    def of(cls, http: Egress, credential: Credential, base_url: str) -> "SlackWeb":
        """The API with a credential."""
        assert isinstance(credential.fields, SlackToken)
        headers = {"authorization": f"Bearer {credential.fields.token.get_secret_value()}"}
        return cls(VendorApi("Slack", http, credential, base_url or DEFAULT_URL, headers))

    async def post(self, channel: str, request: Request) -> Message:
        """Posts a task to a channel or a person; where it is then."""
        blocks = slack_blocks.of_request(request)
        body = {"channel": channel, "text": request.heading, "blocks": blocks, "unfurl_links": False}
        found = await self._post("chat.postMessage", body, f'the channel "{channel}"')
        return {"channel": str(found.get("channel", channel)), "ts": str(found.get("ts", ""))}

    async def replace(self, message: Message, request: Request, outcome: str) -> None:
        """Puts the outcome in the place of a message's buttons."""
        blocks = slack_blocks.of_outcome(request, outcome)
        body = {"channel": message["channel"], "ts": message["ts"], "text": request.title, "blocks": blocks}
        await self._post("chat.update", body, "the message")

    async def open_form(self, trigger: str, view: dict[str, Any]) -> None:
        """Opens a modal for who pressed a button."""
        await self._post("views.open", {"trigger_id": trigger, "view": view}, "the form")

    async def user_of(self, email: str) -> str:
        """The id of who has a mail address."""
        query = {"email": email}
        found = await self._api.call("GET", "/users.lookupByEmail", what=f"the person {email}", query=query)
        return str(_checked(found, f"the person {email}").get("user", {}).get("id", ""))

    async def email_of(self, user: str) -> str:
        """The mail address of a person, empty if Slack doesn't say."""
        found = await self._api.call("GET", "/users.info", what=f"the person {user}", query={"user": user})
        profile = _checked(found, f"the person {user}").get("user", {}).get("profile", {})
        return str(profile.get("email") or "")

    async def _post(self, method: str, body: dict[str, Any], what: str) -> dict[str, Any]:
        return _checked(await self._api.call("POST", f"/{method}", body, what=what), what)


def _checked(found: dict[str, Any], what: str) -> dict[str, Any]:
    if found.get("ok") is True:
        return found
    error = str(found.get("error") or "no reason given")[:200]
    if error in _PASSING:
        raise RetryableError(f"Slack can't do this now with {what}: {error}", code="REFUSED")
    message = f"Slack refuses what was sent about {what}: {error}"
    raise PermanentError(message, code="REFUSED", hint="correct the parameters, or the app's scopes")
