"""Asks in Slack: a message with buttons, in a channel or to each of the assignees."""

from typing import ClassVar

from pydantic import Field, SecretStr

from nodes.base import PermanentError
from nodes.credentials.checking import bearing, not_ok
from nodes.credentials.credential import Credential, CredentialSlot, CredentialType
from nodes.external_action.slack_api.client import SlackToken
from nodes.http.egress import Egress
from nodes.human.messaging import Message, MessagingNode
from nodes.human.parameters import HumanParameters
from nodes.human.request import Request
from nodes.human.slack_web import SlackWeb


class SlackAppFields(SlackToken):
    """An app of a Slack workspace."""

    signing_secret: SecretStr = Field(
        min_length=8, description="The app's signing secret, by which Slack proves that a pressed button comes from it."
    )


SLACK_APP = CredentialType(
    "slack_app",
    "Slack app",
    SlackAppFields,
    hosts=("slack.com", "hooks.slack.com"),
    check=bearing("https://slack.com/api/auth.test", refused=not_ok),
)


class SlackParameters(HumanParameters):
    """Parameters of SLACK."""

    channel: str = Field(
        default="",
        max_length=255,
        description="The channel's id, such as C0123456789. Empty: a direct message to each assignee that is "
        "`slack:U…` or a mail address that Slack knows.",
    )
    base_url: str = Field(
        default="",
        max_length=2048,
        description="Where the API is, if not at its usual place; the credential's hosts must allow it.",
    )


class Slack(MessagingNode[SlackParameters, SlackWeb]):
    """Asks in Slack. The message says what was decided once somebody has answered, there or elsewhere."""

    subtype = "SLACK"
    model = SlackParameters
    credentials: ClassVar = {"auth": CredentialSlot((SLACK_APP,))}

    def place(self, parameters: SlackParameters) -> str:
        """The channel."""
        return parameters.channel

    def api(self, http: Egress, credential: Credential, base_url: str) -> SlackWeb:
        """Slack's API."""
        return SlackWeb.of(http, credential, base_url)

    async def direct(self, api: SlackWeb, request: Request) -> list[str]:
        """Each assignee, whom Slack may know by a mail address."""
        users = request.of("slack")
        for name in request.assignees:
            if "@" in name and ":" not in name:
                users.append(await api.user_of(name))
        if not users:
            raise PermanentError(
                "nobody can be asked in Slack: there is no channel, and no assignee that Slack knows",
                code="NOBODY_TO_ASK",
                hint='set "channel", or name assignees as slack:U… or by the mail address that Slack knows',
            )
        return users

    async def post(self, api: SlackWeb, place: str, request: Request) -> Message:
        """A message with buttons."""
        return await api.post(place, request)

    async def replace(self, api: SlackWeb, message: Message, request: Request, outcome: str) -> None:
        """Takes the buttons away."""
        await api.replace(message, request, outcome)
