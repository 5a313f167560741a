"""psycopg's own connections: kept, limited, and never handed on half used."""

import asyncio
from typing import Any

import psycopg
import pytest

from services.store.drivers import Driver, Drivers
from services.store.engine import connection_string


@pytest.fixture
def made() -> list[Driver]:
    return []


@pytest.fixture
def drivers(postgres_url: str, made: list[Driver]) -> Drivers:
    async def connect() -> Driver:
        made.append(await psycopg.AsyncConnection[Any].connect(connection_string(postgres_url), autocommit=True))
        return made[-1]

    return Drivers(connect, 2, 0.2)


async def number(drivers: Drivers, statement: str = "SELECT 1") -> int:
    async with drivers.use() as connection:
        row = await (await connection.execute(statement)).fetchone()
        assert row
        return int(row[0])


async def test_a_connection_is_used_again(drivers: Drivers, made: list[Driver]) -> None:
    assert [await number(drivers) for _ in range(5)] == [1] * 5
    assert len(made) == 1
    await drivers.close()
    assert made[0].closed


async def test_no_more_than_its_size(drivers: Drivers, made: list[Driver]) -> None:
    assert await asyncio.gather(*(number(drivers) for _ in range(20))) == [1] * 20
    assert len(made) <= 2
    async with drivers.use(), drivers.use():
        with pytest.raises(psycopg.OperationalError, match="in use"):
            await number(drivers)
    assert await number(drivers) == 1
    await drivers.close()


async def test_a_statement_cut_off_takes_its_connection_along(drivers: Drivers, made: list[Driver]) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(number(drivers, "SELECT 1 FROM pg_sleep(30)"), 0.2)
    assert await number(drivers, "SELECT 2") == 2
    await drivers.close()
    assert all(connection.closed for connection in made)


async def test_a_failed_statement_does_not(drivers: Drivers, made: list[Driver]) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        await number(drivers, "SELECT 1 / 0")
    assert await number(drivers) == 1
    assert len(made) == 1
    await drivers.close()


async def test_a_dead_connection_takes_the_idle_ones_along(drivers: Drivers, made: list[Driver]) -> None:
    async with drivers.use(), drivers.use():
        pass
    with pytest.raises(psycopg.OperationalError):
        await number(
            drivers,
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database()",
        )
    assert await number(drivers) == 1
    assert len(made) == 3
    await drivers.close()
