"""Integrations over the real API: kept sealed, shown without secrets, opened for their owner only."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from workflow_engine.v1 import integration_pb2 as pb
from workflow_engine.v1 import workflow_pb2
from workflow_engine.v1.integration_pb2_grpc import IntegrationServiceStub

from nodes.errors import PermanentError, RetryableError
from nodes.http.authentication import HTTP_BASIC, HTTP_BEARER, OAUTH2
from nodes.http.egress import Egress
from nodes.http.policy import EgressPolicy
from services.cli.server import details_of
from services.store.engine import Database
from services.store.integrations_opening import Integrations
from services.store.keyring import read_keys
from tests.services.authorization_server import CLIENT_SECRET, REDIRECT, Service, running
from tests.services.conftest import SECRET_KEY, Api, chain

TOKEN = "s3cr3t-token-of-ada"


@pytest.fixture(scope="module")
async def service() -> AsyncIterator[Service]:
    async with running() as found:
        yield found


@pytest.fixture
def stub(api: Api) -> Any:
    return IntegrationServiceStub(api.channel)


async def create(stub: Any, kind: str, fields: dict[str, Any], user: str = "ada", **more: Any) -> pb.Integration:
    request = pb.CreateIntegrationRequest(user_id=user, name="mine", type=kind, **({"hosts": ["127.0.0.1"]} | more))
    request.fields.update(fields)
    response = await stub.CreateIntegration(request)
    made: pb.Integration = response.integration
    return made


async def refusal(call: Any) -> tuple[grpc.StatusCode, str, list[str], str]:
    """The status, reason, fields of the problems, and the whole text of an error."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    reason, problems = details_of(caught.value)
    text = f"{caught.value.details()} {problems}"
    return caught.value.code(), reason, [problem.field for problem in problems], text


async def stored(api: Api) -> str:
    """Everything about integrations in the database, as text."""
    found = ""
    async with api.parts.database.single() as connection:
        for table in ("integrations", "oauth_tokens", "oauth_authorizations"):
            rows = (await connection.exec_driver_sql(f"SELECT t::text FROM {table} t")).all()
            found += "\n".join(row[0] for row in rows)
            for row in (await connection.exec_driver_sql(f"SELECT * FROM {table}")).all():
                found += "".join(value.decode("latin-1") for value in row if isinstance(value, bytes))
    return found


async def test_an_integration_is_kept_and_shown_without_its_secret(api: Api, stub: Any) -> None:
    made = await create(stub, "http_basic", {"user": "ada", "password": TOKEN}, hosts=["API.example.com", "*.a.b"])
    assert json_format.MessageToDict(made.fields) == {"user": "ada"}
    assert list(made.hosts) == ["api.example.com", "*.a.b"]
    assert made.user_id == "ada"
    shown = await stub.GetIntegration(pb.GetIntegrationRequest(integration_id=made.id, user_id="ada"))
    assert shown.integration == made
    listed = await stub.ListIntegrations(pb.ListIntegrationsRequest(user_id="ada"))
    assert made in listed.integrations
    assert TOKEN not in f"{made}{shown}{listed}"
    assert TOKEN not in await stored(api)
    opened = await api.parts.integrations.open("ada", made.id, (HTTP_BASIC,))
    assert opened.hosts == ("api.example.com", "*.a.b")
    assert f"ada:{TOKEN}" in set(opened.secrets())
    assert TOKEN not in repr(opened)


@pytest.mark.parametrize(
    ("kind", "fields", "hosts", "problems"),
    [
        ("http_bearer", {}, ["a.b"], ["fields.token"]),
        ("http_bearer", {"token": ""}, ["a.b"], ["fields.token"]),
        ("http_bearer", {"token": 5}, ["a.b"], ["fields.token"]),
        ("http_bearer", {"token": "x", "tokn": "y"}, ["a.b"], ["fields.tokn"]),
        ("http_bearer", {"token": "x"}, [], ["hosts"]),
        ("http_bearer", {"token": "x"}, ["https://a.b/c"], ["hosts[0]"]),
        ("http_bearer", {"token": "x"}, ["*"], ["hosts[0]"]),
        ("http_bearer", {"token": "x"}, ["a.b", "*.com"], ["hosts[1]"]),
        ("http_bearer", {"token": "x"}, ["a b"], ["hosts[0]"]),
        ("oauth2", {"token_url": "http://a.b/t", "client_id": "c"}, ["a.b"], ["fields.token_url"]),
        ("nonsense", {}, [], ["type"]),
    ],
)
async def test_what_is_wrong_is_named(
    stub: Any, kind: str, fields: dict[str, Any], hosts: list[str], problems: list[str]
) -> None:
    code, _, found, _ = await refusal(create(stub, kind, fields, hosts=hosts))
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert found == problems


