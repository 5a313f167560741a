"""Signing in by an OpenID provider: the authorisation code with PKCE, a state, and a nonce."""

from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from sqlalchemy.ext.asyncio import AsyncSession

from nodes.credentials.filling import is_protected
from nodes.credentials.oauth2 import new_secret
from services.errors import Forbidden, ServiceError, invalid, precondition
from services.identity.caller import Role, current_caller
from services.identity.provider import Identified, Provider
from services.identity.signing_in import SignedIn, SigningIn
from services.store.audit import audit
from services.store.engine import Database
from services.store.identity import logins, members, sessions, users
from services.store.identity.logins import Login
from services.store.keyring import KeyRing, Unsealable, no_keys
from services.store.tables import User

_LONGEST = 8192


@dataclass(frozen=True)
class Begun:
    """Where to send the user's browser. Keep the state in a cookie of it: nobody else's browser may finish."""

    url: str
    state: str
    expires_at: datetime


@dataclass(frozen=True)
class Newcomers:
    """What becomes of users who come for the first time; without a role they are refused."""

    role: Role | None = None
    workspace: str = "default"


class Oidc:
    """Begins sign-ins and finishes them; `provider` is None where the operator has set none."""

    def __init__(
        self,
        database: Database,
        provider: Provider | None,
        signing_in: SigningIn,
        keys: KeyRing | None,
        newcomers: Newcomers,
    ) -> None:
        self._database = database
        self._provider = provider
        self._signing_in = signing_in
        self._keys = keys
        self._newcomers = newcomers

    @property
    def configured(self) -> bool:
        """Whether people can sign in so."""
        return self._provider is not None and self._keys is not None

    async def begin(self, redirect_uri: str) -> Begun:
        """A sign-in whose answer is to come to `redirect_uri`."""
        provider, keys = self._needed()
        if len(redirect_uri) > _LONGEST or not is_protected(redirect_uri) or "#" in redirect_uri:
            message = "redirect_uri must be an https:// address (or http:// on this machine), without a fragment"
            raise invalid("INVALID_REDIRECT_URI", message, "redirect_uri")
        client = await provider.client()
        state, login = new_secret(), Login(redirect_uri, new_secret(), new_secret())
        async with self._database.transaction() as session:
            until = await logins.begin(session, state, login, keys)
        return Begun(_with_nonce(client.consent_url(redirect_uri, state, login.verifier), login.nonce), state, until)

    async def finish(self, state: str, code: str, error: str = "") -> SignedIn:
        """Tokens for what the redirect brought; the state is spent, whatever comes of it."""
        provider, keys = self._needed()
        try:
            async with self._database.transaction() as session:
                login = await logins.take(session, state, keys)
        except Unsealable:
            login = None
        if login is None:
            raise invalid("UNKNOWN_STATE", "the sign-in is unknown, was finished or is too old; begin again", "state")
        if error or not code:
            raise precondition("SIGN_IN_REFUSED", f"the OpenID provider gave no code ({error[:200] or 'no reason'})")
        try:
            id_token = await provider.exchanged(code, login.verifier, login.redirect_uri)
            found = await provider.identified(id_token, login.nonce)
            async with self._database.transaction() as session:
                user = await self._user(session, found)
                return await self._signing_in.let_in(session, user, "oidc")
        except ServiceError as refused:
            await self._tell_refusal(refused)
            raise

    async def _user(self, session: AsyncSession, found: Identified) -> User:
        user = await users.by_subject(session, found.issuer, found.subject)
        if user is None:
            user = await users.by_email(session, found.email)
            if user is not None and user.oidc_subject is not None:
                raise Forbidden("OTHER_SUBJECT", "the user of that e-mail address signs in as somebody else there")
            user = user or await self._newcomer(session, found)
            await self._link(session, user, found)
        if user.disabled_at is not None:
            raise Forbidden("USER_DISABLED", "the user may not sign in any more")
        return user

    async def _link(self, session: AsyncSession, user: User, found: Identified) -> None:
        # Whoever made the user may know the password; whose address it is has shown just now that it is theirs.
        user.password_hash, user.updated_at = None, datetime.now(UTC)
        user.oidc_issuer, user.oidc_subject = found.issuer, found.subject
        await sessions.revoke_others(session, user.id, "", "the OpenID provider vouches for the user now")

    async def _newcomer(self, session: AsyncSession, found: Identified) -> User:
        role, workspace = self._newcomers.role, self._newcomers.workspace
        if role is None:
            raise Forbidden("UNKNOWN_USER", "nobody of that e-mail address may sign in; an owner can add a member")
        user = await users.create(session, found.email, found.name)
        if await members.find_workspace(session, workspace) is None:
            await members.make_workspace(session, workspace, workspace)
        await members.add(session, workspace, user.id, role)
        told = {"email": user.email, "role": role.value, "by": "oidc"}
        audit(session, current_caller(), "member.add", "user", user.id, after=told, workspace=workspace, actor=user.id)
        return user

    async def _tell_refusal(self, refused: ServiceError) -> None:
        async with self._database.transaction() as session:
            told = {"how": "oidc", "why": refused.code}
            audit(session, current_caller(), "session.refuse", "user", after=told, workspace="", actor="")

    def _needed(self) -> tuple[Provider, KeyRing]:
        if self._provider is None:
            raise precondition("OIDC_NOT_CONFIGURED", "no OpenID provider is set: ORCHESTRATOR_OIDC_ISSUER")
        if self._keys is None:
            raise no_keys()
        return self._provider, self._keys


def _with_nonce(url: str, nonce: str) -> str:
    parts = urlsplit(url)
    query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != "nonce"]
    return urlunsplit(parts._replace(query=urlencode([*query, ("nonce", nonce)])))
