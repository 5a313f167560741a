"""Passwords: Argon2id hashes, checked in threads, few at a time."""

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from services.errors import invalid

SHORTEST, LONGEST = 10, 1024
# Each takes 64 MiB and all of a core for some 50 ms.
_AT_ONCE = 4


class Passwords:
    """Hashes and checks; a user who isn't there, or has no password, takes as long to refuse as a wrong password."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._nobodys = ""

    async def hash(self, password: str) -> str:
        """What is kept of a password."""
        async with self._turns:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def fits(self, kept: str | None, password: str) -> bool:
        """Whether it is the password."""
        if not self._nobodys:
            self._nobodys = await self.hash("nobody's password")
        async with self._turns:
            right = await asyncio.to_thread(self._verify, kept or self._nobodys, password[:LONGEST])
        return right and kept is not None

    def is_outdated(self, kept: str) -> bool:
        """Whether the hash was made with other parameters than are used now."""
        return self._hasher.check_needs_rehash(kept)

    def _verify(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, password)
        except (VerificationError, InvalidHashError):
            return False


def check_password(password: str, field: str) -> None:
    """Refuses a new password that is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        message = f"a password has {SHORTEST} to {LONGEST:,} characters; this one has {len(password):,}"
        raise invalid("BAD_PASSWORD", message, field)
