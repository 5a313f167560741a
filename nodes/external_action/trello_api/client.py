"""The client of Trello's REST API: its credential, refusals, and how fields are named."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr, WithJsonSchema

from nodes.credentials.checking import requesting
from nodes.credentials.credential import Credential, CredentialFields, CredentialType
from nodes.errors import NodeError
from nodes.external_action.api import Api
from nodes.external_action.failure import Reason, excerpt, forbidden
from nodes.external_action.vendor import Operation
from nodes.http.exchange import Answer
from nodes.parameters import is_template, misuse
from nodes.values import shown
from orchestrator import exact_json


class TrelloKey(CredentialFields):
    """An API key of Trello, and a user's token for it."""

    key: SecretStr = Field(description="The API key of a Power-Up.")
    token: SecretStr = Field(description="A user's token for that key.")


def _authorization(credential: Credential | None) -> dict[str, str]:
    """The authorization, in a header: URLs end up in logs."""
    fields = credential.fields if credential else None
    assert isinstance(fields, TrelloKey)
    key, token = fields.key.get_secret_value(), fields.token.get_secret_value()
    return {"authorization": f'OAuth oauth_consumer_key="{key}", oauth_token="{token}"'}


TRELLO_KEY = CredentialType(
    "trello_key",
    "Trello key and token",
    TrelloKey,
    hosts=("api.trello.com",),
    check=requesting("https://api.trello.com/1/members/me?fields=id", _authorization),
)


class TrelloApi(Api):
    """Trello's REST API, version 1."""

    vendor = "Trello"
    default_url = "https://api.trello.com/1"

    def headers(self) -> dict[str, str]:
        """The authorization."""
        return _authorization(self.credential)

    def failed(self, answer: Answer, what: str) -> NodeError:
        """The error that an answer means; a 401 may also be about what the token isn't allowed."""
        reason = self.reason(answer)
        if answer.status == 401 and "permission" in reason.message:
            return forbidden(self.vendor, what, f": {reason.message}", "")
        return super().failed(answer, what)

    def reason(self, answer: Answer) -> Reason:
        """Trello's words: text, or an object with a message."""
        try:
            body = exact_json.loads(answer.text() or "")
        except exact_json.NotJson:
            body = None
        if not isinstance(body, dict):
            return Reason(excerpt(answer))
        said = [str(body[name]) for name in ("message", "error") if body.get(name)]
        return Reason(": ".join(dict.fromkeys(said)))


class TrelloOperation(Operation[TrelloApi]):
    """An operation whose fields Trello calls by other names."""

    def body(self, names: dict[str, str]) -> dict[str, Any]:
        """What was given of these parameters, under Trello's names; lists of ids as Trello writes them."""
        return {
            theirs: ",".join(value) if isinstance(value, list) else value
            for ours, theirs in names.items()
            for value in [getattr(self, ours, None)]
            if ours in self.model_fields_set
        }


def _position(given: Any) -> Any:
    if isinstance(given, str) and not is_template(given) and given not in ("top", "bottom"):
        try:
            given = float(given)
        except ValueError:
            raise misuse(f'is {shown(given)}; expected "top", "bottom" or a number') from None
    if isinstance(given, int | float) and (isinstance(given, bool) or given <= 0):
        raise misuse(f'is {shown(given)}; expected "top", "bottom" or a positive number')
    return given


Id = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9]+$")]
Position = Annotated[
    str | float,
    BeforeValidator(_position),
    WithJsonSchema({"anyOf": [{"type": "string", "enum": ["top", "bottom"]}, {"type": "number"}]}),
]
