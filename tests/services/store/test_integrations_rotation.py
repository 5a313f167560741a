"""Keys are changed without losing anything, as often as one likes."""

import base64
from collections.abc import AsyncIterator

import pytest

from nodes.credentials.oauth2 import Tokens
from services.store import integrations, integrations_tokens
from services.store.engine import Database
from services.store.ids import new_id
from services.store.integrations import Content
from services.store.integrations_rotation import rotate
from services.store.keyring import KeyRing, Unsealable, key_of, read_keys
from services.store.tables import IntegrationRow


def ring(*names: str) -> KeyRing:
    return read_keys(",".join(f"{name}:{base64.b64encode(name.encode() * 16).decode()}" for name in names))


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    async with Database(postgres_url) as found:
        yield found


async def add(database: Database, keys: KeyRing, token: str) -> str:
    row = IntegrationRow(id=new_id(), workspace="ada", name="n")
    integrations.fill(row, Content("t", ("a.b",), {"token": token}), {}, keys)
    async with database.transaction() as session:
        session.add(row)
        await session.flush()
        await integrations_tokens.save(session, row, Tokens("access", "refresh"), keys)
    return row.id


async def read(database: Database, integration_id: str, keys: KeyRing) -> tuple[str, Tokens]:
    async with database.reading() as session:
        row = await integrations.get(session, "ada", integration_id)
        tokens = await integrations_tokens.find(session, integration_id)
    assert tokens is not None
    assert {key_of(row.sealed), key_of(tokens.access_token), key_of(tokens.refresh_token or b"")} == {keys.current}
    return integrations.content_of(row, keys).fields["token"], integrations_tokens.opened(tokens, row, keys)


async def test_everything_is_sealed_again(database: Database) -> None:
    ids = [await add(database, ring("k1"), f"token {number}") for number in range(3)]
    ids.append(await add(database, ring("k2"), "token 3"))
    done = await rotate(database, ring("k2", "k1"))
    assert (done.sealed_again, done.current_already, done.stuck) == (9, 3, [])
    again = await rotate(database, ring("k2", "k1"))
    assert (again.sealed_again, again.current_already) == (0, 12)
    for number, integration_id in enumerate(ids):
        token, tokens = await read(database, integration_id, ring("k2"))
        assert (token, tokens.access_token, tokens.refresh_token) == (f"token {number}", "access", "refresh")


async def test_what_cannot_be_opened_is_named_and_kept(database: Database) -> None:
    stuck = await add(database, ring("k1"), "token")
    await add(database, ring("k2"), "token")
    done = await rotate(database, ring("k3", "k2"))
    assert done.sealed_again == 3
    assert len(done.stuck) == 3
    assert all(stuck in line and "'k1'" in line for line in done.stuck)
    with pytest.raises(Unsealable):
        async with database.reading() as session:
            integrations.content_of(await integrations.get(session, "ada", stuck), ring("k3"))
    assert (await rotate(database, ring("k3", "k1"))).stuck == []
    assert (await read(database, stuck, ring("k3")))[0] == "token"
