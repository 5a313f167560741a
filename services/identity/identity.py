"""All that has to do with who calls: the parts, put together from settings."""

import secrets
from datetime import timedelta
from urllib.parse import urlsplit

from nodes.http.egress import Egress
from nodes.http.policy import EgressPolicy
from services.identity.authenticator import Authenticator
from services.identity.cache import Cache
from services.identity.caller import Role
from services.identity.keys import ApiKeys
from services.identity.membership import Memberships
from services.identity.oidc import Newcomers, Oidc
from services.identity.provider import Provider
from services.identity.signing_in import SigningIn
from services.identity.tokens import AccessTokens
from services.rates import SharedRates
from services.redis import RedisLink
from services.settings import Settings
from services.store.engine import Database
from services.store.identity.principals import CHANNEL
from services.store.keyring import read_keys
from services.store.listen import Listener


class Identity:
    """`gateway_token` is what this process's own gateway shows with its calls, so that its word counts."""

    def __init__(
        self, settings: Settings, database: Database, listener: Listener, redis: RedisLink | None = None, *, local: bool
    ) -> None:
        secret = settings.secret_key
        keys = read_keys(secret.get_secret_value()) if secret else None
        self.local = local
        self.gateway_token = secrets.token_urlsafe(32)
        self.database = database
        cache = Cache()
        listener.hear(CHANNEL, cache.forget)
        lasts = timedelta(minutes=settings.jwt_expire_minutes)
        tokens = AccessTokens(keys, settings.jwt_algorithm, lasts) if keys else None
        self.authenticator = Authenticator(database, tokens, cache, self.gateway_token, local=local)
        days = timedelta(days=settings.orchestrator_session_days)
        self.signing_in = SigningIn(database, tokens, cache, days, SharedRates(database, redis))
        self.memberships = Memberships(database, cache, self.signing_in.passwords)
        self.api_keys = ApiKeys(database, cache)
        self._http, provider = _provider(settings)
        self.oidc = Oidc(database, provider, self.signing_in, keys, _newcomers(settings))

    async def close(self) -> None:
        """Closes connections to the OpenID provider."""
        if self._http:
            await self._http.close()


def _provider(settings: Settings) -> tuple[Egress | None, Provider | None]:
    issuer = settings.orchestrator_oidc_issuer
    if not issuer:
        return None, None
    # The operator names the provider: it may be where nodes may not connect to.
    allowed = [entry for entry in settings.orchestrator_egress_allow.split(",") if entry.strip()]
    http = Egress(EgressPolicy.parse([*allowed, urlsplit(issuer).hostname or ""]))
    secret = settings.orchestrator_oidc_client_secret
    client_secret = secret.get_secret_value() if secret else ""
    return http, Provider(http, issuer, settings.orchestrator_oidc_client_id, client_secret)


def _newcomers(settings: Settings) -> Newcomers:
    role = settings.orchestrator_oidc_role
    return Newcomers(Role(role) if role else None, settings.orchestrator_oidc_workspace)
