"""Documents by collection, searched by their words."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Text, cast, column, delete, func, literal, select, table
from sqlalchemy.dialects.postgresql import REGCONFIG, insert
from sqlalchemy.ext.asyncio import AsyncSession

from nodes.errors import PermanentError
from nodes.memory.request import Caller, Json, Page, TextSearch
from nodes.values import listed as names_listed
from orchestrator import exact_json
from services.store.memory.listing import iso, page_of
from services.store.memory.tables import DocumentCollectionRow, DocumentRow
from services.store.memory.words import indexed_text, query_text
from services.store.memory.work import LIST_BYTES, Work, rows_of

DEFAULT_LANGUAGE = "simple"
HEADLINE = "StartSel=**, StopSel=**, MaxFragments=2, MaxWords=30, MinWords=10"
MOST_HEADLINE = 1000
_CONFIGS = table("pg_ts_config", column("cfgname"))


class StoredDocuments:
    """See `nodes.memory.store.Documents`."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def put(
        self, caller: Caller, collection: str, id: str, document: str, body: str, language: str | None
    ) -> Json:
        """See Documents."""
        return await self._work.once(
            caller, lambda session: put(session, caller.workspace, collection, id, document, body, language)
        )

    async def get(self, caller: Caller, collection: str, id: str) -> Json:
        """See Documents."""
        async with self._work.reading() as session:
            return await get(session, caller.workspace, collection, id)

    async def search(self, caller: Caller, collection: str, search: TextSearch) -> Json:
        """See Documents."""
        async with self._work.snapshot() as session:
            return await found_by(session, caller.workspace, collection, search)

    async def list(self, caller: Caller, collection: str, page: Page) -> Json:
        """See Documents."""
        async with self._work.snapshot() as session:
            return await listed(session, caller.workspace, collection, page)

    async def delete(self, caller: Caller, collection: str, ids: Sequence[str]) -> Json:
        """See Documents."""
        return await self._work.once(caller, lambda session: remove(session, caller.workspace, collection, ids))


async def put(
    session: AsyncSession, workspace: str, name: str, id: str, document: str, body: str, language: str | None
) -> Json:
    """Stores a document, replacing the one of the same id; PermanentError if the language isn't the collection's."""
    row = await _collection(session, workspace, name, language)
    words = func.to_tsvector(cast(literal(row.language, Text()), REGCONFIG), indexed_text(body))
    content = {"document": document, "body": body, "search": words, "updated_at": func.now()}
    new = insert(DocumentRow).values(collection_id=row.id, id=id, **content)
    stored = new.on_conflict_do_update(index_elements=DocumentRow.__table__.primary_key, set_=content)
    times = (await session.execute(stored.returning(DocumentRow.created_at, DocumentRow.updated_at))).one()
    created = times.created_at == times.updated_at
    return {"collection": name, "id": id, "created": created, "language": row.language}


async def get(session: AsyncSession, workspace: str, name: str, id: str) -> Json:
    """The document, if there is one."""
    query = select(*_SHOWN).join(DocumentCollectionRow, DocumentCollectionRow.id == DocumentRow.collection_id)
    place = (DocumentCollectionRow.workspace == workspace, DocumentCollectionRow.name == name)
    row = (await session.execute(query.where(*place, DocumentRow.id == id))).one_or_none()
    if row is None:
        return {"collection": name, "id": id, "found": False, "document": None}
    return {"collection": name, "found": True, **_entry(row)}


