"""Links to tasks for outsiders: random, kept as hashes, each for one person, and with a code to type."""

import hashlib
import hmac
import secrets
from datetime import UTC, datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.store.people.tables import TaskLinkRow

MOST_ATTEMPTS = 10
_INSERT = """
INSERT INTO task_links (token_hash, task_id, recipient, code_hash)
VALUES (%(token)s, %(task)s, %(recipient)s, %(code)s)"""


def new_token() -> tuple[str, str]:
    """A token for an address, and a code of six digits."""
    return secrets.token_urlsafe(32), f"{secrets.randbelow(10**6):06}"


def values(token: str, code: str, task_id: str, recipient: str) -> dict[str, str]:
    """The row of a link."""
    return {"token": hashed(token), "task": task_id, "recipient": recipient, "code": _code_hash(token, code)}


INSERT = _INSERT


def hashed(token: str) -> str:
    """What a token is found by."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def fits(row: TaskLinkRow, token: str, code: str) -> bool:
    """Whether it is the link's code."""
    given = "".join(digit for digit in code if digit.isascii() and digit.isdigit())
    return hmac.compare_digest(row.code_hash, _code_hash(token, given))


async def find(session: AsyncSession, token: str) -> TaskLinkRow | None:
    """The link of a token, unless it is revoked."""
    wanted = select(TaskLinkRow).where(TaskLinkRow.token_hash == hashed(token), TaskLinkRow.revoked_at.is_(None))
    return (await session.execute(wanted)).scalar_one_or_none()


async def attempt(session: AsyncSession, token: str) -> bool:
    """Counts an attempt at the code; False once there were too many."""
    counted = (
        update(TaskLinkRow)
        .where(TaskLinkRow.token_hash == hashed(token), TaskLinkRow.attempts < MOST_ATTEMPTS)
        .values(attempts=TaskLinkRow.attempts + 1)
        .returning(TaskLinkRow.attempts)
    )
    return (await session.execute(counted)).first() is not None


async def use(session: AsyncSession, token: str) -> None:
    """Notes that the person of a link has answered by it."""
    used = update(TaskLinkRow).where(TaskLinkRow.token_hash == hashed(token), TaskLinkRow.used_at.is_(None))
    await session.execute(used.values(used_at=datetime.now(UTC)))


def _code_hash(token: str, code: str) -> str:
    # The token has 256 bits, so the code can't be found out from its hash.
    return hashlib.sha256(f"{token}\x1f{code}".encode("utf-8", "replace")).hexdigest()
