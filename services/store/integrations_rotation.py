"""Seals everything again under the current key, row by row; can be interrupted and repeated."""

from dataclasses import dataclass, field

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.store import integrations_tokens
from services.store.engine import Database
from services.store.integrations import PURPOSE, place_of
from services.store.keyring import KeyRing, Unsealable
from services.store.tables import AuthorizationRow, IntegrationRow

_BATCH = 200


@dataclass
class Rotated:
    """How many sealed values there were, and what became of them; `stuck` says which can't be opened."""

    sealed_again: int = 0
    current_already: int = 0
    stuck: list[str] = field(default_factory=list)


async def rotate(database: Database, keys: KeyRing) -> Rotated:
    """Seals every value that isn't under the current key again under it."""
    done = Rotated()
    after = ""
    while True:
        async with database.transaction() as session:
            query = select(IntegrationRow).where(IntegrationRow.id > after).order_by(IntegrationRow.id).limit(_BATCH)
            rows = (await session.scalars(query.with_for_update(key_share=True))).all()
            for row in rows:
                await _rotate_one(session, row, keys, done)
        if len(rows) < _BATCH:
            break
        after = rows[-1].id
    async with database.transaction() as session:
        # A consent that is under way lasts minutes: once its time is over, nothing is left under the old key.
        await session.execute(delete(AuthorizationRow).where(AuthorizationRow.expires_at < func.now()))
    return done


async def _rotate_one(session: AsyncSession, row: IntegrationRow, keys: KeyRing, done: Rotated) -> None:
    row.sealed = _resealed(row.sealed, row, PURPOSE, keys, done)
    tokens = await integrations_tokens.find(session, row.id)
    if tokens is None:
        return
    tokens.access_token = _resealed(tokens.access_token, row, integrations_tokens.ACCESS, keys, done)
    if tokens.refresh_token is not None:
        tokens.refresh_token = _resealed(tokens.refresh_token, row, integrations_tokens.REFRESH, keys, done)


def _resealed(sealed: bytes, row: IntegrationRow, purpose: str, keys: KeyRing, done: Rotated) -> bytes:
    place = place_of(row, purpose)
    try:
        if keys.is_current(sealed):
            done.current_already += 1
            return sealed
        again = keys.seal(keys.open(sealed, place), place)
    except Unsealable as error:
        done.stuck.append(f"{purpose} of {row.id}: {error}")
        return sealed
    done.sealed_again += 1
    return again
