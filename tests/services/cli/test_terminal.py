"""What only a terminal gets: live progress while a run is on, and colours."""

import os
import pty
import select
import subprocess


def in_terminal(process: "subprocess.Popen[bytes]", terminal: int) -> str:
    """All that the process writes to the terminal until it ends."""
    written = b""
    while process.poll() is None or select.select([terminal], [], [], 0.2)[0]:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                written += os.read(terminal, 65536)
            except OSError:  # the last writer has gone
                break
    return written.decode()


def test_shows_progress_and_colours(cli, write, made) -> None:
    file = write("live", made("Nap [red]", "WAIT", {"mode": "duration", "duration": "2s"}))
    terminal, other_end = pty.openpty()
    environment = cli.environment() | {"TERM": "xterm-256color", "COLUMNS": "100"}
    process = subprocess.Popen(
        cli.command("run", file), env=environment, stdin=other_end, stdout=other_end, stderr=other_end
    )
    os.close(other_end)
    written = in_terminal(process, terminal)
    os.close(terminal)
    assert process.wait(30) == 0, written
    assert "WAITING" in written
    assert "Nap [red]" in written
    assert "\x1b[32mCOMPLETED" in written
    assert "Traceback" not in written