async def test_problems_never_repeat_a_secret(stub: Any) -> None:
    *_, text = await refusal(create(stub, "http_bearer", {"token": [TOKEN]}))
    assert TOKEN not in text
    *_, text = await refusal(create(stub, "http_bearer", {"token": TOKEN, "other": TOKEN}))
    assert TOKEN not in text


async def test_hosts_follow_the_fields_where_they_name_them(stub: Any) -> None:
    fields = {"username": "ada", "password": TOKEN, "smtp_host": "smtp.example.com", "imap_host": "imap.example.com"}
    made = await create(stub, "mail_account", fields, hosts=[])
    assert list(made.hosts) == ["smtp.example.com", "imap.example.com"]
    request = pb.UpdateIntegrationRequest(integration_id=made.id, user_id="ada")
    request.fields.update({"smtp_host": "mail.example.org", "password": "another secret"})
    changed = (await stub.UpdateIntegration(request)).integration
    assert list(changed.hosts) == ["mail.example.org", "imap.example.com"]


async def test_others_can_tell_nothing_of_it(api: Api, stub: Any) -> None:
    made = await create(stub, "http_bearer", {"token": TOKEN})
    foreign = {"integration_id": made.id, "user_id": "eve"}
    missing = {"integration_id": "nothing", "user_id": "eve"}
    for method, request in [
        (stub.GetIntegration, pb.GetIntegrationRequest),
        (stub.UpdateIntegration, pb.UpdateIntegrationRequest),
        (stub.DeleteIntegration, pb.DeleteIntegrationRequest),
        (stub.TestIntegration, pb.TestIntegrationRequest),
    ]:
        one, other = await refusal(method(request(**foreign))), await refusal(method(request(**missing)))
        assert one[:2] == other[:2] == (grpc.StatusCode.NOT_FOUND, "INTEGRATION_NOT_FOUND")
    listed = await stub.ListIntegrations(pb.ListIntegrationsRequest(user_id="eve"))
    assert not listed.integrations
    messages = []
    for credential_id in (made.id, "nothing"):
        with pytest.raises(PermanentError) as caught:
            await api.parts.integrations.open("eve", credential_id, (HTTP_BEARER,))
        assert caught.value.code == "CREDENTIAL_NOT_FOUND"
        messages.append(caught.value.message.replace(credential_id, "ID") + caught.value.hint)
    assert messages[0] == messages[1]


async def test_lists_have_pages_and_filters(stub: Any) -> None:
    made = [(await create(stub, "http_bearer", {"token": TOKEN}, user="page")).id for _ in range(3)]
    other = await create(stub, "http_basic", {"user": "u", "password": TOKEN}, user="page")
    request = pb.ListIntegrationsRequest(user_id="page", type="http_bearer", page_size=2)
    first = await stub.ListIntegrations(request)
    request.page_token = first.next_page_token
    second = await stub.ListIntegrations(request)
    assert [each.id for each in [*first.integrations, *second.integrations]] == made[::-1]
    assert not second.next_page_token
    named = await stub.ListIntegrations(pb.ListIntegrationsRequest(user_id="page", name_contains="MIN"))
    assert named.integrations[0].id == other.id
    code, reason, *_ = await refusal(stub.ListIntegrations(pb.ListIntegrationsRequest(page_token="x")))
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "BAD_PAGE_TOKEN")


async def test_secrets_are_rotated(api: Api, stub: Any) -> None:
    made = await create(stub, "http_basic", {"user": "ada", "password": TOKEN})
    request = pb.RotateIntegrationRequest(integration_id=made.id, user_id="ada")
    request.fields.update({"password": "new secret"})
    rotated = (await stub.RotateIntegration(request)).integration
    assert rotated.updated_at.ToNanoseconds() > made.updated_at.ToNanoseconds()
    opened = await api.parts.integrations.open("ada", made.id, (HTTP_BASIC,))
    assert "new secret" in set(opened.secrets())
    request.fields.update({"user": "eve"})
    code, reason, *_ = await refusal(stub.RotateIntegration(request))
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "NOT_A_SECRET")


