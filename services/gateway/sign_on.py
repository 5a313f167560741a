"""What the gateway needs of signing in by an OpenID provider."""

from datetime import datetime
from typing import Protocol


class Begun(Protocol):
    """Where to send the browser, and what its answer must bring back."""

    @property
    def url(self) -> str:
        """The provider's page."""

    @property
    def state(self) -> str:
        """The browser keeps it in a cookie: nobody else's may finish."""


class Given(Protocol):
    """The tokens of a session."""

    @property
    def access_token(self) -> str:
        """The access token."""

    @property
    def refresh_token(self) -> str:
        """The refresh token."""

    @property
    def refresh_expires_at(self) -> datetime:
        """When the session ends at the latest."""


class SignedIn(Protocol):
    """Somebody whom the provider vouched for."""

    @property
    def tokens(self) -> Given:
        """Their session's."""


class SignOn(Protocol):
    """The authorisation code with PKCE; `services.identity.oidc` does it."""

    @property
    def configured(self) -> bool:
        """Whether people can sign in so."""

    async def begin(self, redirect_uri: str) -> Begun:
        """A sign-in whose answer is to come to `redirect_uri`."""

    async def finish(self, state: str, code: str, error: str = "") -> SignedIn:
        """Tokens for what the redirect brought."""
