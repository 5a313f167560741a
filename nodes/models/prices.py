"""What an answer cost, by the list of prices that comes with the package."""

import re
import tomllib
from functools import cache
from importlib import resources
from typing import Any

_MILLION = 1_000_000
# What a model's name may end with and still be the model: the date of a snapshot, or "latest".
_SNAPSHOT = re.compile(r"[-@](?:\d{4}-\d{2}-\d{2}|\d{8}|latest)")


def cost(provider: str, model: str, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> float:
    """USD for an answer, of whose input some tokens were cached; 0 for a model without a price."""
    price = _price(provider, model)
    if price is None:
        return 0.0
    longer = price.get("long")
    if longer is not None and input_tokens > longer["above"]:
        price = longer
    cached = min(cached_tokens, input_tokens)
    total = (input_tokens - cached) * price["input"] + cached * price["cached"] + output_tokens * price["output"]
    return float(round(total / _MILLION, 9))


def is_priced(provider: str, model: str) -> bool:
    """Whether there is a price, so that a limit on cost means something."""
    return _price(provider, model) is not None


def _price(provider: str, model: str) -> dict[str, Any] | None:
    known = _prices().get(provider, {})
    # Gateways put the maker's name before the model's.
    name = model.strip().lower().rpartition("/")[2]
    for key in sorted(known, key=len, reverse=True):
        if name == key or (name.startswith(key) and _SNAPSHOT.fullmatch(name[len(key) :])):
            found: dict[str, Any] = known[key]
            return found
    return None


@cache
def _prices() -> dict[str, Any]:
    return tomllib.loads((resources.files(__package__ or "nodes.models") / "prices.toml").read_text("utf-8"))
