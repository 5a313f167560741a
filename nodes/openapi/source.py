"""Gets descriptions: given as an object or a text, or fetched from a URL and kept for a while."""

import asyncio
import time
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from nodes.http.egress import Egress
from nodes.http.exchange import status_error
from nodes.http.request import target
from nodes.openapi.description import Description
from nodes.openapi.failure import invalid_spec
from nodes.openapi.text import plain, read
from orchestrator.exact_json import dumps

KEPT_SECONDS = 600.0
_MOST_KEPT = 16
_TIMEOUT = 60.0
_BIG = 256 * 1024


class Descriptions:
    """The descriptions that a worker used of late."""

    def __init__(self) -> None:
        self._kept: dict[bytes, tuple[float, Description]] = {}

    async def get(self, spec: Mapping[str, Any] | str, egress: Egress) -> Description:
        """The description; PermanentError if it can't be read, RetryableError if it can't be fetched now."""
        given = spec.strip() if isinstance(spec, str) else plain(spec)
        key = sha256((given if isinstance(given, str) else dumps(given)).encode("utf-8", "replace")).digest()
        kept = self._kept.get(key)
        if kept and kept[0] > time.monotonic():
            return kept[1]
        if not isinstance(given, str):
            found = Description(given)
        elif is_url(given):
            found = Description(await _read(await _fetched(given, egress)), given)
        else:
            found = Description(await _read(given))
        if len(self._kept) >= _MOST_KEPT:
            del self._kept[min(self._kept, key=lambda name: self._kept[name][0])]
        self._kept[key] = (time.monotonic() + KEPT_SECONDS, found)
        return found


def is_url(spec: str) -> bool:
    """Whether a text is the address of a description and not one itself."""
    return spec.startswith(("http://", "https://")) and not any(letter.isspace() for letter in spec)


async def _fetched(url: str, egress: Egress) -> str:
    accepted = {"accept": "application/json, application/yaml, text/yaml, */*;q=0.5"}
    request = egress.build("GET", target(url, []), headers=accepted)
    answer = await egress.send(request, timeout=_TIMEOUT)
    if answer.status >= 400:
        raise status_error(request, answer)
    text = answer.text()
    if text is None:
        raise invalid_spec("names a URL that answers with something that is no text")
    return text


async def _read(text: str) -> dict[str, Any]:
    return await asyncio.to_thread(read, text) if len(text) > _BIG else read(text)
