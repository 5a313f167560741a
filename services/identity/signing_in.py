"""Signing in and out: passwords for tokens, tokens for newer ones, and the end of a session."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from services.errors import Forbidden, Unauthenticated, precondition
from services.identity.cache import Cache
from services.identity.caller import Caller, current_caller
from services.identity.limits import Limit
from services.identity.passwords import Passwords, check_password
from services.identity.tokens import REFRESH, Access, AccessTokens, Tokens, hashed, new_token
from services.rates import SharedRates
from services.store.audit import audit
from services.store.engine import Database
from services.store.identity import members, sessions, users
from services.store.identity.principals import Membership
from services.store.keyring import no_keys
from services.store.tables import User

# Guessing: by account, whoever tries; by address, whatever account.
ACCOUNT_TRIES, ADDRESS_TRIES, WINDOW = 10, 100, 300.0
# Tabs and replicas of the gateway may renew one session at the same moment: for so long a used token is good still.
GRACE = timedelta(seconds=10)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class SignedIn:
    """Somebody who has just signed in."""

    tokens: Tokens
    user: User
    memberships: Sequence[Membership]


class SigningIn:
    """Begins and ends sessions, which last `lasts` at most."""

    def __init__(
        self,
        database: Database,
        tokens: AccessTokens | None,
        cache: Cache,
        lasts: timedelta,
        rates: SharedRates,
        passwords: Passwords | None = None,
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._cache = cache
        self._lasts = lasts
        self.passwords = passwords or Passwords()
        self._by_account = Limit(rates, "account", ACCOUNT_TRIES, WINDOW)
        self._by_address = Limit(rates, "address", ADDRESS_TRIES, WINDOW)

    async def sign_in(self, email: str, password: str) -> SignedIn:
        """Tokens for a password; whoever isn't let in isn't told why."""
        caller, account = current_caller(), email.strip().lower()[:320]
        await self._by_address.spend(caller.address)
        await self._by_account.spend(account)
        async with self._database.reading() as session:
            user = await users.by_email(session, account)
        right = await self.passwords.fits(user.password_hash if user else None, password)
        if user is None or not right or user.disabled_at is not None:
            await self._refused(caller, user, account)
            message = "the e-mail address or the password is wrong"
            raise Unauthenticated("BAD_CREDENTIALS", message)
        await self._by_account.forgive(account)
        kept = user.password_hash or ""
        renewed = await self.passwords.hash(password) if self.passwords.is_outdated(kept) else None
        async with self._database.transaction() as session:
            if renewed:
                (await users.get(session, user.id, lock=True)).password_hash = renewed
            return await self.let_in(session, user, "password")

    async def let_in(self, session: AsyncSession, user: User, how: str) -> SignedIn:
        """A new session of a user who showed by a password or otherwise who they are."""
        caller, now = current_caller(), datetime.now(UTC)
        if self._tokens is None:
            raise no_keys()
        begun = await sessions.begin(session, user.id, now + self._lasts, caller.address, caller.via)
        memberships = await members.of_user(session, user.id)
        told = {"how": how, "session": begun.id}
        _tell(session, caller, "session.begin", user.id, user.id, memberships, told)
        return SignedIn(self._new(session, begun.id, user.id, begun.expires_at, now), user, memberships)

    async def refresh(self, token: str) -> Tokens:
        """New tokens for a refresh token; one used a while ago ends the session, for who has it may be a thief."""
        caller, now = current_caller(), datetime.now(UTC)
        stolen = ""
        async with self._database.transaction() as session:
            found = await sessions.of_token(session, hashed(token)) if token.startswith(REFRESH) else None
            if found is not None:
                begun, given = found
                user = await users.get(session, begun.user_id)
                good = begun.revoked_at is None and begun.expires_at > now and user.disabled_at is None
                if good and (given.used_at is None or now - given.used_at < GRACE):
                    given.used_at = given.used_at or now
                    return self._new(session, begun.id, begun.user_id, begun.expires_at, now)
                if good:
                    stolen = begun.id
                    await sessions.revoke(session, begun.id, sessions.REUSED)
                    memberships = await members.of_user(session, begun.user_id)
                    told = {"session": begun.id, "why": sessions.REUSED}
                    _tell(session, caller, "session.end", begun.user_id, begun.user_id, memberships, told)
        if stolen:
            self._cache.forget(stolen)
            _log.warning("refresh token used twice", session=stolen, address=caller.address)
        await self._by_address.spend(caller.address)
        raise Unauthenticated("BAD_REFRESH_TOKEN", "the refresh token isn't valid, or not any more; sign in again")

    async def sign_out(self) -> None:
        """Ends the caller's session, at once."""
        caller = _with_session("there is no session to end")
        async with self._database.transaction() as session:
            await sessions.revoke(session, caller.session_id, "signed out")
            memberships = await members.of_user(session, caller.user_id)
            _tell(session, caller, "session.end", caller.actor, caller.user_id, memberships, None)
        self._cache.forget(caller.session_id)

    async def change_password(self, old: str, new: str) -> None:
        """Gives the caller another password; their other sessions end."""
        caller = _with_session("an API key changes no password")
        check_password(new, "new_password")
        await self._by_account.spend(caller.email)
        async with self._database.reading() as session:
            user = await users.get(session, caller.user_id)
        if user.password_hash is None:
            raise precondition("NO_PASSWORD", "the user signs in by the OpenID provider and has no password here")
        if not await self.passwords.fits(user.password_hash, old):
            raise Forbidden("BAD_CREDENTIALS", "the old password is wrong")
        await self._by_account.forgive(caller.email)
        kept = await self.passwords.hash(new)
        async with self._database.transaction() as session:
            row = await users.get(session, caller.user_id, lock=True)
            row.password_hash, row.updated_at = kept, datetime.now(UTC)
            await sessions.revoke_others(session, row.id, caller.session_id, "the password was changed")
            memberships = await members.of_user(session, row.id)
            _tell(session, caller, "user.password", caller.actor, row.id, memberships, None)
        self._cache.forget(caller.user_id)

    def _new(self, session: AsyncSession, session_id: str, user_id: str, until: datetime, now: datetime) -> Tokens:
        if self._tokens is None:
            raise no_keys()
        refresh = new_token(REFRESH)
        sessions.give(session, session_id, hashed(refresh))
        access, expires = self._tokens.make(Access(user_id, session_id), now)
        return Tokens(access, expires, refresh, until)

    async def _refused(self, caller: Caller, user: User | None, account: str) -> None:
        async with self._database.transaction() as session:
            memberships = await members.of_user(session, user.id if user else "")
            _tell(session, caller, "session.refuse", "", user.id if user else "", memberships, {"email": account})
        _log.warning("sign-in refused", address=caller.address, via=caller.via, known=user is not None)


def _with_session(otherwise: str) -> Caller:
    caller = current_caller()
    if not caller.session_id:
        raise precondition("NO_SESSION", f"{otherwise}: the call wasn't made with an access token")
    return caller


def _tell(
    session: AsyncSession,
    caller: Caller,
    action: str,
    actor: str,
    user_id: str,
    memberships: Sequence[Membership],
    told: dict[str, str] | None,
) -> None:
    """A user's sessions are told in each of their workspaces, whose owners read no other's log."""
    for workspace in [membership.workspace for membership in memberships] or [""]:
        audit(session, caller, action, "user", user_id, after=told, workspace=workspace, actor=actor)
