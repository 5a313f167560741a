"""The credential that Google's APIs take, and what they say when they refuse."""

from pydantic import Field, SecretStr

from nodes.credentials.checking import requesting
from nodes.credentials.credential import Credential, CredentialFields, CredentialType, OAuth2
from nodes.errors import PermanentError
from nodes.external_action.failure import Reason, excerpt
from nodes.http.exchange import Answer
from orchestrator import exact_json

CALENDAR_SCOPE = "https://www.googleapis.com/auth/calendar"
_TOO_OFTEN = frozenset(
    {"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "dailyLimitExceeded", "calendarUsageLimitsExceeded"}
)
_LACKING = frozenset({"insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"})


class GoogleClient(CredentialFields):
    """An OAuth client of a Google Cloud project."""

    client_id: str = Field(description="The OAuth client's id, from the Google Cloud console.")
    client_secret: SecretStr = Field(description="The OAuth client's secret.")


def bearer(credential: Credential | None) -> dict[str, str]:
    """The authorization header; PermanentError if nobody has authorised the credential yet."""
    token = credential.access_token if credential else None
    if token is None:
        raise PermanentError(
            "the Google credential has no token yet", code="CREDENTIAL_REJECTED", hint="authorise the integration"
        )
    return {"authorization": f"Bearer {token.get_secret_value()}"}


GOOGLE_OAUTH2 = CredentialType(
    "google_oauth2",
    "Google (OAuth 2)",
    GoogleClient,
    hosts=("www.googleapis.com", "*.googleapis.com"),
    oauth2=OAuth2(
        authorize_url="https://accounts.google.com/o/oauth2/v2/auth",
        token_url="https://oauth2.googleapis.com/token",
        scopes=(CALENDAR_SCOPE,),
        # Only so does Google give a refresh token, and again when a user authorises anew.
        parameters=(("access_type", "offline"), ("prompt", "consent")),
    ),
    check=requesting("https://www.googleapis.com/calendar/v3/users/me/calendarList?maxResults=1", bearer),
)


def google_reason(answer: Answer) -> Reason:
    """What Google's error body says."""
    try:
        error = exact_json.loads(answer.text() or "").get("error")
    except (exact_json.NotJson, AttributeError):
        error = None
    if not isinstance(error, dict):
        return Reason(str(error) if isinstance(error, str) else excerpt(answer))
    details = [
        detail for detail in _list(error.get("errors")) + _list(error.get("details")) if isinstance(detail, dict)
    ]
    reasons = {str(detail.get("reason", "")) for detail in details}
    fields = [
        f"{detail['location']}: {detail.get('message', '')}"
        for detail in details
        if detail.get("location") and detail.get("locationType") == "parameter"
    ]
    return Reason(
        str(error.get("message", "")),
        fields,
        missing_scope=f'the scope "{CALENDAR_SCOPE}"' if reasons & _LACKING else "",
        too_often=bool(reasons & _TOO_OFTEN),
    )


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
