"""Keeps what agents say: entries that are written once and read in order."""

from services.errors import execution_not_found
from services.store.engine import Database

_READ = """
SELECT position, body FROM conversation_entries
WHERE execution_id = %(execution_id)s AND agent = %(agent)s AND run_index = %(run_index)s AND item = %(item)s
ORDER BY position"""

_WRITE = """
INSERT INTO conversation_entries AS old (execution_id, agent, run_index, item, position, body)
SELECT id, %(agent)s, %(run_index)s, %(item)s, %(position)s, %(body)s
FROM workflow_executions WHERE id = %(execution_id)s
ON CONFLICT (execution_id, agent, run_index, item, position) DO UPDATE SET body = old.body
RETURNING body"""


async def read(database: Database, execution_id: str, agent: str, run_index: int, item: int) -> list[tuple[int, str]]:
    """A conversation's entries, by position."""
    values = {"execution_id": execution_id, "agent": agent, "run_index": run_index, "item": item}
    async with database.driver() as connection:
        rows = await (await connection.execute(_READ, values)).fetchall()
    return [(row.position, row.body) for row in rows]


async def write(
    database: Database, execution_id: str, agent: str, run_index: int, item: int, position: int, body: str
) -> str:
    """Writes an entry unless there is one; the one that stands. NotFound (a LookupError) if the run has no row."""
    values = {
        "execution_id": execution_id,
        "agent": agent,
        "run_index": run_index,
        "item": item,
        "position": position,
        "body": body,
    }
    async with database.driver() as connection:
        row = await (await connection.execute(_WRITE, values)).fetchone()
    if row is None:
        raise execution_not_found(execution_id)
    return str(row.body)
