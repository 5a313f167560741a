"""Bodies kept once under their content hash, linked to the executions that refer to them."""

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.errors import ForeignKeyViolation
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.errors import NotFound, execution_not_found
from services.store.engine import Database
from services.store.tables import PayloadLinkRow, PayloadRow

_LARGE = 256 * 1024
_TRIES = 3

_STORE = """
WITH body AS (
  INSERT INTO payloads (sha256, size, body) VALUES (%(sha256)s, %(size)s, %(body)b) ON CONFLICT DO NOTHING
)
INSERT INTO payload_links (execution_id, sha256) VALUES (%(id)s, %(sha256)s) ON CONFLICT DO NOTHING"""

_LINK = """
INSERT INTO payload_links (execution_id, sha256)
SELECT %(id)s, sha256 FROM payloads WHERE sha256 = %(sha256)s
ON CONFLICT (execution_id, sha256) DO UPDATE SET sha256 = excluded.sha256"""

_FETCH = "SELECT sha256, body FROM payloads WHERE sha256 = ANY (%(refs)s::text[])"


async def put(database: Database, execution_id: str, bodies: Sequence[bytes]) -> list[str]:
    """Stores each body once and links it to the execution; returns the SHA-256 hex digests in order."""
    digests = [await content_hash(body) for body in bodies]
    async with database.driver() as raw:
        for digest, body in zip(digests, bodies, strict=True):
            await _store(raw, execution_id, digest, body)
    return digests


async def get(database: Database, refs: Sequence[str]) -> list[bytes]:
    """The bodies, in order; NotFound (a LookupError) names the first that is gone."""
    if not refs:
        return []
    async with database.driver() as raw, raw.cursor(binary=True) as cursor:
        await cursor.execute(_FETCH, {"refs": list(set(refs))})
        found = {digest: bytes(body) for digest, body in await cursor.fetchall()}
    missing = next((ref for ref in refs if ref not in found), None)
    if missing is not None:
        raise NotFound("PAYLOAD_NOT_FOUND", f"the stored data {missing[:64]} is gone; its execution was deleted")
    return [found[ref] for ref in refs]


async def content_hash(body: bytes) -> str:
    """The SHA-256 of a body, in hex; large ones are hashed beside the event loop."""
    if len(body) > _LARGE:
        return await asyncio.to_thread(lambda: hashlib.sha256(body).hexdigest())
    return hashlib.sha256(body).hexdigest()


async def unlink(session: AsyncSession, execution_id: str) -> None:
    """Removes an execution's links, and the payloads that no other execution refers to."""
    links = delete(PayloadLinkRow).where(PayloadLinkRow.execution_id == execution_id)
    digests = sorted(await session.scalars(links.returning(PayloadLinkRow.sha256)))
    if not digests:
        return
    # Whoever is adding a link holds a lock on the payload: only after taking ours can we tell who refers to it.
    locked = select(PayloadRow.sha256).where(PayloadRow.sha256.in_(digests)).order_by(PayloadRow.sha256)
    await session.execute(locked.with_for_update())
    linked = select(PayloadLinkRow.sha256).where(PayloadLinkRow.sha256 == PayloadRow.sha256)
    await session.execute(
        delete(PayloadRow).where(PayloadRow.sha256.in_(digests), ~linked.exists()),
        execution_options={"synchronize_session": False},
    )


async def _store(raw: "psycopg.AsyncConnection[tuple[Any, ...]]", execution_id: str, digest: str, body: bytes) -> None:
    values = {"id": execution_id, "sha256": digest, "size": len(body), "body": body}
    for tries in range(_TRIES):
        try:
            if len(body) > _LARGE and (await raw.execute(_LINK, values)).rowcount:
                return
            await raw.execute(_STORE, values)
        except ForeignKeyViolation as error:
            if error.diag.constraint_name != "fk_payload_links_sha256":
                raise execution_not_found(execution_id) from error
            # The body was there and was deleted, with the last execution that had it, before it was linked.
            if tries == _TRIES - 1:
                raise
        else:
            return
