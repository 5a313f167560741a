"""Reading the audit log of the caller's workspace."""

from collections.abc import Sequence
from dataclasses import replace

from services.identity.scope import home
from services.store import audit, paging
from services.store.audit import Filters
from services.store.engine import Database
from services.store.tables import AuditRow


async def listed(
    database: Database, filters: Filters, page_size: int, page_token: str
) -> tuple[Sequence[AuditRow], str]:
    """A page of entries, the latest first, and the next page's token."""
    size, after = paging.page_size(page_size, 50), paging.read_time_token(page_token)
    async with database.reading() as session:
        rows = await audit.listed(session, replace(filters, workspace=home("")), size + 1, after)
    shown = rows[:size]
    return shown, paging.time_token(shown[-1].at, shown[-1].id) if len(rows) > size else ""
