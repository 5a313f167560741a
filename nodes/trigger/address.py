"""The address that a webhook, a form or a chat is reached by."""

import re
from typing import Annotated

from pydantic import AfterValidator

from nodes.parameters import STRUCTURAL, misuse

_SEGMENT = re.compile(r"[A-Za-z0-9._~-]{1,128}")
_LONGEST = 256
# What the gateway has beneath the same addresses.
_RESERVED = frozenset({"wait"})


def _path(text: str) -> str:
    path = text.strip().strip("/")
    segments = path.split("/")
    if not path:
        return ""
    if len(path) > _LONGEST or not all(_SEGMENT.fullmatch(one) and one not in (".", "..") for one in segments):
        raise misuse(
            f'is "{text[:60]}"; write up to {_LONGEST} letters, digits and - . _ ~, with / between parts, '
            'such as "orders/new"'
        )
    if segments[0] in _RESERVED:
        raise misuse(f'begins with "{segments[0]}", which has a meaning of its own; choose another')
    return path


TriggerPath = Annotated[str, AfterValidator(_path), STRUCTURAL]
PATH = "The end of its address, such as `orders/new`; left out, it gets one that nobody can guess, and keeps it."
