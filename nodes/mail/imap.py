"""Searches a mailbox by IMAP, at an address that egress checked."""

import asyncio
import imaplib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from imap_tools import BaseMailBox, ImapToolsError, MailMessage
from imap_tools.errors import MailboxFolderSelectError, MailboxLoginError, UnexpectedCommandStatusError

from nodes.errors import NodeError, PermanentError, RetryableError
from nodes.mail.criteria import Criteria, check_text

LARGEST_MESSAGE = 25 * 1024 * 1024
_LARGEST_LITERAL = 2 * LARGEST_MESSAGE
CHARSET = "UTF-8"
T = TypeVar("T")


@dataclass(frozen=True)
class ImapAccount:
    """Where a mailbox is, and who asks; `addresses` are the host's, checked."""

    host: str
    port: int
    username: str
    password: str = field(repr=False)
    addresses: Sequence[str]
    security: Literal["tls", "starttls", "none"] = "tls"


@dataclass(frozen=True)
class Found:
    """One message; its content is left out if it is larger than a message may be."""

    message: MailMessage
    complete: bool


async def search(account: ImapAccount, mailbox: str, criteria: Criteria, limit: int, timeout: float) -> list[Found]:
    """The newest messages that fit, newest first; they stay as they are, seen or unseen."""
    command = criteria.command()
    check_text("mailbox", mailbox)

    def read(box: "MailBox") -> list[Found]:
        box.folder.set(mailbox, readonly=True)
        uids = list(reversed(box.uids(command, CHARSET)))[:limit]
        return list(read_messages(box, uids))

    return await in_mailbox(account, read, timeout)


def read_messages(box: "MailBox", uids: Sequence[str]) -> Iterator[Found]:
    """The messages with these UIDs, those that are gone left out."""
    for uid in uids:
        # One more look at the headers costs less than a message that doesn't fit into memory.
        for heading in box.fetch(uid_list=[uid], headers_only=True, mark_seen=False):
            if heading.size_rfc822 > LARGEST_MESSAGE:
                yield Found(heading, complete=False)
                continue
            for message in box.fetch(uid_list=[uid], mark_seen=False):
                yield Found(message, complete=True)


async def in_mailbox(account: ImapAccount, work: Callable[["MailBox"], T], timeout: float) -> T:
    """What blocking work gives on a connection of its own; NodeError says what went wrong."""
    connection = _Connection(account, timeout)
    try:
        async with asyncio.timeout(timeout):
            return await asyncio.to_thread(connection.use, work)
    except TimeoutError:
        raise RetryableError(
            f"{connection.what}: no complete answer within {timeout:g} s", code="TIMEOUT", hint="retry, or ask for less"
        ) from None
    finally:
        # Ends the thread of a call that was given up.
        connection.abort()


class _Connection:
    """One use of a mailbox, that another thread may break off."""

    def __init__(self, account: ImapAccount, timeout: float) -> None:
        self.what = f"the IMAP server {account.host}:{account.port}"
        self._account = account
        self._timeout = timeout
        self._socket: socket.socket | None = None
        self._over = threading.Event()

    def abort(self) -> None:
        """Closes the connection; what still uses it fails."""
        self._over.set()
        if self._socket is not None:
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                self._socket.close()

    def use(self, work: Callable[["MailBox"], T]) -> T:
        """What `work` gives with the mailbox; NodeError says what went wrong."""
        for name, value in (("username", self._account.username), ("password", self._account.password)):
            check_text(name, value)
        try:
            box = MailBox(self._account, self._connect)
            try:
                self._login(box)
                return work(box)
            finally:
                box.client.shutdown()
        except (OSError, ImapToolsError, imaplib.IMAP4.error, ValueError) as error:
            raise self._meaning(error) from None

    def _connect(self) -> socket.socket:
        failure: OSError = OSError("the name has no address")
        for address in self._account.addresses:
            try:
                self._socket = socket.create_connection((address, self._account.port), self._timeout)
            except OSError as error:
                failure = error
                continue
            if self._over.is_set():
                self._socket.close()
                break
            return self._socket
        raise failure

    def _login(self, box: "MailBox") -> None:
        given = self._account
        if (given.username + given.password).isascii():
            box.login(given.username, given.password, initial_folder=None)
            return
        try:
            box.login_utf8(given.username, given.password, initial_folder=None)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:
            raise _Refused(str(error)) from None

    def _meaning(self, error: Exception) -> NodeError:
        said = _said(error)
        if isinstance(error, ssl.SSLCertVerificationError):
            return PermanentError(
                f"{self.what}: the server's certificate isn't valid: {error.verify_message}", code="TLS"
            )
        if isinstance(error, MailboxLoginError | _Refused):
            return PermanentError(
                f"{self.what} refuses the credential{said}",
                code="CREDENTIAL_REJECTED",
                hint="correct the user name and password; some providers want a password made for applications",
            )
        if isinstance(error, MailboxFolderSelectError):
            return PermanentError(f"{self.what} has no such mailbox{said}", code="UNKNOWN_MAILBOX")
        if isinstance(error, TimeoutError):
            return RetryableError(f"{self.what} doesn't answer in time", code="TIMEOUT")
        if isinstance(error, OSError | imaplib.IMAP4.abort) or "* BYE" in str(error):
            reason = str(error)[:200] or "the connection broke off"
            return RetryableError(f"{self.what}: {reason}", code="CONNECTION_FAILED")
        if isinstance(error, UnexpectedCommandStatusError | imaplib.IMAP4.error):
            return PermanentError(f"{self.what} refuses the search{said}", code="IMAP_ERROR")
        return PermanentError(f"{self.what}: can't be read: {str(error)[:200]}", code="INVALID_RESPONSE")


class _Refused(ImapToolsError):
    """The server took neither user name nor password."""


def _said(error: Exception) -> str:
    if isinstance(error, UnexpectedCommandStatusError):
        lines = [line.decode("utf-8", "replace") for line in error.command_result[1] if isinstance(line, bytes)]
        text = " ".join(lines)[:200]
    else:
        text = str(error)[:200]
    return f": {text}" if text else ""


class MailBox(BaseMailBox):
    """A mailbox over a socket that somebody else connects."""

    def __init__(self, account: ImapAccount, connect: Callable[[], socket.socket]) -> None:
        self._account = account
        self._connect = connect
        super().__init__()

    def _get_mailbox_client(self) -> imaplib.IMAP4:
        client = _Client(self._account, self._connect)
        if self._account.security == "starttls":
            client.starttls(ssl_context=ssl.create_default_context())
        return client


class _Client(imaplib.IMAP4):
    """IMAP over a given socket; the certificate is checked against the host's name, and literals have a limit."""

    def __init__(self, account: ImapAccount, connect: Callable[[], socket.socket]) -> None:
        self._tls = account.security == "tls"
        self._dial = connect
        super().__init__(account.host, account.port)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        plain = self._dial()
        return ssl.create_default_context().wrap_socket(plain, server_hostname=self.host) if self._tls else plain

    def read(self, size: int) -> bytes:
        """Bytes of a literal; ValueError if the server announces too many."""
        if size > _LARGEST_LITERAL:
            raise ValueError(f"it announces {size} bytes at once")
        return super().read(size)