async def test_a_secret_goes_nowhere_else_unless_it_is_given_again(stub: Any) -> None:
    made = await create(stub, "http_bearer", {"token": TOKEN}, hosts=["a.example.com"])
    request = pb.UpdateIntegrationRequest(integration_id=made.id, user_id="ada", hosts=["evil.example.com"], name="n")
    code, reason, fields, _ = await refusal(stub.UpdateIntegration(request))
    assert (code, reason, fields) == (grpc.StatusCode.INVALID_ARGUMENT, "SECRETS_NEEDED", ["fields.token"])
    request.fields.update({"token": "another"})
    changed = (await stub.UpdateIntegration(request)).integration
    assert (list(changed.hosts), changed.name) == (["evil.example.com"], "n")


async def test_deleting_is_refused_while_a_workflow_uses_it(api: Api, stub: Any) -> None:
    made = await create(stub, "http_bearer", {"token": TOKEN}, user="")
    data = chain("A")
    node = {"id": "h", "name": "H", "type": "ACTION_NODE", "subtype": "HTTP_REQUEST"}
    data["nodes"].append(node | {"parameters": {"url": "http://127.0.0.1"}, "credentials": {"auth": made.id}})
    data["connections"]["connections"]["A"] = {
        "connection_types": {"main": {"connections": [{"node": "H", "type": "MAIN"}]}}
    }
    await api.create(data)
    request = pb.DeleteIntegrationRequest(integration_id=made.id)
    code, reason, _, text = await refusal(stub.DeleteIntegration(request))
    assert (code, reason) == (grpc.StatusCode.FAILED_PRECONDITION, "INTEGRATION_IN_USE")
    assert "'chain'" in text
    request.force = True
    await stub.DeleteIntegration(request)
    code, *_ = await refusal(stub.GetIntegration(pb.GetIntegrationRequest(integration_id=made.id)))
    assert code == grpc.StatusCode.NOT_FOUND


async def test_types_are_listed_with_what_is_secret(stub: Any) -> None:
    types = {kind.name: kind for kind in (await stub.ListCredentialTypes(pb.ListCredentialTypesRequest())).types}
    schema = json.loads(types["http_basic"].fields_schema_json)
    assert schema["properties"]["password"]["writeOnly"] is True
    assert "writeOnly" not in schema["properties"]["user"]
    assert [schema["properties"][name]["x-order"] for name in ("user", "password")] == [0, 1]
    assert "ACTION_NODE.HTTP_REQUEST" in types["http_basic"].nodes
    assert types["oauth2"].oauth2
    assert not types["http_basic"].oauth2


async def test_the_type_must_fit_the_node(api: Api, stub: Any) -> None:
    made = await create(stub, "http_bearer", {"token": TOKEN})
    with pytest.raises(PermanentError, match='"http_bearer"; the node needs "http_basic" or "oauth2"') as caught:
        await api.parts.integrations.open("ada", made.id, (HTTP_BASIC, OAUTH2))
    assert caught.value.code == "CREDENTIAL_TYPE"


async def test_what_was_altered_in_the_database_does_not_open(api: Api, stub: Any) -> None:
    made = await create(stub, "http_bearer", {"token": TOKEN})
    async with api.parts.database.single() as connection:
        await connection.exec_driver_sql(
            "UPDATE integrations SET hosts = '{evil.example.com}', workspace = 'eve' WHERE id = %s", (made.id,)
        )
    with pytest.raises(PermanentError, match="altered") as caught:
        await api.parts.integrations.open("eve", made.id, (HTTP_BEARER,))
    assert caught.value.code == "CREDENTIAL_UNREADABLE"
    async with api.parts.database.single() as connection:
        await connection.exec_driver_sql("UPDATE integrations SET workspace = 'ada' WHERE id = %s", (made.id,))
    opened = await api.parts.integrations.open("ada", made.id, (HTTP_BEARER,))
    assert opened.hosts == ("127.0.0.1",)


async def test_without_keys_nothing_is_kept_or_opened(api: Api, stub: Any) -> None:
    made = await create(stub, "http_bearer", {"token": TOKEN})
    opening = api.parts.integrations
    keys, opening.keys = opening.keys, None
    try:
        code, reason, _, text = await refusal(create(stub, "http_bearer", {"token": TOKEN}))
        assert (code, reason) == (grpc.StatusCode.FAILED_PRECONDITION, "SECRET_KEY_MISSING")
        assert "SECRET_KEY" in text
        with pytest.raises(PermanentError, match="SECRET_KEY") as caught:
            await opening.open("ada", made.id, (HTTP_BEARER,))
        assert caught.value.code == "SECRET_KEY_MISSING"
    finally:
        opening.keys = keys


