"""Debian's Dovecot as a test's own IMAP server."""

import getpass
import grp
import imaplib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
first_valid_uid = 1
mail_location = maildir:{folder}/mail/%u
default_internal_user = {user}
default_login_user = {user}
passdb {{
  driver = static
  args = password=s3cret
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/mail/%u
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {plain}
  }}
  inet_listener imaps {{
    port = {tls}
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


@dataclass(frozen=True)
class Dovecot:
    """Where it listens, and its certificate and mailboxes."""

    plain: int
    tls: int
    certificate: Path
    folder: Path

    def client(self, user: str = "ann") -> imaplib.IMAP4:
        """A connection of a user's."""
        found = imaplib.IMAP4("127.0.0.1", self.plain, timeout=10)
        found.login(user, "s3cret")
        return found


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


@contextmanager
def running() -> Iterator[Dovecot]:
    """A running Dovecot with empty mailboxes; every user's password is s3cret."""
    folder = Path(tempfile.mkdtemp(prefix="dovecot-", dir="/tmp"))
    # It refuses to read root's mail; Debian has a user for that.
    user = "mail" if os.geteuid() == 0 else getpass.getuser()
    (folder / "mail").mkdir()
    folder.chmod(0o755)
    shutil.chown(folder / "mail", user)
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *files, *subject],
        check=True,
        capture_output=True,
    )
    server = Dovecot(free_port(), free_port(), folder / "cert.pem", folder)
    group = grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name
    configuration = folder / "dovecot.conf"
    configuration.write_text(
        CONFIGURATION.format(folder=folder, user=user, group=group, plain=server.plain, tls=server.tls)
    )
    process = subprocess.Popen(["dovecot", "-F", "-c", str(configuration)])
    try:
        _wait(server, process)
        yield server
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder)


def _wait(server: Dovecot, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            imaplib.IMAP4("127.0.0.1", server.plain, timeout=5).shutdown()
            return
        except OSError:
            assert process.poll() is None, "Dovecot ended"
            assert time.monotonic() < deadline, "Dovecot doesn't start"
            time.sleep(0.1)
