"""What `orchestrator sign-in`, `sign-out` and `whoami` do."""

import getpass
import sys

import grpc
from workflow_engine.v1 import auth_pb2 as wire
from workflow_engine.v1.auth_pb2_grpc import AuthServiceStub

from services.cli import session
from services.cli.console import fields
from services.cli.failure import Exit, Failure, plain, print_json
from services.cli.server import TIMEOUT, address, connected_to_auth, unsigned


async def sign_in(email: str, from_stdin: bool) -> Exit:
    """Begin a session, and keep it for the commands that follow."""
    password, target = read_password("Password: ", from_stdin), address()
    async with unsigned(target) as channel:
        request = wire.SignInRequest(email=email, password=password)
        answer = await AuthServiceStub(channel).SignIn(request, timeout=TIMEOUT)
    session.keep(target, session.kept_from(answer.user.email, answer.tokens))
    where = ", ".join(f"{each.id} ({wire.Role.Name(each.role)})" for each in answer.workspaces) or "none"
    print(plain(f"Signed in at {target} as {answer.user.email}. Workspaces: {where}"))
    return Exit.OK


async def sign_out() -> Exit:
    """End the session, there and here."""
    target = address()
    if session.find(target) is None:
        raise Failure(f"nobody is signed in at {target}", "NO_SESSION")
    async with unsigned(target) as channel:
        kept = await session.fresh(target, channel)
        if kept is not None:
            carried = (("authorization", f"Bearer {kept.access_token}"),)
            try:
                await AuthServiceStub(channel).SignOut(wire.SignOutRequest(), timeout=TIMEOUT, metadata=carried)
            except grpc.aio.AioRpcError as error:
                # A session that has ended already needs no end.
                if error.code() != grpc.StatusCode.UNAUTHENTICATED:
                    raise
    session.keep(target, None)
    print(plain(f"Signed out at {target}."))
    return Exit.OK


async def whoami(as_json: bool) -> Exit:
    """Show who the commands call as."""
    async with connected_to_auth(address()) as stub:
        found = await stub.WhoAmI(wire.WhoAmIRequest(), timeout=TIMEOUT)
    role = wire.Role.Name(found.workspace.role) if found.HasField("workspace") else ""
    shown = {
        "user_id": found.user.id,
        "email": found.user.email,
        "workspace": found.workspace.id,
        "role": role,
        "workspaces": [each.id for each in found.workspaces],
        "local": found.local,
    }
    if as_json:
        print_json(shown)
        return Exit.OK
    user = "whoever uses this machine" if found.local else found.user.email
    fields([("user", user), ("id", found.user.id), ("workspace", found.workspace.id), ("role", role)])
    return Exit.OK


def read_password(prompt: str, from_stdin: bool) -> str:
    """A password that is typed unseen, or the first line of the standard input."""
    typed = sys.stdin.isatty() and not from_stdin
    password = getpass.getpass(prompt) if typed else sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise Failure("the password is empty; type it, or give it on the standard input", "NO_PASSWORD")
    return password