async def consented(stub: Any, service: Service, made: pb.Integration) -> pb.Integration:
    """What a user's browser does, and the page that it comes back to."""
    import httpx

    request = pb.StartAuthorizationRequest(integration_id=made.id, user_id="ada", redirect_uri=REDIRECT)
    asked = await stub.StartAuthorization(request)
    async with httpx.AsyncClient() as browser:
        answer = await browser.get(asked.url, follow_redirects=False)
    brought = dict(httpx.URL(answer.headers["location"]).params)
    assert brought["state"] == asked.state
    done = await stub.CompleteAuthorization(pb.CompleteAuthorizationRequest(user_id="ada", **brought))
    integration: pb.Integration = done.integration
    again = stub.CompleteAuthorization(pb.CompleteAuthorizationRequest(user_id="ada", **brought))
    assert (await refusal(again))[1] == "UNKNOWN_STATE"
    return integration


@pytest.mark.parametrize("authentication", ["body", "basic"])
async def test_a_user_authorises_and_tokens_are_refreshed(
    api: Api, stub: Any, service: Service, authentication: str
) -> None:
    provider = service.provider
    provider.authentication = {"body": "client_secret_post", "basic": "client_secret_basic"}[authentication]
    made = await create(stub, "oauth2", service.fields(client_authentication=authentication))
    assert made.authorization == pb.AUTHORIZATION_NEEDED
    with pytest.raises(PermanentError, match="nobody has authorised") as caught:
        await api.parts.integrations.open("ada", made.id, (OAUTH2,))
    assert caught.value.code == "CREDENTIAL_EXPIRED"

    authorised = await consented(stub, service, made)
    assert authorised.authorization == pb.AUTHORIZED
    assert list(authorised.scopes) == ["read"]
    first = await opened_token(api, made.id)
    assert first in provider.access_tokens
    assert await opened_token(api, made.id) == first
    await age(api, made.id, "1 minute")
    second = await opened_token(api, made.id)
    assert second != first
    assert second in provider.access_tokens
    text = await stored(api) + str(authorised)
    assert all(secret not in text for secret in (first, second, CLIENT_SECRET, *provider.refresh_tokens))

    provider.refresh_tokens.clear()
    await age(api, made.id, "-1 minute")
    for _ in range(2):
        with pytest.raises(PermanentError, match='"mine" has expired') as caught:
            await opened_token(api, made.id)
        assert caught.value.code == "CREDENTIAL_EXPIRED"
        assert "authorise the integration again" in caught.value.hint
    expired = (await stub.GetIntegration(pb.GetIntegrationRequest(integration_id=made.id, user_id="ada"))).integration
    assert expired.authorization == pb.AUTHORIZATION_EXPIRED


async def opened_token(api: Api, integration_id: str) -> str:
    opened = await api.parts.integrations.open("ada", integration_id, (OAUTH2,))
    assert opened.access_token is not None
    return opened.access_token.get_secret_value()


async def age(api: Api, integration_id: str, left: str) -> None:
    """Leaves an access token so long to live."""
    async with api.parts.database.single() as connection:
        statement = (
            "UPDATE oauth_tokens SET expires_at = now() + %s::interval, updated_at = now() - interval '1 hour' "
            "WHERE integration_id = %s"
        )
        await connection.exec_driver_sql(statement, (left, integration_id))


async def test_many_workers_refresh_once(api: Api, stub: Any, service: Service, module_postgres_url: str) -> None:
    service.provider.authentication = "client_secret_post"
    made = await create(stub, "oauth2", service.fields())
    await consented(stub, service, made)
    await age(api, made.id, "-1 minute")
    service.provider.grants.clear()
    service.provider.delay = 0.2
    async with Database(module_postgres_url) as one, Database(module_postgres_url) as other:
        http = Egress(EgressPolicy.parse("127.0.0.1"))
        workers = [Integrations(database, read_keys(SECRET_KEY), http) for database in (one, other)]
        opened = await asyncio.gather(*(worker.open("ada", made.id, (OAUTH2,)) for worker in workers * 10))
        await http.close()
    service.provider.delay = 0
    assert service.provider.grants == ["refresh_token"]
    assert len({credential.access_token for credential in opened}) == 1


