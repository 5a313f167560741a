"""Works with Slack: messages, channels, people, files, reactions."""

from typing import Any, ClassVar, Union

from pydantic import RootModel

from nodes.credentials.credential import CredentialSlot
from nodes.external_action.slack_api.channels import ChannelHistory, ListChannels
from nodes.external_action.slack_api.client import SLACK_TOKEN, SlackApi
from nodes.external_action.slack_api.files import UploadFile
from nodes.external_action.slack_api.messages import DeleteMessage, PostMessage, UpdateMessage
from nodes.external_action.slack_api.reactions import AddReaction, RemoveReaction
from nodes.external_action.slack_api.users import LookupUser
from nodes.external_action.vendor import Operation, VendorExecutor, by_name, unchosen

AnyOperation = Union[  # noqa: UP007 - listed one a line
    PostMessage,
    UpdateMessage,
    DeleteMessage,
    ListChannels,
    ChannelHistory,
    LookupUser,
    UploadFile,
    AddReaction,
    RemoveReaction,
]


class SlackParameters(RootModel[AnyOperation]):
    """Parameters of SLACK: those of one operation."""


OPERATIONS = by_name(SlackParameters)


class Slack(VendorExecutor[Operation[Any]]):
    """Calls Slack's Web API as a bot or a user, and emits what it answers; a list gives an item for each entry."""

    subtype = "SLACK"
    model = SlackParameters
    api = SlackApi
    operations = OPERATIONS
    unchosen = unchosen(OPERATIONS)
    credentials: ClassVar = {"auth": CredentialSlot((SLACK_TOKEN,))}
