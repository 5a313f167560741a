"""What `orchestrator limits …` does, on the database itself: they are the operator's to set."""

from collections.abc import Mapping

from services.cli.console import table
from services.cli.failure import Exit, Failure, plain, print_json
from services.cli.operating import operated
from services.identity.caller import Caller, Role
from services.store import limits
from services.store.audit import audit
from services.usecases.limiting import checked


async def show(workspace: str, workflow: str, as_json: bool) -> Exit:
    """Show what holds for a workspace, and for a workflow of it."""
    async with operated("limits") as (_, database), database.reading() as session:
        found = await limits.applying(session, workspace, workflow)
    shown = {"workspace": found.workspace.given()} | ({"workflow": found.workflow.given()} if workflow else {})
    if as_json:
        print_json(shown)
        return Exit.OK
    rows = [
        (whose, name, f"{value:g}" if value else "no limit")
        for whose, given in shown.items()
        for name, value in given.items()
    ]
    table(("OF", "LIMIT", "VALUE"), rows)
    return Exit.OK


async def change(workspace: str, workflow: str, given: Mapping[str, float | None], as_json: bool) -> Exit:
    """Set limits; a negative number unsets one."""
    values = {name: None if value < 0 else value for name, value in given.items() if value is not None}
    if not values:
        raise Failure("nothing to set; see `orchestrator limits set --help`", "NOTHING_TO_SET")
    if workflow and "weight" in values:
        raise Failure("a weight is a workspace's; leave --workflow away", "INVALID_FIELD")
    async with operated("limits") as (_, database):
        checked({name: value for name, value in values.items() if value is not None}, tuple(given))
        async with database.transaction() as session:
            before, after = await limits.change(session, workspace, workflow, values, "operator")
            by = Caller("", workspace, Role.OWNER, via="cli")
            kind, name = ("workflow", workflow) if workflow else ("workspace", workspace)
            audit(session, by, "limits.set", kind, name, before.given(), after.given(), actor="operator")
    if as_json:
        print_json(after.given())
        return Exit.OK
    said = ", ".join(f"{name} {value:g}" for name, value in after.given().items()) or "the defaults"
    print(plain(f"{workflow or workspace} has {said} now."))
    return Exit.OK
