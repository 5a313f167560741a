"""Takes secret values out of what is shown: as they are, and in the forms that services echo them in."""

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

_PERCENT = re.compile("%[0-9A-F]{2}")
REDACTED = "[redacted]"
# Shorter values are words and numbers that stand everywhere.
SHORTEST = 4
# The beginning of a secret that is worth hiding at the end of an excerpt.
_SHORTEST_CUT = 6
# Inside other base64 text only what is long enough to be no accident is looked for.
_SHORTEST_INSIDE = 8


class Redaction:
    """Replaces known secrets in texts and trees."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets if len(secret) >= SHORTEST for form in _forms(secret)}
        self._forms = sorted(forms, key=len, reverse=True)

    def __bool__(self) -> bool:
        return bool(self._forms)

    def text(self, text: str) -> str:
        """The text without any secret."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, REDACTED)
        return text

    def excerpt(self, text: str) -> str:
        """The text without any secret, also without one that the text's end cut off."""
        text = self.text(text)
        body = text.rstrip("….\"' ")
        for form in self._forms:
            for length in range(min(len(form) - 1, len(body)), _SHORTEST_CUT - 1, -1):
                if body.endswith(form[:length]):
                    return f"{body[:-length]}{REDACTED}{text[len(body) :]}"
        return text

    def tree(self, value: Any) -> Any:
        """The same dicts and lists with their texts and keys redacted; anything else is left as it is."""
        if not self._forms:
            return value
        if isinstance(value, str):
            return self.text(value)
        # Not by recursion: data may nest deeper than Python's stack.
        root: list[Any] = [value]
        pending: list[dict[Any, Any] | list[Any]] = [root]
        while pending:
            container = pending.pop()
            for key, child in list(container.items() if isinstance(container, dict) else enumerate(container)):
                copied = self._copied(child)
                container[key] = copied
                if isinstance(copied, dict | list):
                    pending.append(copied)
        return root[0]

    def _copied(self, value: Any) -> Any:
        match value:
            case str():
                return self.text(value)
            case dict():
                return {self.text(key) if isinstance(key, str) else key: child for key, child in value.items()}
            case list() | tuple():
                return list(value)
        return value


def _forms(secret: str) -> Iterator[str]:
    """The value, and what becomes of it in JSON, URLs, HTML and base64."""
    yield secret
    if len(secret.strip()) >= SHORTEST:
        yield secret.strip()
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield html.escape(secret)
    for quoted in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
        yield quoted
        yield _PERCENT.sub(lambda match: match.group().lower(), quoted)
    raw = secret.encode("utf-8", "surrogatepass")
    for alphabet in (b"+/", b"-_"):
        yield base64.b64encode(raw, alphabet).decode().rstrip("=")
        if len(raw) >= _SHORTEST_INSIDE:
            yield from _inside(raw, alphabet)


def _inside(raw: bytes, alphabet: bytes) -> Iterator[str]:
    """What base64 makes of it within a longer text, such as `user:password`, wherever it begins there."""
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw, alphabet).decode()
        # The characters at either end also depend on the neighbours.
        yield encoded[(before * 8 + 5) // 6 : (before + len(raw)) * 8 // 6]
