"""The permission table is total, and holds for every method and role."""

from typing import Any

import pytest
from workflow_engine.v1 import auth_pb2, human_task_pb2, integration_pb2, workflow_service_pb2

from services.identity.caller import Role
from services.identity.permissions import OURS, TABLE, Access, allowed
from services.rpc.server import SERVICES
from tests.services.identity.conftest import Code, Guarded, Person, refused

DESCRIPTORS = [
    service
    for module in (auth_pb2, human_task_pb2, integration_pb2, workflow_service_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
]


def test_the_table_names_every_method_and_no_other() -> None:
    served = {f"/{service.full_name}/{method.name}" for service in DESCRIPTORS for method in service.methods}
    assert {name for name in TABLE if name.startswith("/workflow_engine.")} == served
    assert {service.full_name for service in DESCRIPTORS} == set(OURS) == set(SERVICES)


def test_only_signing_in_health_and_reflection_are_for_anybody() -> None:
    public = {name.rpartition("/")[2] for name, need in TABLE.items() if need is Access.PUBLIC}
    assert public == {"SignIn", "RefreshToken", "Check", "Watch", "List", "ServerReflectionInfo"}


def test_roles_include_those_after_them() -> None:
    roles = list(Role)
    for place, role in enumerate(roles):
        assert [role.includes(other) for other in roles] == [index >= place for index in range(len(roles))]
        assert set(allowed(role)) >= {name for other in roles[place:] for name in allowed(other)}
    assert Role.EDITOR.lesser(Role.VIEWER) is Role.VIEWER
    assert Role.EDITOR.lesser(Role.OWNER) is Role.EDITOR


@pytest.fixture(scope="module")
async def people(guarded: Guarded) -> dict[Role, Person]:
    """One of each role."""
    return {role: await guarded.person("roles", role) for role in Role}


def method_of(guarded: Guarded, service: Any, method: Any) -> Any:
    return getattr(guarded.stubs[service.name], method.name)


@pytest.mark.parametrize("role", list(Role))
async def test_each_role_may_call_what_the_table_says(guarded: Guarded, people: dict[Role, Person], role: Role) -> None:
    for service in DESCRIPTORS:
        for method in service.methods:
            need = TABLE[f"/{service.full_name}/{method.name}"]
            if isinstance(need, Access) or role.includes(need):
                continue
            call = method_of(guarded, service, method)(
                method.input_type._concrete_class(), metadata=people[role].metadata
            )
            answer = call.read() if method.server_streaming else call
            assert await refused(answer) == (Code.PERMISSION_DENIED, "PERMISSION_DENIED"), method.full_name


async def test_nobody_gets_in_without_signing_in(guarded: Guarded) -> None:
    for service in DESCRIPTORS:
        for method in service.methods:
            if TABLE[f"/{service.full_name}/{method.name}"] is Access.PUBLIC:
                continue
            call = method_of(guarded, service, method)(method.input_type._concrete_class())
            answer = call.read() if method.server_streaming else call
            assert await refused(answer) == (Code.UNAUTHENTICATED, "SIGN_IN_FIRST"), method.full_name


async def test_who_am_i_tells_the_methods(guarded: Guarded, people: dict[Role, Person]) -> None:
    for role, person in people.items():
        answer = await guarded.auth.WhoAmI(auth_pb2.WhoAmIRequest(), metadata=person.metadata)
        assert list(answer.methods) == allowed(role)
        assert (answer.user.id, answer.user.email, answer.local) == (person.id, person.email, False)
        assert (answer.workspace.id, auth_pb2.Role.Name(answer.workspace.role)) == ("roles", role)


async def test_health_is_for_anybody(guarded: Guarded) -> None:
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    answer = await health_pb2_grpc.HealthStub(guarded.channel).Check(health_pb2.HealthCheckRequest())
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
