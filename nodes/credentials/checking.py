"""Tries a credential out by one harmless request to its service."""

from collections.abc import Awaitable, Callable, Mapping

from nodes.credentials.credential import Credential, secrets_in
from nodes.errors import PermanentError
from nodes.http.egress import Egress
from nodes.http.exchange import Answer, status_error
from orchestrator import exact_json

Check = Callable[[Credential, Egress], Awaitable[str]]
Headers = Callable[[Credential], Mapping[str, str]]
Refused = Callable[[Answer], str]


def requesting(url: str, headers: Headers, *, refused: Refused | None = None) -> Check:
    """A check that a GET of the URL isn't refused: `CredentialType(…, check=requesting(…))`.

    `refused` reads a refusal out of an answer that has status 200 all the same; empty if it is none.
    """

    async def check(credential: Credential, http: Egress) -> str:
        request = http.build("GET", url, headers=dict(headers(credential)))
        host = request.url.host
        if not credential.allows(host):
            return f"it can be opened; {host} isn't among its hosts, so nobody was asked"
        answer = await http.send(request, credential=credential)
        if answer.status >= 400:
            raise status_error(request, answer)
        reason = refused(answer) if refused else ""
        if reason:
            raise PermanentError(
                f"{host} refuses it: {reason[:200]}", code="CREDENTIAL_REFUSED", hint="give it another secret"
            )
        return f"{host} takes it"

    return check


def bearing(url: str, field: str = "token", *, refused: Refused | None = None) -> Check:
    """As `requesting`, with a secret field as the bearer token."""

    def headers(credential: Credential) -> dict[str, str]:
        token = next(secrets_in(dict(credential.fields)[field]), "")
        return {"authorization": f"Bearer {token}"}

    return requesting(url, headers, refused=refused)


def not_ok(answer: Answer) -> str:
    """The refusal of an API that answers `{"ok": false, "error": …}`, as Slack's does."""
    try:
        body = exact_json.loads(answer.body)
    except exact_json.NotJson:
        return "its answer is no JSON"
    if isinstance(body, dict) and body.get("ok") is True:
        return ""
    return str(body.get("error") or "no reason given") if isinstance(body, dict) else "its answer is no object"
