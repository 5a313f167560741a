"""Asks in Slack: a message with buttons, in a channel or to each of the assignees."""

from typing import Any, ClassVar

from pydantic import Field, SecretStr

from nodes.base import NodeExecutionContext, PermanentError
from nodes.credentials.checking import bearing, not_ok
from nodes.credentials.credential import Credential, CredentialSlot, CredentialType
from nodes.external_action.slack_api.client import SlackToken
from nodes.human.node import Delivery, HumanNode
from nodes.human.parameters import HumanParameters
from nodes.human.request import Links, Request
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


class Slack(HumanNode[SlackParameters]):
    """Asks in Slack. The message says what was decided once somebody has answered, there or elsewhere."""

    subtype = "SLACK"
    model = SlackParameters
    credentials: ClassVar = {"auth": CredentialSlot((SLACK_APP,))}

    async def deliver(self, context: NodeExecutionContext[SlackParameters], request: Request, links: Links) -> Delivery:
        """Posts the message."""
        given = context.parameters
        api = api_of(context, await context.credential(), given.base_url)
        delivery: Delivery = {"base_url": given.base_url, "channel": given.channel, "messages": []}
        places = [given.channel] if given.channel else await _direct(api, request)
        for place in places:
            delivery["messages"].append(await api.post(place, request))
        return delivery

    async def tell(
        self, context: NodeExecutionContext[Any], request: Request, delivery: Delivery, links: Links
    ) -> Delivery:
        """Posts it again: in the channel, or to each of those who have it now; older ones lose their buttons."""
        api = api_of(context, await context.credential(), delivery.get("base_url", ""))
        places = [delivery["channel"]] if delivery.get("channel") else await _direct(api, request)
        posted = [await api.post(place, request) for place in places]
        for message in delivery.get("messages", ()):
            await api.replace(message, request, "There is a newer message about this.")
        return {**delivery, "messages": posted}

    async def close(
        self, context: NodeExecutionContext[Any], request: Request, delivery: Delivery, outcome: str
    ) -> None:
        """Replaces the buttons by the outcome."""
        api = api_of(context, await context.credential(), delivery.get("base_url", ""))
        for message in delivery.get("messages", ()):
            await api.replace(message, request, outcome)


def api_of(context: NodeExecutionContext[Any], credential: Credential | None, base_url: str) -> SlackWeb:
    """The API as a node reaches it."""
    assert credential is not None, "the slot is required"
    return SlackWeb.of(context.resources.http, credential, base_url)


async def _direct(api: SlackWeb, request: Request) -> list[str]:
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
    return list(dict.fromkeys(users))


__all__ = ["SLACK_APP", "Slack", "SlackAppFields"]
