"""The API of a chat service, as far as tasks need it: JSON in, JSON out, through the one way out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nodes.credentials.credential import Credential
from nodes.errors import PermanentError
from nodes.external_action.failure import Reason, excerpt, failure
from nodes.http.egress import Egress
from nodes.http.exchange import Answer
from nodes.http.request import query_list, target
from orchestrator import exact_json

TIMEOUT = 20.0


@dataclass(frozen=True)
class VendorApi:
    """One service, with one credential. `base` may hold a secret, so that URLs aren't shown."""

    vendor: str
    http: Egress
    credential: Credential
    base: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    async def call(
        self, method: str, path: str, body: Any = None, *, what: str, query: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The object that it answers, empty if it answers none; NodeError for a status from 400."""
        url = target(f"{self.base.rstrip('/')}{path}", query_list(query or {}))
        headers = {"accept": "application/json", **self.headers}
        content = None
        if body is not None:
            content = exact_json.dumps(body).encode()
            headers["content-type"] = "application/json; charset=utf-8"
        request = self.http.build(method, url, headers=headers, content=content)
        answer = await self.http.send(request, timeout=TIMEOUT, credential=self.credential, follow_redirects=False)
        found = _object(answer)
        if answer.status >= 400:
            raise failure(self.vendor, what, answer, _reason(answer, found))
        if found is None and answer.body:
            raise PermanentError(f"{self.vendor} answered something that is no object", code="INVALID_RESPONSE")
        return found or {}


def _object(answer: Answer) -> dict[str, Any] | None:
    try:
        found = exact_json.loads(answer.text() or "")
    except exact_json.NotJson:
        return None
    return found if isinstance(found, dict) else None


def _reason(answer: Answer, found: dict[str, Any] | None) -> Reason:
    if found is None:
        return Reason(excerpt(answer))
    parameters = found.get("parameters")
    wait = found.get("retry_after") or (parameters.get("retry_after") if isinstance(parameters, dict) else None)
    said = found.get("description") or found.get("message") or found.get("error") or ""
    return Reason(str(said), retry_after=float(wait) if isinstance(wait, int | float) else None)
