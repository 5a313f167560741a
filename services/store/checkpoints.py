"""How far a per-item node run has come, so that its next attempt goes on at the item that failed."""

from sqlalchemy import func, select

from activities.ports import Checkpoint
from orchestrator.items import Items
from services.errors import execution_not_found
from services.store import recording, serial
from services.store.engine import Database
from services.store.tables import AttemptRow, CheckpointRow

_SAVE = """
WITH run AS (SELECT id FROM workflow_executions WHERE id = %(id)s FOR KEY SHARE),
saved AS (
  INSERT INTO checkpoints (execution_id, node, run_index, item, outputs)
  SELECT id, %(node)s, %(run_index)s, %(item)s, %(outputs)s FROM run
  ON CONFLICT (execution_id, node, run_index, item) DO UPDATE SET outputs = excluded.outputs
),
links AS (
  INSERT INTO payload_links (execution_id, sha256)
  SELECT run.id, payload.sha256 FROM run JOIN payloads payload ON payload.sha256 = ANY (%(refs)s::text[])
  ON CONFLICT DO NOTHING
)
SELECT id FROM run"""


async def save(
    database: Database, execution_id: str, node: str, run_index: int, item: int, outputs: dict[str, Items]
) -> None:
    """Notes that one item is done; NotFound (a LookupError) if the run has no row."""
    values = {
        "id": execution_id,
        "node": node,
        "run_index": run_index,
        "item": item,
        "outputs": serial.write(outputs),
        "refs": recording.payload_refs(outputs.values()),
    }
    async with database.driver() as connection:
        if await (await connection.execute(_SAVE, values)).fetchone() is None:
            raise execution_not_found(execution_id)


async def load(database: Database, execution_id: str, node: str, run_index: int) -> Checkpoint:
    """The items done, up to the first that isn't, and how many attempts have failed since."""
    of_run = (
        CheckpointRow.execution_id == execution_id,
        CheckpointRow.node == node,
        CheckpointRow.run_index == run_index,
    )
    saved = select(CheckpointRow.item, CheckpointRow.outputs).where(*of_run).order_by(CheckpointRow.item)
    async with database.single() as connection:
        rows = (await connection.execute(saved)).all()
        done = next((place for place, row in enumerate(rows) if row.item != place), len(rows))
        failed = select(func.count()).where(
            AttemptRow.execution_id == execution_id,
            AttemptRow.node == node,
            AttemptRow.run_index == run_index,
            # Items are worked on in order: it was the next one, or whichever a node that runs once has named.
            ~AttemptRow.item.between(0, done - 1),
        )
        failures = (await connection.execute(failed)).scalar_one()
    return Checkpoint([serial.read(row.outputs, dict[str, Items]) for row in rows[:done]], failures)
