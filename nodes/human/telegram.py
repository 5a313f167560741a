"""Asks in Telegram: a bot's message with an inline keyboard, in a chat or to each of the assignees."""

from typing import Any, ClassVar

from pydantic import Field, SecretStr

from nodes.base import PermanentError
from nodes.credentials.credential import Credential, CredentialFields, CredentialSlot, CredentialType
from nodes.http.egress import Egress
from nodes.human.messaging import Message, MessagingNode
from nodes.human.parameters import HumanParameters
from nodes.human.request import Request, button, clipped
from nodes.human.vendor_api import VendorApi
from orchestrator.task_form import TaskOption

DEFAULT_URL = "https://api.telegram.org"


class TelegramBot(CredentialFields):
    """A bot of Telegram."""

    token: SecretStr = Field(description="The bot's token, from @BotFather.")
    secret_token: SecretStr = Field(
        min_length=16,
        max_length=256,
        description="What was given to setWebhook as secret_token: Telegram proves with it that an update comes from "
        "it. Letters, digits, _ and -.",
    )


async def _check(credential: Credential, http: Egress) -> str:
    if not credential.allows("api.telegram.org"):
        return "it can be opened; api.telegram.org isn't among its hosts, so nobody was asked"
    found = await api_of(http, credential, "").call("GET", "/getMe", what="the bot")
    return f"api.telegram.org takes it: @{found.get('result', {}).get('username', '')}"


TELEGRAM_BOT = CredentialType("telegram_bot", "Telegram bot", TelegramBot, hosts=("api.telegram.org",), check=_check)


class TelegramParameters(HumanParameters):
    """Parameters of TELEGRAM."""

    chat_id: str = Field(
        default="",
        max_length=64,
        coerce_numbers_to_str=True,
        description="The chat's id, or a channel as @name. Empty: a message to each assignee that is `telegram:` and a "
        "user's id, who must have written to the bot before.",
    )
    base_url: str = Field(
        default="",
        max_length=2048,
        description="Where the API is, if not at its usual place; the credential's hosts must allow it.",
    )


class Telegram(MessagingNode[TelegramParameters, VendorApi]):
    """Asks in Telegram. The message says what was decided once somebody has answered, there or elsewhere."""

    subtype = "TELEGRAM"
    model = TelegramParameters
    credentials: ClassVar = {"auth": CredentialSlot((TELEGRAM_BOT,))}

    def place(self, parameters: TelegramParameters) -> str:
        """The chat."""
        return parameters.chat_id

    def api(self, http: Egress, credential: Credential, base_url: str) -> VendorApi:
        """Telegram's API."""
        return api_of(http, credential, base_url)

    async def direct(self, api: VendorApi, request: Request) -> list[str]:
        """The chat with each assignee."""
        users = request.of("telegram")
        if not users:
            raise PermanentError(
                "nobody can be asked in Telegram: there is no chat, and no assignee such as telegram:123456",
                code="NOBODY_TO_ASK",
                hint='set "chat_id", or name assignees by their Telegram ids',
            )
        return users

    async def post(self, api: VendorApi, place: str, request: Request) -> Message:
        """A message with a keyboard."""
        body = {
            "chat_id": place,
            "text": _text(request, request.notes),
            "reply_markup": keyboard(request.task_id, request.options),
        }
        found = await api.call("POST", "/sendMessage", body, what=f"the chat {place}")
        message = found.get("result")
        return {"channel": place, "id": message.get("message_id") if isinstance(message, dict) else None}

    async def replace(self, api: VendorApi, message: Message, request: Request, outcome: str) -> None:
        """Takes the keyboard away."""
        body = {"chat_id": message["channel"], "message_id": message["id"], "text": _text(request, [outcome])}
        await api.call("POST", "/editMessageText", body, what="the message")


def api_of(http: Egress, credential: Credential, base_url: str) -> VendorApi:
    """The API with a credential, whose token is a part of every address."""
    assert isinstance(credential.fields, TelegramBot)
    base = f"{(base_url or DEFAULT_URL).rstrip('/')}/bot{credential.fields.token.get_secret_value()}"
    return VendorApi("Telegram", http, credential, base)


def keyboard(task_id: str, options: tuple[TaskOption, ...]) -> dict[str, Any]:
    """A button for each option, two in a row."""
    made = [
        {"text": clipped(option.text, 60), "callback_data": button(position, task_id)}
        for position, option in enumerate(options)
    ]
    return {"inline_keyboard": [made[start : start + 2] for start in range(0, len(made), 2)]}


def _text(request: Request, notes: list[str]) -> str:
    # Plain text: nothing in it is markup.
    return "\n\n".join(
        [clipped(request.heading, 300), clipped(request.message, 3000), *(clipped(note, 500) for note in notes)]
    )
