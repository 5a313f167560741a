"""What the processes of the sandbox can still do."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from nodes.sandbox import bubblewrap
from nodes.sandbox.bubblewrap import IsolationError
from nodes.sandbox.pool import Pool
from nodes.sandbox.process import Program, SandboxUnavailable, WorkerDied, WorkerOverflow, WorkerTimeout, launch

PROBE = Program("probe", folders=(Path(__file__).parent,), open_files=8)
LINUX = sys.platform == "linux"


async def ask(question: str, program: Program = PROBE, **limits: Any) -> str:
    worker = await launch(program, "process")
    try:
        worker.send([question.encode()])
        (answer,) = await worker.receive(limits.get("timeout", 5.0), limits.get("limit", 1 << 20))
        return answer.decode()
    finally:
        worker.kill()


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("environment", "[]"),
        ("fork", "OSError" if os.getuid() else "BlockingIOError"),
        ("write", "OSError"),
        ("many files", "OSError"),
        ("core", "(0, 0)"),
        ("new privileges", "1" if LINUX else "0"),
    ],
)
async def test_a_process_is_limited(question: str, answer: str) -> None:
    found = await ask(question)
    assert found == answer or (question == "fork" and found in ("BlockingIOError", "PermissionError"))


async def test_a_process_sees_no_network_and_no_files() -> None:
    worker = await launch(PROBE, "process")
    boundaries = worker.boundaries
    worker.kill()
    assert "limits" in boundaries
    if "network" in boundaries:
        assert await ask("connect") == "OSError"
    if "files" in boundaries:
        assert await ask("list") in ("[]", "OSError")
    if "user" in boundaries:
        assert await ask("user") == "65534"


async def test_no_inherited_descriptors(tmp_path: Path) -> None:
    with (tmp_path / "secret").open("w") as secret:
        os.set_inheritable(secret.fileno(), True)
        assert await ask("descriptors") == "4"


async def test_hard_limits_of_the_exchange() -> None:
    with pytest.raises(WorkerTimeout):
        await ask("hang", timeout=0.3)
    with pytest.raises(WorkerOverflow):
        await ask("large", limit=1000)
    with pytest.raises(WorkerDied, match="status 3"):
        await ask("exit")
    with pytest.raises((WorkerOverflow, WorkerDied)):
        await ask("garbage", timeout=5)


async def test_a_program_that_cannot_start_says_why() -> None:
    with pytest.raises(SandboxUnavailable, match="ModuleNotFoundError"):
        await launch(Program("no_such_program"), "process")


async def test_a_pool_lends_no_more_than_it_has() -> None:
    pool = Pool(PROBE, size=1, isolation="process")
    try:
        async with pool.worker() as first:
            pid = first.pid
        async with pool.worker() as second:
            assert second.pid == pid
        with pytest.raises(RuntimeError):
            async with pool.worker():
                raise RuntimeError
        async with pool.worker() as third:
            assert third.pid != pid
    finally:
        await pool.close()
    with pytest.raises(SandboxUnavailable):
        async with pool.worker():
            pass


def test_bubblewrap_is_used_where_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bubblewrap, "works", lambda: True)
    assert [bubblewrap.wanted(kind) for kind in ("auto", "bwrap", "process")] == [True, True, False]  # type: ignore[arg-type]
    monkeypatch.setattr(bubblewrap, "works", lambda: False)
    assert bubblewrap.wanted("auto") is False
    with pytest.raises(IsolationError) as caught:
        bubblewrap.wanted("bwrap")
    assert caught.value.hint


def test_bubblewrap_shows_only_what_is_needed() -> None:
    command = bubblewrap.prefix([Path("/srv/engine.so")])
    assert {"--unshare-all", "--clearenv", "--die-with-parent", "--cap-drop"} <= set(command)
    assert command[command.index("/srv/engine.so") - 1] == "--ro-bind"
    assert not {"/", "/etc", "/home", "/root", "/tmp", "/var"} & set(command)