async def test_a_service_that_is_away_does_not_stop_a_token_that_still_works(
    api: Api, stub: Any, service: Service
) -> None:
    made = await create(stub, "oauth2", service.fields())
    await consented(stub, service, made)
    token = await opened_token(api, made.id)
    request = pb.UpdateIntegrationRequest(integration_id=made.id, user_id="ada")
    async with api.parts.database.single() as connection:
        row = (
            await connection.exec_driver_sql("SELECT * FROM oauth_tokens WHERE integration_id = %s", (made.id,))
        ).one()
    # Its token endpoint is gone; the tokens, which a change drops, are put back.
    request.fields.update({"token_url": "http://127.0.0.1:9/token", "client_secret": CLIENT_SECRET})
    await stub.UpdateIntegration(request)
    with pytest.raises(PermanentError, match="nobody has authorised"):
        await opened_token(api, made.id)
    async with api.parts.database.single() as connection:
        columns = "id, integration_id, access_token, refresh_token, scopes, expires_at"
        values = (row.id, row.integration_id, row.access_token, row.refresh_token, row.scopes, row.expires_at)
        await connection.exec_driver_sql(
            f"INSERT INTO oauth_tokens ({columns}) VALUES (%s, %s, %s, %s, %s, %s)", values
        )
    await age(api, made.id, "20 seconds")
    assert await opened_token(api, made.id) == token
    await age(api, made.id, "-1 second")
    with pytest.raises(RetryableError):
        await opened_token(api, made.id)


async def test_a_client_gets_tokens_for_itself(api: Api, stub: Any, service: Service) -> None:
    fields = service.fields(authorize_url="", token_url=f"{service.url}/own-token")
    made = await create(stub, "oauth2", fields)
    assert made.authorization == pb.AUTHORIZATION_NOT_NEEDED
    assert await opened_token(api, made.id) in service.provider.access_tokens
    tested = await stub.TestIntegration(pb.TestIntegrationRequest(integration_id=made.id, user_id="ada"))
    assert tested.ok
    started = stub.StartAuthorization(
        pb.StartAuthorizationRequest(integration_id=made.id, user_id="ada", redirect_uri=REDIRECT)
    )
    assert (await refusal(started))[:2] == (grpc.StatusCode.FAILED_PRECONDITION, "NOT_INTERACTIVE")


async def test_a_refusal_names_the_reason_without_the_secret(api: Api, stub: Any, service: Service) -> None:
    fields = service.fields(authorize_url="", token_url=f"{service.url}/own-token", client_secret=TOKEN)
    made = await create(stub, "oauth2", fields)
    tested = await stub.TestIntegration(pb.TestIntegrationRequest(integration_id=made.id, user_id="ada"))
    assert (tested.ok, tested.code) == (False, "CREDENTIAL_REFUSED")
    assert "invalid_client: wrong secret [redacted]" in tested.message


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"user_id": "eve"}, "UNKNOWN_STATE"),
        ({"state": "guessed"}, "UNKNOWN_STATE"),
        ({"code": "", "error": "access_denied"}, "AUTHORIZATION_REFUSED"),
        ({"code": "guessed"}, "AUTHORIZATION_REFUSED"),
    ],
)
async def test_a_consent_is_its_users_and_nobody_elses(
    stub: Any, service: Service, changes: dict[str, str], reason: str
) -> None:
    made = await create(stub, "oauth2", service.fields())
    asked = await stub.StartAuthorization(
        pb.StartAuthorizationRequest(integration_id=made.id, user_id="ada", redirect_uri=REDIRECT)
    )
    given = {"user_id": "ada", "state": asked.state, "code": "c"} | changes
    assert (await refusal(stub.CompleteAuthorization(pb.CompleteAuthorizationRequest(**given))))[1] == reason


@pytest.mark.parametrize(
    "uri", ["", "http://example.com/back", "javascript:alert(1)", "https://u:p@a.b/", "https://a.b/#c"]
)
async def test_redirects_go_to_protected_addresses(stub: Any, service: Service, uri: str) -> None:
    made = await create(stub, "oauth2", service.fields())
    request = pb.StartAuthorizationRequest(integration_id=made.id, user_id="ada", redirect_uri=uri)
    assert (await refusal(stub.StartAuthorization(request)))[1] == "INVALID_REDIRECT_URI"


def test_no_message_has_a_place_for_a_secret() -> None:
    """Answers hold integrations, types and results of tests; only requests and `fields` hold what users fill in."""
    file = pb.DESCRIPTOR
    for name, message in file.message_types_by_name.items():
        if name.endswith("Response"):
            assert not {field.name for field in message.fields} & {
                "fields",
                "secret",
                "token",
                "password",
                "code_verifier",
            }
    assert workflow_pb2.DESCRIPTOR.package == file.package
