"""Signing in and out: tokens, their ends, and what isn't let in."""

import asyncio
import base64
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from workflow_engine.v1 import auth_pb2 as wire
from workflow_engine.v1 import workflow_service_pb2

from services.errors import Unauthenticated
from services.gateway.cookies import claims_of
from services.identity import signing_in
from services.identity.identity import Identity
from services.identity.limits import Limit
from services.identity.tokens import Access, AccessTokens
from services.rates import SharedRates
from services.store.ids import new_id
from services.store.keyring import KeyRing, read_keys
from services.store.listen import Listener
from tests.services.conftest import SECRET_KEY, api_settings
from tests.services.identity.conftest import PASSWORD, Code, Guarded, Person, reason_of, refused, wait_of

NOW = datetime.now(UTC)


def who(guarded: Guarded, token: str) -> Any:
    return guarded.auth.WhoAmI(wire.WhoAmIRequest(), metadata=(("authorization", f"Bearer {token}"),))


async def test_signing_in_tells_who_and_where(guarded: Guarded) -> None:
    user_id, email = await guarded.make("ada")
    answer = await guarded.auth.SignIn(wire.SignInRequest(email=f" {email.upper()} ", password=PASSWORD))
    assert (answer.user.id, answer.user.email) == (user_id, email)
    assert [(each.id, each.role) for each in answer.workspaces] == [("ada", wire.OWNER)]
    assert (await who(guarded, answer.tokens.access_token)).user.id == user_id
    minutes = (answer.tokens.access_expires_at.ToDatetime(UTC) - datetime.now(UTC)) / timedelta(minutes=1)
    assert 28 < minutes < 31


async def test_whoever_is_refused_is_not_told_why(guarded: Guarded) -> None:
    _, email = await guarded.make("ada")
    times, said = [], set()
    for given in (email, "nobody@example.org"):
        begun = time.perf_counter()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await guarded.auth.SignIn(wire.SignInRequest(email=given, password="wrong"))
        times.append(time.perf_counter() - begun)
        said.add((caught.value.code(), caught.value.details(), reason_of(caught.value)))
    message = "the e-mail address or the password is wrong"
    assert said == {(Code.UNAUTHENTICATED, message, "BAD_CREDENTIALS")}
    # The hash, some 50 ms, is computed either way.
    assert min(times) > max(times) / 10


async def test_guessing_is_limited_by_account(guarded: Guarded) -> None:
    _, email = await guarded.make("ada")
    request = wire.SignInRequest(email=email, password="wrong")
    for _ in range(signing_in.ACCOUNT_TRIES):
        assert (await refused(guarded.auth.SignIn(request)))[0] is Code.UNAUTHENTICATED
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await guarded.auth.SignIn(wire.SignInRequest(email=email, password=PASSWORD))
    assert (caught.value.code(), reason_of(caught.value)) == (Code.RESOURCE_EXHAUSTED, "TOO_MANY_TRIES")
    assert 0 < wait_of(caught.value) <= signing_in.WINDOW + 1


async def test_tries_from_one_address_are_limited(guarded: Guarded) -> None:
    cases = guarded.server.identity.signing_in
    rates = SharedRates(guarded.parts.database, None)
    cases._by_address, kept = Limit(rates, new_id(), 1, 60), cases._by_address
    try:
        request = wire.SignInRequest(email="nobody@example.org", password="wrong")
        assert (await refused(guarded.auth.SignIn(request)))[0] is Code.UNAUTHENTICATED
        refreshing = wire.RefreshTokenRequest(refresh_token="nonsense")
        for call in (guarded.auth.SignIn(request), guarded.auth.RefreshToken(refreshing)):
            assert (await refused(call))[0] is Code.RESOURCE_EXHAUSTED
    finally:
        cases._by_address = kept


async def test_a_refresh_token_works_once_and_its_reuse_ends_the_session(guarded: Guarded) -> None:
    person = await guarded.person("ada")
    request = wire.RefreshTokenRequest(refresh_token=person.tokens.refresh_token)
    newer = (await guarded.auth.RefreshToken(request)).tokens
    assert newer.refresh_expires_at == person.tokens.refresh_expires_at
    assert (await who(guarded, newer.access_token)).user.id == person.id
    async with guarded.parts.database.single() as connection:
        await connection.exec_driver_sql("UPDATE refresh_tokens SET used_at = used_at - interval '11 seconds'")
    assert await refused(guarded.auth.RefreshToken(request)) == (Code.UNAUTHENTICATED, "BAD_REFRESH_TOKEN")
    for token in (newer.access_token, person.tokens.access_token):
        assert await refused(who(guarded, token)) == (Code.UNAUTHENTICATED, "BAD_TOKEN")
    again = wire.RefreshTokenRequest(refresh_token=newer.refresh_token)
    assert await refused(guarded.auth.RefreshToken(again)) == (Code.UNAUTHENTICATED, "BAD_REFRESH_TOKEN")


