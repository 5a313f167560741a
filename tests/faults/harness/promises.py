"""What clients were promised, held against the record, the decisions and the effects; all of it plain data."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.faults.harness.ticket import Ticket


@dataclass(frozen=True)
class Row:
    """A run, as the database has it."""

    status: str
    code: str = ""
    request_id: str = ""
    version: int = 1


def outcomes(rows: Mapping[str, Row], tickets: Sequence[Ticket]) -> list[str]:
    """Every acknowledged start is one run, which has ended as its kind may."""
    by_request: dict[str, list[str]] = defaultdict(list)
    for id_, row in rows.items():
        by_request[row.request_id].append(id_)
    wrong = []
    for ticket in filter(lambda ticket: ticket.acknowledged, tickets):
        if len(ticket.execution_ids) > 1:
            wrong.append(f"{ticket.tag}: one request, {len(ticket.execution_ids)} runs")
        if ticket.scenario != "hook" and len(by_request[ticket.tag]) != 1:
            wrong.append(f"{ticket.tag}: {len(by_request[ticket.tag])} records of one request")
        wrong += _ended(ticket, rows)
    return wrong


def _ended(ticket: Ticket, rows: Mapping[str, Row]) -> list[str]:
    id_ = min(ticket.execution_ids)
    if id_ not in rows:
        return [f"{ticket.tag}: acknowledged as {id_}, and not recorded"]
    row, wrong = rows[id_], []
    if row.status not in ticket.ends:
        wrong.append(f"{ticket.tag} ({id_}): ended {row.status} {row.code}, not {' or '.join(ticket.ends)}")
    if ticket.marks and row.version != ticket.marks:
        wrong.append(f"{ticket.tag} ({id_}): ran version {row.version}, not {ticket.marks}")
    return wrong


def effects(done: Mapping[str, str], tickets: Sequence[Ticket]) -> list[str]:
    """Each effect has one key; a run that completed had each of its effects. `done` says which key did which."""
    keys: dict[str, list[str]] = defaultdict(list)
    for key, effect in done.items():
        keys[effect].append(key)
    wrong = [f"{effect}: done under {len(found)} keys" for effect, found in keys.items() if len(found) > 1]
    for ticket in tickets:
        if ticket.acknowledged and ticket.ends == ("COMPLETED",):
            wrong += [f"{effect}: never done" for effect in ticket.effects if effect not in keys]
    return wrong


def answers(decided: Mapping[str, Sequence[str]], done: Mapping[str, str], tickets: Sequence[Ticket]) -> list[str]:
    """Of two answers that differ one counts: the one that was acknowledged, and it has the effect it should.

    `decided` has the decisions of each run's tasks.
    """
    had = set(done.values())
    wrong = []
    for ticket in tickets:
        if ticket.scenario != "asks" or not ticket.acknowledged:
            continue
        found = [decision for id_ in ticket.execution_ids for decision in decided.get(id_, ())]
        if len(found) != 1 or (ticket.accepted and ticket.accepted != set(found)):
            wrong.append(f"{ticket.tag}: decided {found}, acknowledged {sorted(ticket.accepted)}")
        elif (f"{ticket.tag}/Do/0" in had) != (found == ["approved"]):
            wrong.append(f"{ticket.tag}: decided {found[0]}, and the effect of an approval says otherwise")
    return wrong


def calls(done: Mapping[str, str], tickets: Sequence[Ticket]) -> list[str]:
    """Of several calls of a run that waits for one, one counts: the one that was acknowledged, if one was."""
    wrong = []
    for ticket in tickets:
        if ticket.scenario != "called" or not ticket.acknowledged:
            continue
        prefix = f"{ticket.tag}/Do/"
        found = [effect.removeprefix(prefix) for effect in done.values() if effect.startswith(prefix)]
        if len(found) != 1 or (ticket.accepted and ticket.accepted != set(found)):
            wrong.append(f"{ticket.tag}: went on with the calls {found}, acknowledged {sorted(ticket.accepted)}")
    return wrong
