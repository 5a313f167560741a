"""What a series of rounds came to."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import quantiles
from typing import Any

from tests.faults.harness.round import Result
from tests.faults.harness.ticket import Ticket


def summary(seed: str, scale: float, results: Sequence[Result], journal: dict[str, Any]) -> dict[str, Any]:
    """Counts by kind, recovery times in seconds, and what was wrong in which round."""
    tickets = [ticket for result in results for ticket in result.tickets]
    recovered = sorted(time for result in results for time in result.recovered)
    cuts = quantiles(recovered, n=100, method="inclusive") if len(recovered) > 1 else [*recovered] * 99
    by_kind: dict[str, list[float]] = {}
    for result in results:
        for kind, time in zip(result.kinds, result.recovered, strict=False):
            by_kind.setdefault(kind, []).append(time)
    return {
        "seed": seed,
        "scale": scale,
        "faults": sum(len(result.kinds) for result in results),
        "faults by kind": dict(Counter(kind for result in results for kind in result.kinds).most_common()),
        "starts acknowledged": sum(ticket.acknowledged for ticket in tickets),
        "starts without an answer": sum(not ticket.acknowledged for ticket in tickets),
        "runs by scenario": dict(Counter(ticket.scenario for ticket in tickets if ticket.acknowledged).most_common()),
        "approvals acknowledged": _accepted(tickets, "asks"),
        "calls acknowledged": _accepted(tickets, "called"),
        "signals": dict(Counter(step for ticket in tickets for step in ticket.steps).most_common()),
        "moments at which a run was cancelled": sum(len(result.moments) for result in results),
        "effects": len(journal["keys"]),
        "requests for effects": journal["requests"],
        "effects without a key, done more than once": sum(count > 1 for count in journal["unkeyed"].values()),
        "histories replayed": sum(result.histories for result in results),
        "recovery p50": round(cuts[49], 2) if cuts else None,
        "recovery p99": round(cuts[98], 2) if cuts else None,
        "longest recovery by kind": {kind: round(max(times), 2) for kind, times in sorted(by_kind.items())},
        "wrong": {result.seed: result.wrong for result in results if result.wrong},
    }


def _accepted(tickets: Sequence[Ticket], scenario: str) -> int:
    return sum(len(ticket.accepted) for ticket in tickets if ticket.scenario == scenario)


def show(found: dict[str, Any], path: Path | None) -> None:
    """Prints it, and writes it as JSON."""
    for name, value in found.items():
        if isinstance(value, dict):
            print(f"{name}: " + (", ".join(f"{key} {one}" for key, one in value.items()) or "nothing"))
        else:
            print(f"{name}: {value}")
    if path:
        path.write_text(json.dumps(found, indent=2) + "\n")