async def test_two_who_refresh_at_once_stay_in_one_session(guarded: Guarded) -> None:
    person = await guarded.person("ada")
    request = wire.RefreshTokenRequest(refresh_token=person.tokens.refresh_token)
    calls = [guarded.auth.RefreshToken(request) for _ in range(2)]
    tokens = [answer.tokens for answer in await asyncio.gather(*calls)]
    assert len({one.refresh_token for one in tokens}) == 2
    sessions = {claims_of(one.access_token).session_id for one in (*tokens, person.tokens)}
    assert len(sessions) == 1
    for one in tokens:
        assert (await who(guarded, one.access_token)).user.id == person.id


@pytest.mark.parametrize("token", ["", "x", "orr_" + "A" * 43, "orc_" + "A" * 43])
async def test_other_refresh_tokens(guarded: Guarded, token: str) -> None:
    request = wire.RefreshTokenRequest(refresh_token=token)
    assert await refused(guarded.auth.RefreshToken(request)) == (Code.UNAUTHENTICATED, "BAD_REFRESH_TOKEN")


async def test_signing_out_counts_at_once(guarded: Guarded) -> None:
    person = await guarded.person("ada")
    other = await guarded.sign_in(person.email)
    await who(guarded, person.tokens.access_token)
    await guarded.auth.SignOut(wire.SignOutRequest(), metadata=person.metadata)
    assert await refused(who(guarded, person.tokens.access_token)) == (Code.UNAUTHENTICATED, "BAD_TOKEN")
    assert (await who(guarded, other.access_token)).user.id == person.id


async def test_other_servers_hear_of_it(guarded: Guarded) -> None:
    person = await guarded.person("ada")
    listener = Listener(guarded.url)
    elsewhere = Identity(api_settings(guarded.url), guarded.parts.database, listener, local=False)
    forgotten = asyncio.Event()
    listener.hear("orchestrator_identity", lambda name: (elsewhere.authenticator._cache.forget(name), forgotten.set()))
    await listener.start()
    try:
        bearer = f"Bearer {person.tokens.access_token}"
        assert (await elsewhere.authenticator.principal(bearer)).user_id == person.id
        await guarded.auth.SignOut(wire.SignOutRequest(), metadata=person.metadata)
        await asyncio.wait_for(forgotten.wait(), 30)
        with pytest.raises(Unauthenticated):
            await elsewhere.authenticator.principal(bearer)
    finally:
        await listener.stop()


