"""What `orchestrator retention …` does by the API."""

from collections.abc import Mapping

from workflow_engine.v1 import limits_pb2 as wire

from services.cli.console import table
from services.cli.failure import Exit, Failure, print_json
from services.cli.server import TIMEOUT, address, connected

_NAMES = ("days", "failed_days")


async def show(as_json: bool) -> Exit:
    """Show what the owners set, and what holds."""
    async with connected(address()) as stub:
        found = await stub.GetRetention(wire.GetRetentionRequest(), timeout=TIMEOUT)
    return _shown(found.own, found.applying, as_json)


async def change(given: Mapping[str, int | None], as_json: bool) -> Exit:
    """Set days; a negative number unsets them."""
    named = {name: value for name, value in given.items() if value is not None}
    if not named:
        raise Failure("nothing to set; see `orchestrator retention set --help`", "NOTHING_TO_SET")
    async with connected(address()) as stub:
        before = await stub.GetRetention(wire.GetRetentionRequest(), timeout=TIMEOUT)
        days = {name: value for name, value in (_days(before.own) | named).items() if value is not None and value >= 0}
        request = wire.SetRetentionRequest(retention=wire.Retention(**days))
        found = await stub.SetRetention(request, timeout=TIMEOUT)
    return _shown(found.own, found.applying, as_json)


def _shown(own: wire.Retention, applying: wire.Retention, as_json: bool) -> Exit:
    if as_json:
        print_json({"own": _days(own), "applying": _days(applying)})
    else:
        rows = [(name, _said(_days(own)[name], "not set"), _said(_days(applying)[name], "-")) for name in _NAMES]
        table(("WHAT", "SET BY OWNERS", "HOLDS"), rows)
    return Exit.OK


def _days(retention: wire.Retention) -> dict[str, int | None]:
    return {name: getattr(retention, name) if retention.HasField(name) else None for name in _NAMES}


def _said(days: int | None, unset: str) -> str:
    return unset if days is None else str(days or "for ever")
