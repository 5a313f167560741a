"""Seals secrets with AES-256-GCM: each sealed value names its key, and is bound to its owner, record and purpose."""

import base64
import binascii
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from services.errors import PreconditionFailed, precondition

SHORTEST_PASSPHRASE = 16
FORM = "write id:key with a base64 key of 32 bytes (several after commas, the current one first), or a passphrase"
_VERSION = 1
_NONCE = 12
_KEY_BYTES = 32
_ENTRY = re.compile(r"([A-Za-z0-9_-]{1,32}):([A-Za-z0-9+/_-]{20,}={0,2})")
# A passphrase must give the same key on every machine, so there is no salt of an installation's own.
_SALT = b"orchestrator key ring 1"


class Unsealable(Exception):
    """A sealed value that can't be opened: its key isn't there, or it was altered or moved."""


@dataclass(frozen=True)
class Place:
    """What a sealed value belongs to: it opens nowhere else."""

    owner: str
    record: str
    purpose: str

    def bound(self, header: bytes) -> bytes:
        """The associated data, in which no part can be taken for another."""
        parts = [part.encode() for part in (self.owner, self.record, self.purpose)]
        return header + b"".join(len(part).to_bytes(4, "big") + part for part in parts)


@dataclass(frozen=True)
class KeyRing:
    """Keys by id, the first of them current: it seals, all of them open."""

    current: str
    keys: Mapping[str, bytes] = field(repr=False)

    def seal(self, plain: bytes, place: Place) -> bytes:
        """The value, sealed under the current key."""
        name = self.current.encode()
        header = bytes([_VERSION, len(name)]) + name
        nonce = os.urandom(_NONCE)
        return header + nonce + AESGCM(self.keys[self.current]).encrypt(nonce, plain, place.bound(header))

    def open(self, sealed: bytes, place: Place) -> bytes:
        """The value; Unsealable says why not."""
        key_id = key_of(sealed)
        key = self.keys.get(key_id)
        if key is None:
            raise Unsealable(f"it is sealed under the key {key_id!r}, which SECRET_KEY doesn't hold")
        header = sealed[: 2 + sealed[1]]
        nonce = sealed[len(header) : len(header) + _NONCE]
        try:
            return AESGCM(key).decrypt(nonce, sealed[len(header) + _NONCE :], place.bound(header))
        except (InvalidTag, ValueError):
            raise Unsealable(f"the key {key_id!r} doesn't open it: it was altered, or sealed by a namesake") from None

    def is_current(self, sealed: bytes) -> bool:
        """Whether a value is sealed under the current key."""
        return key_of(sealed) == self.current


def key_of(sealed: bytes) -> str:
    """The id of the key that a value is sealed under."""
    if len(sealed) < 2 + _NONCE or sealed[0] != _VERSION:
        raise Unsealable("it isn't a sealed value of a kind that this release knows")
    return sealed[2 : 2 + sealed[1]].decode("ascii", "replace")


def read_keys(text: str) -> KeyRing:
    """The key ring that SECRET_KEY describes; ValueError says what is wrong without showing it."""
    entries = _entries(text.strip())
    keys: dict[str, bytes] = {}
    for key_id, key in entries:
        if key_id in keys:
            raise ValueError(f"the key id {key_id!r} is there twice")
        keys[key_id] = key
    return KeyRing(entries[0][0], keys)


def check_keys(text: str) -> None:
    """Raises as `read_keys` does, without the work of stretching a passphrase."""
    _entries(text.strip(), stretch=False)


def kept_key(path: Path) -> str:
    """The SECRET_KEY kept in a file that only its owner reads; made if it isn't there yet."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(new_key())
    return path.read_text(encoding="ascii").strip()


def new_key() -> str:
    """A SECRET_KEY with one random key."""
    key = os.urandom(_KEY_BYTES)
    return f"{hashlib.sha256(key).hexdigest()[:8]}:{base64.b64encode(key).decode()}"


def no_keys() -> PreconditionFailed:
    """What a server without SECRET_KEY answers."""
    return precondition(
        "SECRET_KEY_MISSING",
        f"this server keeps no credentials, as it has no SECRET_KEY; set it for servers and workers: {FORM}",
    )


def _entries(text: str, *, stretch: bool = True) -> list[tuple[str, bytes]]:
    entries: list[tuple[str, bytes]] = []
    rest = text
    while rest:
        part, comma, later = rest.partition(",")
        match = _ENTRY.fullmatch(part.strip())
        if match is None:
            # Once a part is no key, it and all that follows is one passphrase, which may hold commas.
            entries.append(_stretched(rest.strip(), stretch))
            return entries
        entries.append((match[1], _decoded(match[1], match[2])))
        rest = later.strip()
        if comma and not rest:
            raise ValueError("it ends with a comma")
    if not entries:
        raise ValueError(f"it is empty; {FORM}")
    return entries


def _decoded(key_id: str, text: str) -> bytes:
    try:
        key = base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise ValueError(f"the key {key_id!r} isn't base64; {FORM}") from None
    if len(key) != _KEY_BYTES:
        raise ValueError(f"the key {key_id!r} has {len(key)} bytes, not {_KEY_BYTES}; {FORM}")
    return key


def _stretched(passphrase: str, stretch: bool) -> tuple[str, bytes]:
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise ValueError(f"a passphrase has at least {SHORTEST_PASSPHRASE} characters; {FORM}")
    if not stretch:
        return "", b""
    key = Scrypt(salt=_SALT, length=_KEY_BYTES, n=2**15, r=8, p=1).derive(passphrase.encode())
    # Named by the stretched key's hash: guessing at the name costs as much as guessing at the key.
    return f"p-{hashlib.sha256(key).hexdigest()[:8]}", key
