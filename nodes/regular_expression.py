"""Searches text by a user's regular expression, within limits of time and memory."""

import re

import regex

from nodes.errors import PermanentError
from nodes.values import shown

SECONDS = 0.25
LONGEST = 1000
# Counted repetitions are unrolled, so a{9}{9}{9}… takes memory before any time is counted.
LARGEST = 10_000
_LITERAL = re.compile(r"/(.+)/([dgimsuvy]*)", re.DOTALL)
_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{(\d+)(?:,(\d*))?\}|.", re.DOTALL)


def search(pattern: str, text: str) -> bool:
    """Whether the pattern, plain or written as /pattern/flags, matches anywhere in the text."""
    body, flags = pattern, 0
    if literal := _LITERAL.fullmatch(pattern):
        body = literal[1]
        flags = sum(_FLAGS[flag] for flag in set(literal[2]) if flag in _FLAGS)
    if len(body) > LONGEST or _unrolled(body) > LARGEST:
        raise PermanentError(
            f'the regular expression "{pattern[:60]}" is too large',
            code="LIMIT_EXCEEDED",
            hint=f"at most {LONGEST} characters, and repetitions such as {{2,5}} of small parts only",
        )
    try:
        return regex.search(body, text, flags, timeout=SECONDS) is not None
    except (regex.error, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise PermanentError(
            f"the regular expression '{pattern[:60]}' isn't valid: {reason}", code="INVALID_PARAMETER"
        ) from None
    except TimeoutError:
        raise PermanentError(
            f'the regular expression "{pattern[:60]}" took longer than {SECONDS:g} s on {shown(text)}',
            code="LIMIT_EXCEEDED",
            hint="avoid repeated groups whose parts can match the same text in several ways",
        ) from None


_FLAGS = {"i": regex.IGNORECASE, "m": regex.MULTILINE, "s": regex.DOTALL}


def _unrolled(pattern: str) -> int:
    """How many parts a pattern has once its counted repetitions are written out."""
    groups, last = [0], 0
    for token in _TOKEN.finditer(pattern):
        if token[0] == "(":
            groups.append(0)
            last = 0
        elif token[0] == ")" and len(groups) > 1:
            last = groups.pop()
            groups[-1] += last
        elif token[1]:
            times = max(int(token[1][:9]), int((token[2] or "0")[:9]), 1)
            groups[-1] += last * (times - 1)
            last *= times
        else:
            last = 1
            groups[-1] += 1
    return sum(groups)
