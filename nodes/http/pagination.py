"""Goes from one page of a list to the next, as the service numbers or links them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import httpx
from pydantic import Field, model_validator

from nodes.errors import PermanentError
from nodes.fields import get
from nodes.parameters import Duration, Parameters, absent, misuse
from nodes.values import as_text, kind, shown

_SENDS = {"page": "page", "offset": "offset", "cursor": "cursor"}


class Pagination(Parameters):
    """How a service gives a list page by page."""

    mode: Literal["next_link", "page", "offset", "cursor"] = Field(
        description="next_link follows a URL in the answer; page, offset and cursor send a parameter with each request."
    )
    limit: int = Field(default=100, ge=1, le=10_000, description="The most pages to get.")
    items: str = Field(
        default="", description="Where an answer has its list, as a dotted path; by default the answer is the list."
    )
    next: str = Field(
        default="",
        description="next_link: where the answer has the next URL (default: the Link header with rel=next). "
        "cursor: where it has the next cursor.",
    )
    parameter: str = Field(
        default="", description="What page, offset or cursor is sent as; by default it is called like the mode."
    )
    place: Literal["query", "body", "headers"] = Field(default="query", description="Where the parameter is sent.")
    start: int | None = Field(
        default=None, ge=0, description="The first page's number (default 1), or the first offset (default 0)."
    )
    size: int | None = Field(
        default=None, ge=1, description="How many items to ask for; a page with fewer is the last."
    )
    size_parameter: str = Field(default="", description="What `size` is sent as, such as per_page.")
    more: str = Field(default="", description="Where the answer says whether there is more; anything false ends it.")
    interval: Duration = Field(default=0.0, le=3600, description="How long to wait between two pages.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.mode == "cursor" and not self.next:
            raise absent("next", 'mode "cursor" needs the path of the next cursor in the answer')
        if self.size_parameter and self.size is None:
            raise absent("size", 'it is what "size_parameter" sends')
        if self.mode == "next_link" and (self.parameter or self.start is not None):
            raise misuse('has "parameter" or "start", but mode "next_link" sends none')
        return self


@dataclass(frozen=True)
class Step:
    """What the next request differs in: another URL, or a value of the parameter."""

    url: httpx.URL | None = None
    value: int | str | None = None


class Pages:
    """Where in a list we are."""

    def __init__(self, given: Pagination) -> None:
        self.given = given
        self._seen: set[str] = set()
        first = {"page": 1, "offset": 0}.get(given.mode)
        self._number = given.start if given.start is not None else first

    def first(self) -> Step:
        """What the first request is made with."""
        return Step(value=self._number) if self.given.mode in ("page", "offset") else Step()

    def parameters(self, step: Step) -> dict[str, int | str]:
        """What to send for a step, by name."""
        given = self.given
        sent: dict[str, int | str] = {}
        if step.url is None and given.size is not None and given.size_parameter:
            sent[given.size_parameter] = given.size
        if step.value is not None:
            sent[given.parameter or _SENDS[given.mode]] = step.value
        return sent

    def items(self, body: Any) -> list[Any]:
        """The items of an answer; PermanentError if there is no list where one should be."""
        found = get(body, self.given.items, None) if self.given.items else body
        if found is None:
            return []
        if isinstance(found, list):
            return found
        if not self.given.items and self.given.mode in ("next_link", "cursor"):
            return [found]
        where = f'"{self.given.items}" of the answer' if self.given.items else "the answer"
        raise PermanentError(
            f'the parameter "pagination.items" is wrong: {where} is {shown(found)}; expected a list',
            code="INVALID_RESPONSE",
            hint='set "pagination.items" to the path of the list',
        )

    def after(self, url: httpx.URL, headers: Mapping[str, str], body: Any, count: int) -> Step | None:
        """The step that follows an answer with `count` items; None at the end."""
        given = self.given
        if given.more and not get(body, given.more, False):
            return None
        if given.mode in ("page", "offset"):
            if count == 0 or (given.size is not None and count < given.size):
                return None
            assert self._number is not None
            self._number += 1 if given.mode == "page" else count
            return Step(value=self._number)
        found = get(body, given.next, None) if given.next else _linked(headers)
        if found is None or found == "" or found is False:
            return None
        if kind(found) not in ("text", "number"):
            raise _invalid(f'"{given.next}" of the answer is {shown(found)}; expected text')
        return self._followed(url, as_text(found))

    def _followed(self, url: httpx.URL, found: str) -> Step:
        if found in self._seen:
            raise _invalid(f"the answer leads to {shown(found)} a second time")
        self._seen.add(found)
        if self.given.mode == "cursor":
            return Step(value=found)
        try:
            following = url.join(found)
        except (httpx.InvalidURL, ValueError):
            raise _invalid(f"the next page's address is {shown(found)}, which is no URL") from None
        if following == url:
            raise _invalid("the answer leads to itself")
        return Step(url=following)


def _linked(headers: Mapping[str, str]) -> str | None:
    """The target of the Link header whose relation is next."""
    if not headers.get("link"):
        return None
    links = httpx.Response(200, headers={"link": headers["link"]}).links
    return next((link.get("url") for link in links.values() if "next" in link.get("rel", "").lower().split()), None)


def _invalid(problem: str) -> PermanentError:
    return PermanentError(f"the next page can't be found: {problem}", code="INVALID_RESPONSE")