async def found_by(session: AsyncSession, workspace: str, name: str, search: TextSearch) -> Json:
    """The documents that fit a query, the best first, each with the place where it fits."""
    row = await _find(session, workspace, name)
    if row is None:
        return {"collection": name, "matches": [], "count": 0}
    language = cast(literal(row.language, Text()), REGCONFIG)
    wanted = func.websearch_to_tsquery(language, query_text(search.query))
    rank = func.ts_rank_cd(DocumentRow.search, wanted, 32)
    fitting = (
        select(*_SHOWN, DocumentRow.body, rank.label("rank"))
        .where(DocumentRow.collection_id == row.id, DocumentRow.search.op("@@")(wanted))
        .order_by(rank.desc(), DocumentRow.id)
        .limit(search.limit)
        .offset(search.offset)
        .subquery()
    )
    # The headline is worked out for the documents that are shown, not for all that fit.
    headline = func.ts_headline(language, fitting.c.body, wanted, HEADLINE).label("headline")
    query = select(fitting, headline).order_by(fitting.c.rank.desc(), fitting.c.id)
    matches: list[Json] = []
    size = 0
    for found in (await session.execute(query)).all():
        size += len(found.document)
        if size > LIST_BYTES and matches and search.contents:
            break
        match = {"rank": found.rank, "headline": found.headline[:MOST_HEADLINE]}
        matches.append({**(_entry(found) if search.contents else {"id": found.id}), **match})
    return {"collection": name, "matches": matches, "count": len(matches)}


async def listed(session: AsyncSession, workspace: str, name: str, page: Page) -> Json:
    """Documents in the order of their ids, and where to go on."""
    row = await _find(session, workspace, name)
    if row is None:
        return {"collection": name, "documents": [], "next": None}
    query = select(*(_SHOWN if page.contents else (DocumentRow.id,))).where(DocumentRow.collection_id == row.id)
    rows, following = await page_of(session, query, DocumentRow.id, DocumentRow.document, page)
    documents = [_entry(found) if page.contents else {"id": found.id} for found in rows]
    return {"collection": name, "documents": documents, "next": following}


async def remove(session: AsyncSession, workspace: str, name: str, ids: Sequence[str]) -> Json:
    """Removes documents, or the whole collection."""
    row = await _find(session, workspace, name)
    if row is None:
        return {"collection": name, "deleted": 0}
    chosen = delete(DocumentRow).where(DocumentRow.collection_id == row.id)
    deleted = await rows_of(session, chosen.where(DocumentRow.id.in_(ids)) if ids else chosen)
    if not ids:
        await session.execute(delete(DocumentCollectionRow).where(DocumentCollectionRow.id == row.id))
    return {"collection": name, "deleted": deleted}


_SHOWN = (DocumentRow.id, DocumentRow.document, DocumentRow.created_at, DocumentRow.updated_at)


async def _find(session: AsyncSession, workspace: str, name: str) -> DocumentCollectionRow | None:
    place = (DocumentCollectionRow.workspace == workspace, DocumentCollectionRow.name == name)
    return (await session.scalars(select(DocumentCollectionRow).where(*place))).one_or_none()


async def _collection(session: AsyncSession, workspace: str, name: str, language: str | None) -> DocumentCollectionRow:
    """The collection, made if there is none; it isn't removed while the transaction lasts."""
    if language is not None:
        await _require_language(session, language)
    new = insert(DocumentCollectionRow).values(workspace=workspace, name=name, language=language or DEFAULT_LANGUAGE)
    held = new.on_conflict_do_update(index_elements=["workspace", "name"], set_={"name": name})
    row = (await session.scalars(held.returning(DocumentCollectionRow))).one()
    if language not in (None, row.language):
        raise PermanentError(
            f'the collection "{name[:100]}" has the language {row.language}, not {language}',
            code="LANGUAGE_MISMATCH",
            hint='leave "language" out, or use another collection; "simple" suits any language',
        )
    return row


async def _require_language(session: AsyncSession, language: str) -> None:
    known = sorted(set(await session.scalars(select(_CONFIGS.c.cfgname))))
    if language not in known:
        raise PermanentError(
            f'the parameter "language" is "{language[:40]}", which the database doesn\'t know; '
            f"it knows {names_listed(known, 60)}",
            code="UNKNOWN_LANGUAGE",
        )


def _entry(row: Any) -> Json:
    return {
        "id": row.id,
        "document": exact_json.loads(row.document),
        "created_at": iso(row.created_at),
        "updated_at": iso(row.updated_at),
    }
