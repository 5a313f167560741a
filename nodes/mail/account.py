"""The mail account that nodes send and read mail with."""

from typing import Literal

from pydantic import Field, SecretStr

from nodes.credentials.credential import Credential, CredentialFields, CredentialType
from nodes.http.egress import Egress

Security = Literal["tls", "starttls", "none"]


class MailAccount(CredentialFields):
    """What a mail account is."""

    username: str = Field(default="", description="The user name at both servers; empty sends without a login.")
    password: SecretStr = Field(default=SecretStr(""), description="The password, or an app password.")
    smtp_host: str = Field(default="", description="The server that mail is sent through.")
    smtp_port: int = Field(default=587, ge=1, le=65535, description="Its port: 587 for starttls, 465 for tls.")
    smtp_security: Security = Field(
        default="starttls", description="TLS from the start, TLS by STARTTLS, or none: then anyone between can read."
    )
    imap_host: str = Field(default="", description="The server that mail is read from.")
    imap_port: int = Field(default=993, ge=1, le=65535, description="Its port: 993 for tls, 143 for starttls.")
    imap_security: Security = Field(
        default="tls", description="TLS from the start, TLS by STARTTLS, or none: then anyone between can read."
    )
    from_address: str = Field(default="", description="Whom mail is from, unless the node says otherwise.")


async def _check(credential: Credential, http: Egress) -> str:
    # What logs in needs the account's type, so it can't be known here before.
    from nodes.mail.smtp import log_in

    assert isinstance(credential.fields, MailAccount)
    if not credential.fields.smtp_host:
        return "it can be opened; it names no server to send through, so nobody was asked"
    return await log_in(http, credential.fields)


MAIL_ACCOUNT = CredentialType("mail_account", "mail account (SMTP and IMAP)", MailAccount, check=_check)
