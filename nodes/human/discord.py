"""Asks in Discord: a bot's message with buttons, in a channel or to each of the assignees."""

from typing import Any, ClassVar

from pydantic import Field, SecretStr

from nodes.base import PermanentError
from nodes.credentials.checking import requesting
from nodes.credentials.credential import Credential, CredentialFields, CredentialSlot, CredentialType
from nodes.http.egress import Egress
from nodes.human.messaging import Message, MessagingNode
from nodes.human.parameters import HumanParameters
from nodes.human.request import Request, button, clipped
from nodes.human.vendor_api import VendorApi
from orchestrator.task_form import TaskOption

DEFAULT_URL = "https://discord.com/api/v10"
_STYLES = {"approved": 3, "rejected": 4}
_A_ROW = 5


class DiscordBot(CredentialFields):
    """A bot of a Discord application."""

    token: SecretStr = Field(description="The bot's token.")
    public_key: str = Field(
        pattern=r"^[0-9a-fA-F]{64}$",
        description="The application's public key, by which Discord proves that a pressed button comes from it.",
    )


def _bot(credential: Credential) -> dict[str, str]:
    assert isinstance(credential.fields, DiscordBot)
    return {"authorization": f"Bot {credential.fields.token.get_secret_value()}"}


DISCORD_BOT = CredentialType(
    "discord_bot",
    "Discord bot",
    DiscordBot,
    hosts=("discord.com",),
    check=requesting("https://discord.com/api/v10/users/@me", _bot),
)


class DiscordParameters(HumanParameters):
    """Parameters of DISCORD."""

    channel: str = Field(
        default="",
        max_length=40,
        pattern=r"^(\d*|.*\{\{.*)$",
        description="The channel's id. Empty: a direct message to each assignee that is `discord:` and a user's id.",
    )
    base_url: str = Field(
        default="",
        max_length=2048,
        description="Where the API is, if not at its usual place; the credential's hosts must allow it.",
    )


class Discord(MessagingNode[DiscordParameters, VendorApi]):
    """Asks in Discord. The message says what was decided once somebody has answered, there or elsewhere."""

    subtype = "DISCORD"
    model = DiscordParameters
    credentials: ClassVar = {"auth": CredentialSlot((DISCORD_BOT,))}

    def place(self, parameters: DiscordParameters) -> str:
        """The channel."""
        return parameters.channel

    def api(self, http: Egress, credential: Credential, base_url: str) -> VendorApi:
        """Discord's API."""
        return VendorApi("Discord", http, credential, base_url or DEFAULT_URL, _bot(credential))

    async def direct(self, api: VendorApi, request: Request) -> list[str]:
        """A direct channel to each assignee."""
        users = _users(request)
        if not users:
            raise PermanentError(
                "nobody can be asked in Discord: there is no channel, and no assignee such as "
                "discord:80351110224678912",
                code="NOBODY_TO_ASK",
                hint='set "channel", or name assignees by their Discord ids',
            )
        opened = [
            await api.call("POST", "/users/@me/channels", {"recipient_id": user}, what=f"the person {user}")
            for user in dict.fromkeys(users)
        ]
        return [str(channel.get("id", "")) for channel in opened]

    async def post(self, api: VendorApi, place: str, request: Request) -> Message:
        """Mentions whom it is for."""
        users = _users(request)
        body = {
            "content": " ".join(f"<@{user}>" for user in users),
            "allowed_mentions": {"parse": [], "users": users},
            "embeds": [embed(request, " ".join(request.notes))],
            "components": buttons(request.task_id, request.options),
        }
        found = await api.call("POST", f"/channels/{place}/messages", body, what=f"the channel {place}")
        return {"channel": place, "id": str(found.get("id", ""))}

    async def replace(self, api: VendorApi, message: Message, request: Request, outcome: str) -> None:
        """Takes the buttons away."""
        body = {"embeds": [embed(request, outcome)], "components": [], "allowed_mentions": {"parse": []}}
        path = f"/channels/{message['channel']}/messages/{message['id']}"
        await api.call("PATCH", path, body, what="the message")


def embed(request: Request, note: str) -> dict[str, Any]:
    """The task as people read it."""
    return {
        "title": clipped(request.heading, 256),
        "description": clipped(request.message, 3900),
        **({"footer": {"text": clipped(note, 2000)}} if note else {}),
    }


def buttons(task_id: str, options: tuple[TaskOption, ...]) -> list[dict[str, Any]]:
    """Rows of buttons, one for each option."""
    made = [
        {
            "type": 2,
            "style": _STYLES.get(option.port, 2),
            "label": clipped(option.text, 80),
            "custom_id": button(position, task_id),
        }
        for position, option in enumerate(options)
    ]
    return [{"type": 1, "components": made[start : start + _A_ROW]} for start in range(0, len(made), _A_ROW)]


def _users(request: Request) -> list[str]:
    return [user for user in request.of("discord") if user.isdecimal()]
