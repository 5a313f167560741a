"""Sends mail through a server, at an address that the egress policy allows."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from aiosmtplib import SMTP
from aiosmtplib.errors import (
    SMTPAuthenticationError,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from nodes.errors import NodeError, PermanentError, RetryableError
from nodes.http.egress import Egress
from nodes.mail.account import MailAccount
from nodes.mail.message import Mail
from nodes.mail.refusal import Refusal, auth_error, refused_error, response_error, tls_error

T = TypeVar("T")


@dataclass
class Delivery:
    """What the server said: whom it takes the mail for, whom not."""

    message_id: str
    accepted: list[str] = field(default_factory=list)
    rejected: list[Refusal] = field(default_factory=list)
    response: str = ""


async def send(
    http: Egress, account: MailAccount, mail: Mail, *, timeout: float = 60.0, partly: bool = False
) -> Delivery:
    """Hands a mail to the account's server; NodeError says what was refused, and by which server.

    Unless `partly`, nobody gets the mail if the server refuses one of its recipients.
    """
    if not account.smtp_host:
        raise PermanentError(
            "the mail account names no server to send through",
            code="INVALID_CREDENTIAL",
            hint='fill in "smtp_host" of the integration',
        )
    server = f"{account.smtp_host}:{account.smtp_port}"
    async with _within(timeout, f"{server}: the mail wasn't taken"):
        return await _Session(http, account, server).deliver(mail, partly)


async def log_in(http: Egress, account: MailAccount, *, timeout: float = 30.0) -> str:
    """Tries the account out, without sending anything; NodeError if the server doesn't let it in."""
    server = f"{account.smtp_host}:{account.smtp_port}"
    async with _within(timeout, f"{server}: no answer to the login"):
        await _Session(http, account, server).close_again()
    return f"{server} takes it" if account.username else f"{server} answers; there is no user name to log in with"


@asynccontextmanager
async def _within(timeout: float, what: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(timeout):
            yield
    except TimeoutError:
        raise RetryableError(f"{what} within {timeout:g} s", code="TIMEOUT", hint='raise "timeout" or retry') from None


class _Session:
    """One connection to one server."""

    def __init__(self, http: Egress, account: MailAccount, server: str) -> None:
        self._http = http
        self._account = account
        self._server = server

    async def deliver(self, mail: Mail, partly: bool) -> Delivery:
        client = await self._opened()
        try:
            return await self._hand_over(client, mail, partly)
        finally:
            # Whatever QUIT gets for an answer, the mail is out or refused by now.
            client.close()

    async def close_again(self) -> None:
        (await self._opened()).close()

    async def _opened(self) -> SMTP:
        account, context = self._account, None
        if account.smtp_security != "none":
            context = await asyncio.to_thread(ssl.create_default_context)
        client = SMTP(
            hostname=account.smtp_host,
            sock=await self._http.connect(account.smtp_host, account.smtp_port),
            local_hostname=_own_name(),
            timeout=None,
            use_tls=account.smtp_security == "tls",
            start_tls=account.smtp_security == "starttls",
            tls_context=context,
        )
        await self._asked(client.connect())
        if account.username:
            try:
                await self._asked(client.login(account.username, account.password.get_secret_value()))
            except BaseException:
                client.close()
                raise
        return client

    async def _hand_over(self, client: SMTP, mail: Mail, partly: bool) -> Delivery:
        delivery = Delivery(str(mail.message["Message-ID"]))
        content = mail.message.as_bytes()
        if client.is_ehlo_or_helo_needed:
            await self._asked(client.ehlo())
        if mail.needs_utf8 and not client.supports_extension("smtputf8"):
            raise PermanentError(
                f"{self._server}: takes no addresses with letters other than ASCII",
                code="MAIL_REFUSED",
                hint="use another address, or a server that supports SMTPUTF8",
            )
        options = [f"SIZE={len(content)}"] if client.supports_extension("size") else []
        encoding = "utf-8" if mail.needs_utf8 else "ascii"
        await self._asked(
            client.mail(mail.sender, options=[*options, *(["SMTPUTF8"] if mail.needs_utf8 else [])], encoding=encoding)
        )
        for recipient in mail.recipients:
            await self._offer(client, recipient, encoding, delivery)
        if delivery.rejected and not (partly and delivery.accepted):
            await self._asked(client.rset())
            raise refused_error(self._server, delivery.rejected)
        answer = await self._asked(client.data(content))
        delivery.response = f"{answer.code} {answer.message}"
        return delivery

    async def _offer(self, client: SMTP, recipient: str, encoding: str, delivery: Delivery) -> None:
        try:
            await client.rcpt(recipient, encoding=encoding)
        except SMTPRecipientRefused as refused:
            delivery.rejected.append(Refusal(recipient, refused.code, refused.message))
        except (SMTPException, OSError) as error:
            raise self._sorted(error) from None
        else:
            delivery.accepted.append(recipient)

    async def _asked(self, asking: Awaitable[T]) -> T:
        try:
            return await asking
        except (SMTPException, OSError) as error:
            raise self._sorted(error) from None

    def _sorted(self, error: Exception) -> NodeError:
        broken = tls_error(self._server, error)
        if broken is not None:
            return broken
        if isinstance(error, SMTPAuthenticationError):
            return auth_error(self._server, error.code, error.message)
        if isinstance(error, SMTPResponseException):
            return response_error(self._server, error.code, error.message)
        if isinstance(error, SMTPServerDisconnected | SMTPTimeoutError | OSError):
            return RetryableError(f"{self._server}: {str(error)[:300]}", code="CONNECTION_FAILED", hint="retry")
        hint = "correct the mail account, or use a server that supports it"
        code = "MAIL_REFUSED" if isinstance(error, SMTPNotSupported) else "MAIL_SERVER"
        return PermanentError(f"{self._server}: {str(error)[:300]}", code=code, hint=hint)


def _own_name() -> str:
    name = socket.gethostname()
    return name if "." in name and name.isascii() else "[127.0.0.1]"
