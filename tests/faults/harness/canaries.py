"""Whether secrets are where nobody should find them: in logs, in Temporal's files, in the database."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import Any

import psycopg

_BLOCK = 4 * 2**20
# No secret is longer, so that none is missed between two blocks.
_LONGEST = 100


class Canaries:
    """The secrets, by name, and how far each log was read."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        plain = {name: value.encode() for name, value in secrets.items()}
        self._needles = plain | {f"{name}, in hex": value.hex().encode() for name, value in plain.items()}
        self._values = list(plain.values())
        self._read: dict[Path, int] = {}

    async def check(self, files: Iterable[Path], database_url: str) -> list[str]:
        """Where they are."""
        wrong: list[str] = []
        for file in files:
            wrong += await asyncio.to_thread(self._scan, file)
        async for table, dumped in self._dumped(database_url):
            wrong += [f"{name}: in the table {table}" for name, needle in self._needles.items() if needle in dumped]
        return wrong

    def _scan(self, file: Path) -> list[str]:
        found: set[str] = set()
        # A log only grows; the part that was read before is not read again.
        start = self._read.get(file, 0) if file.suffix == ".log" else 0
        with file.open("rb") as opened:
            opened.seek(start)
            before = b""
            while block := opened.read(_BLOCK):
                found |= {name for name, needle in self._needles.items() if needle in before + block}
                before = block[-_LONGEST:]
            self._read[file] = max(opened.tell() - _LONGEST, 0)
        return [f"{name}: in {file.name}" for name in sorted(found)]

    async def _dumped(self, database_url: str) -> AsyncIterator[tuple[str, bytes]]:
        tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        connection = await psycopg.AsyncConnection.connect(database_url)
        async with connection:
            for (table,) in await (await connection.execute(tables)).fetchall():
                # Payloads are as large as users make them: PostgreSQL looks through those itself.
                if table == "payloads":
                    yield table, await self._payloads(connection)
                    continue
                async with connection.cursor().copy(f'COPY "{table}" TO STDOUT') as copy:
                    yield table, b"".join([bytes(block) async for block in copy])

    async def _payloads(self, connection: psycopg.AsyncConnection[Any]) -> bytes:
        found = b""
        for value in self._values:
            query = "SELECT count(*) FROM payloads WHERE position(%s IN body) > 0"
            row = await (await connection.execute(query, [value], binary=True)).fetchone()
            found += value if row and row[0] else b""
        return found