async def test_a_stream_ends_with_its_session(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    from workflow_engine.v1 import execution_pb2
    from workflow_engine.v1 import workflow_pb2 as flow

    from services.rpc import access

    monkeypatch.setattr(access, "SECONDS", -1.0)
    person = await guarded.person("ada")
    request = workflow_service_pb2.CreateWorkflowRequest(
        name="w", nodes=[flow.Node(id="t", name="T", type=flow.TRIGGER_NODE, subtype="MANUAL")]
    )
    created = await guarded.workflows.CreateWorkflow(request, metadata=person.metadata)
    run = await guarded.workflows.ExecuteWorkflow(
        execution_pb2.ExecuteWorkflowRequest(workflow_id=created.workflow.id), metadata=person.metadata
    )
    watching = execution_pb2.WatchExecutionRequest(execution_id=run.execution_id)
    kinds = [answer.event.type async for answer in guarded.workflows.WatchExecution(watching, metadata=person.metadata)]
    assert len(kinds) > 2
    stream = guarded.workflows.WatchExecution(watching, metadata=person.metadata)
    await stream.read()
    guarded.server.identity.authenticator._cache.forget()
    await guarded.auth.SignOut(wire.SignOutRequest(), metadata=person.metadata)
    late = guarded.workflows.WatchExecution(watching, metadata=person.metadata)
    assert await refused(late.read()) == (Code.UNAUTHENTICATED, "BAD_TOKEN")


async def test_a_password_is_changed(guarded: Guarded) -> None:
    person = await guarded.person("ada")
    other = await guarded.sign_in(person.email)

    def change(old: str, new: str) -> Any:
        request = wire.ChangePasswordRequest(old_password=old, new_password=new)
        return guarded.auth.ChangePassword(request, metadata=person.metadata)

    assert await refused(change("wrong", "another password")) == (Code.PERMISSION_DENIED, "BAD_CREDENTIALS")
    assert await refused(change(PASSWORD, "short")) == (Code.INVALID_ARGUMENT, "BAD_PASSWORD")
    await change(PASSWORD, "another password")
    assert await refused(who(guarded, other.access_token)) == (Code.UNAUTHENTICATED, "BAD_TOKEN")
    assert (await who(guarded, person.tokens.access_token)).user.id == person.id
    old = wire.SignInRequest(email=person.email, password=PASSWORD)
    assert await refused(guarded.auth.SignIn(old)) == (Code.UNAUTHENTICATED, "BAD_CREDENTIALS")
    assert (await guarded.sign_in(person.email, "another password")).access_token


# Access tokens.

RING = read_keys(SECRET_KEY)
ACCESS = Access("u", "s")


def tokens(ring: KeyRing = RING, algorithm: str = "HS256", minutes: float = 30) -> AccessTokens:
    return AccessTokens(ring, algorithm, timedelta(minutes=minutes))


def encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def forged(**changes: Any) -> str:
    """A token under the right key whose claims were changed; None takes one away."""
    ours = tokens()
    claims = {"iss": "orchestrator", "aud": "orchestrator", "sub": "u", "sid": "s", "exp": int(time.time()) + 60}
    claims = {name: value for name, value in (claims | changes).items() if value is not None}
    return jwt.encode({"alg": "HS256", "kid": RING.current}, claims, ours._keys[RING.current])


def with_key_named(kid: str, key: bytes) -> str:
    claims = {"iss": "orchestrator", "aud": "orchestrator", "sub": "u", "sid": "s", "exp": int(time.time()) + 60}
    return jwt.encode({"alg": "HS256", "kid": kid}, claims, OctKey.import_key(key))


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_what_a_token_says(algorithm: str) -> None:
    ours = tokens(algorithm=algorithm)
    token, expires = ours.make(ACCESS, NOW)
    assert ours.read(token) == ACCESS
    assert abs(expires - NOW - timedelta(minutes=30)) < timedelta(seconds=2)


BODY = {"iss": "orchestrator", "aud": "orchestrator", "sub": "u", "sid": "s", "exp": int(time.time()) + 600}
OURS, _ = tokens().make(ACCESS, NOW)
HEAD, _, SIGNATURE = OURS.split(".")
UNSIGNED = encoded({"alg": "none", "kid": "k1"})


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="empty"),
        pytest.param("a.b.c", id="no token"),
        pytest.param("x" * 5000, id="too long"),
        pytest.param(f"{encoded({'alg': 'none'})}.{encoded(BODY)}.", id="none"),
        pytest.param(f"{UNSIGNED}.{encoded(BODY)}.{SIGNATURE}", id="none, signed"),
        pytest.param(tokens(algorithm="HS512").make(ACCESS, NOW)[0], id="another algorithm"),
        pytest.param(tokens(minutes=-10).make(ACCESS, NOW)[0], id="expired"),
        pytest.param(forged(aud="another"), id="another audience"),
        pytest.param(forged(iss="another"), id="another issuer"),
        pytest.param(forged(exp=None), id="for ever"),
        pytest.param(forged(sid=None), id="no session"),
        pytest.param(forged(sub=None), id="nobody"),
        pytest.param(with_key_named("k1", b"A" * 32), id="another key"),
        pytest.param(with_key_named("k9", b"A" * 32), id="an unknown key"),
        pytest.param(OURS[:-3] + ("AAA" if OURS[-3:] != "AAA" else "BBB"), id="altered signature"),
        pytest.param(f"{HEAD}.{encoded(BODY | {'sub': 'other'})}.{SIGNATURE}", id="altered"),
        pytest.param("orr_" + "A" * 43, id="refresh token"),
    ],
)
def test_tokens_that_are_not_ours(token: str) -> None:
    with pytest.raises(Unauthenticated):
        tokens().read(token)


def test_keys_can_be_replaced() -> None:
    new_first = read_keys(f"k2:{'B' * 43}=,{SECRET_KEY}")
    assert tokens(new_first).read(OURS) == ACCESS
    newer, _ = tokens(new_first).make(ACCESS, NOW)
    assert tokens(new_first).read(newer) == ACCESS
    with pytest.raises(Unauthenticated):
        tokens().read(newer)
    with pytest.raises(Unauthenticated):
        tokens(read_keys(f"k2:{'B' * 43}=")).read(OURS)


def test_a_call_that_was_begun_may_outlast_its_token() -> None:
    late = tokens(minutes=-10).make(ACCESS, NOW)[0]
    assert tokens().read(late, begun=True) == ACCESS
    with pytest.raises(Unauthenticated):
        tokens().read(forged(iss="another"), begun=True)


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Basic YTpi", "Bearer orc_unknown", "Bearer x.y.z"])
async def test_headers_that_let_nobody_in(guarded: Guarded, header: str) -> None:
    call = guarded.auth.WhoAmI(wire.WhoAmIRequest(), metadata=(("authorization", header),))
    assert await refused(call) == (Code.UNAUTHENTICATED, "BAD_TOKEN")


async def test_who_is_disabled_is_shut_out(guarded: Guarded) -> None:
    from services.store.identity import sessions, users

    person: Person = await guarded.person("ada")
    await who(guarded, person.tokens.access_token)
    async with guarded.parts.database.transaction() as session:
        (await users.get(session, person.id)).disabled_at = datetime.now(UTC)
        await sessions.revoke_others(session, person.id, "", "test")
    guarded.server.identity.authenticator._cache.forget(person.id)
    assert await refused(who(guarded, person.tokens.access_token)) == (Code.UNAUTHENTICATED, "BAD_TOKEN")
    request = wire.SignInRequest(email=person.email, password=PASSWORD)
    assert await refused(guarded.auth.SignIn(request)) == (Code.UNAUTHENTICATED, "BAD_CREDENTIALS")
