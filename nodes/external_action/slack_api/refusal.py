"""What Slack's error codes mean."""

from collections.abc import Mapping
from typing import Any

from nodes.errors import NodeError, PermanentError, RetryableError
from nodes.external_action.failure import forbidden, not_found, rate_limited, rejected_credential
from nodes.http.exchange import Answer, retry_after

_CREDENTIAL = frozenset({"invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive"})
_BUSY = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"})
_TOO_OFTEN = frozenset({"ratelimited", "rate_limited"})
_ABSENT = frozenset(
    {
        "channel_not_found",
        "message_not_found",
        "user_not_found",
        "users_not_found",
        "user_not_visible",
        "file_not_found",
        "thread_not_found",
    }
)
_FORBIDDEN = {
    "not_in_channel": "invite the app to the channel",
    "restricted_action": "an administrator restricts this",
    "ekm_access_denied": "an administrator restricts this",
    "access_denied": "give the token access",
    "no_permission": "give the token access",
    "not_allowed_token_type": "use the other type of token: bot or user",
    "cant_update_message": "only its author may change a message",
    "cant_delete_message": "only its author may delete a message",
    "edit_window_closed": "the workspace's time to edit is over",
}
_HINTS = {
    "is_archived": "unarchive the channel, or use another",
    "msg_too_long": "shorten the text, or upload it as a file",
    "no_text": "give a text, blocks or attachments",
    "invalid_blocks": "check the blocks in Slack's Block Kit Builder",
    "invalid_name": "name a reaction that the workspace has, without colons",
    "too_many_reactions": "remove one first",
}


def refusal(what: str, body: Mapping[str, Any], answer: Answer) -> NodeError:
    """The error that a body with `ok: false` means."""
    code = str(body.get("error", "unknown_error"))
    said = f": {code}{_details(body)}"
    if code in _TOO_OFTEN:
        return rate_limited("Slack", said, retry_after(answer.headers))
    if code in _CREDENTIAL:
        return rejected_credential("Slack", said)
    if code == "missing_scope":
        return forbidden("Slack", what, said, f"the scope {body.get('needed', 'that Slack names')}")
    if code in _FORBIDDEN:
        message = f"the credential may not do this with {what}: Slack forbids it{said}"
        return PermanentError(message, code="FORBIDDEN", hint=_FORBIDDEN[code])
    if code in _ABSENT:
        return not_found("Slack", what, said)
    if code in _BUSY:
        return RetryableError(f"Slack can't do it now{said}", code="HTTP_STATUS", hint="retry")
    hint = _HINTS.get(code, "correct the parameters; Slack's documentation explains the error")
    return PermanentError(f"Slack refuses what was sent about {what}{said}", code="REFUSED", hint=hint)


def _details(body: Mapping[str, Any]) -> str:
    metadata = body.get("response_metadata")
    messages = metadata.get("messages") if isinstance(metadata, Mapping) else None
    found = [str(message) for message in (messages if isinstance(messages, list) else [])]
    errors = body.get("errors")
    found += [str(error) for error in (errors if isinstance(errors, list) else [])]
    return f" ({'; '.join(found)[:400]})" if found else ""
