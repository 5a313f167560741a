"""A vendor's JSON API, called with a credential through the one way out."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote

import httpx

from nodes.base import NodeExecutionContext
from nodes.credentials.credential import Credential
from nodes.errors import NodeError, PermanentError
from nodes.external_action.failure import Reason, failure
from nodes.http.exchange import Answer, shown_url
from nodes.http.request import query_list, target
from nodes.values import shown
from orchestrator import exact_json

MOST_ENTRIES = 100_000


class Api(ABC):
    """One vendor's API, for one call of a node."""

    vendor: ClassVar[str]
    default_url: ClassVar[str]

    def __init__(
        self, context: NodeExecutionContext[Any], credential: Credential | None, *, base_url: str = "", timeout: float
    ) -> None:
        self.context = context
        self.credential = credential
        self._base = str(target(base_url or self.default_url, [])).rstrip("/")
        self._timeout = timeout

    @abstractmethod
    def headers(self) -> dict[str, str]:
        """What every request says: the authorization, the version of the API."""

    @abstractmethod
    def reason(self, answer: Answer) -> Reason:
        """What the vendor says about a status from 400."""

    async def send(
        self,
        method: str,
        path: str,
        *,
        what: str,
        query: Mapping[str, Any] | None = None,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        accepted: frozenset[int] = frozenset(),
    ) -> Answer:
        """The answer to a request; NodeError for a status from 400 that isn't accepted.

        `what` names what it is about: "the issue 7".
        """
        url = target(f"{self._base}{path}", query_list(_plain(query or {})))
        everything = {"accept": "application/json", **self.headers(), **(headers or {})}
        if json is not None:
            content = exact_json.dumps(json).encode()
            everything["content-type"] = "application/json"
        return await self.exchange(method, url, what=what, headers=everything, content=content, accepted=accepted)

    async def exchange(
        self,
        method: str,
        url: httpx.URL,
        *,
        what: str,
        headers: Mapping[str, str],
        content: bytes | AsyncIterable[bytes] | None = None,
        accepted: frozenset[int] = frozenset(),
    ) -> Answer:
        """The answer of any URL that the credential's hosts allow."""
        http = self.context.resources.http
        request = http.build(method, url, headers=headers, content=content)
        answer = await http.send(request, timeout=self._timeout, credential=self.credential)
        self.context.log(f"{method} {shown_url(url)} answered {answer.status}")
        if answer.status >= 400 and answer.status not in accepted:
            raise self.failed(answer, what)
        return answer

    def failed(self, answer: Answer, what: str) -> NodeError:
        """The error that an answer means."""
        return failure(self.vendor, what, answer, self.reason(answer))

    async def call(self, method: str, path: str, *, what: str, **request: Any) -> dict[str, Any]:
        """The JSON object that a request gives; an empty one for the status 204, which has no body."""
        answer = await self.send(method, path, what=what, **request)
        return {} if answer.status == 204 else self.object_of(answer)

    def object_of(self, answer: Answer) -> dict[str, Any]:
        """The JSON object of an answer."""
        found = self.json_of(answer)
        if not isinstance(found, dict):
            raise self.malformed(f"{shown(found)} instead of an object")
        return found

    def objects_of(self, answer: Answer, field: str = "") -> list[dict[str, Any]]:
        """The list of objects of an answer, or of one of its fields."""
        found = self.object_of(answer).get(field, []) if field else self.json_of(answer)
        if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
            raise self.malformed(f"{shown(found)} instead of a list of objects")
        return found

    def json_of(self, answer: Answer) -> Any:
        """The JSON of an answer."""
        try:
            return exact_json.loads(answer.text() or "")
        except exact_json.NotJson as error:
            raise self.malformed(f"something that is no JSON: {str(error)[:200]}") from None

    def malformed(self, what: str) -> PermanentError:
        """The vendor answered something that its API doesn't."""
        return PermanentError(
            f"{self.vendor} answered {what}",
            code="INVALID_RESPONSE",
            hint='check "base_url", and whether a proxy answers in its place' if self._base != self.default_url else "",
        )


async def taken(pages: AsyncIterator[Sequence[dict[str, Any]]], most: int | None) -> list[dict[str, Any]]:
    """Entries of pages, as many as wanted; further pages aren't asked for."""
    entries: list[dict[str, Any]] = []
    async for page in pages:
        entries.extend(page)
        if most is not None and len(entries) >= most:
            break
        if len(entries) > MOST_ENTRIES:
            raise PermanentError(
                f"there are more than {MOST_ENTRIES:,} entries",
                code="TOO_MANY_ENTRIES",
                hint='narrow the list, or set "return_all": false and a "limit"',
            )
    return entries[:most]


def segment(value: object, parameter: str) -> str:
    """A value as one segment of a URL's path; PermanentError if it would be another path."""
    text = str(value)
    if not text.strip() or text in (".", ".."):
        raise PermanentError(
            f'the parameter "{parameter}" is {shown(text)}, which names nothing', code="INVALID_PARAMETER"
        )
    return quote(text, safe="")


def _plain(query: Mapping[str, Any]) -> dict[str, Any]:
    """Booleans as APIs read them; what is None stays out."""
    return {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in query.items()
        if value is not None
    }
