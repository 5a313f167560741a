"""Seals payloads with AES-256-GCM before they leave for Temporal, and opens them when they come back."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

ENCODING = b"binary/encrypted"
KEY_ID = "encryption-key-id"
_PURPOSE = b"orchestrator temporal payload 1"
_SALT = 16
_NONCE = 12
# Random nonces are safe for 2^32 messages of a key (NIST SP 800-38D); a process takes a new one long before.
_MOST_SEALED = 1 << 28
# From so many bytes on, the event loop goes on meanwhile.
_LARGE = 256 * 1024


class SealedPayloadError(Exception):
    """A payload that can't be opened: under which key it is sealed, and why that doesn't open it."""


class Keys(Protocol):
    """A key ring: the current key seals, all of them open."""

    @property
    def current(self) -> str:
        """The id of the key that seals."""

    @property
    def keys(self) -> Mapping[str, bytes]:
        """Every key, of 32 bytes, by its id."""


class SealingCodec(PayloadCodec):
    """Seals for one namespace; what isn't sealed is read as it is, so that runs begun before go on.

    Each process derives a key of its own from the ring's and a random salt, so that no number of payloads wears a key
    out. A payload is salt, nonce and ciphertext; its metadata names the ring's key.
    """

    def __init__(self, ring: Keys, namespace: str) -> None:
        self.namespace = namespace
        self._current = ring.current
        self._keys = dict(ring.keys)
        self._cipher = lru_cache(maxsize=4096)(self._derived)
        self._bound = {key_id: self._associated(key_id) for key_id in self._keys}
        self._salt = os.urandom(_SALT)
        self._sealed = 0

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """The payloads, sealed under the current key."""
        if sum(len(payload.data) for payload in payloads) < _LARGE:
            return self.seal(payloads)
        return await asyncio.to_thread(self.seal, payloads)

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """The payloads as they were; SealedPayloadError names the key that is missing."""
        if sum(len(payload.data) for payload in payloads) < _LARGE:
            return [self._open(payload) for payload in payloads]
        return await asyncio.to_thread(lambda: [self._open(payload) for payload in payloads])

    def seal(self, payloads: Sequence[Payload]) -> list[Payload]:
        """As `encode`, at once."""
        if self._sealed >= _MOST_SEALED:
            self._salt, self._sealed = os.urandom(_SALT), 0
        self._sealed += len(payloads)
        salt, bound = self._salt, self._bound[self._current]
        encrypt = self._cipher(self._current, salt).encrypt
        metadata = {"encoding": ENCODING, KEY_ID: self._current.encode()}
        nonces = os.urandom(_NONCE * len(payloads))
        sealed = []
        for index, payload in enumerate(payloads):
            nonce = nonces[index * _NONCE : (index + 1) * _NONCE]
            data = salt + nonce + encrypt(nonce, payload.SerializeToString(), bound)
            sealed.append(Payload(metadata=metadata, data=data))
        return sealed

    def _open(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        key_id, data = key_of(payload), payload.data
        if key_id not in self._keys:
            raise SealedPayloadError(
                f"a payload is sealed under the key {key_id!r}, which ORCHESTRATOR_TEMPORAL_KEYS doesn't hold"
            )
        nonce = data[_SALT : _SALT + _NONCE]
        try:
            decrypt = self._cipher(key_id, data[:_SALT]).decrypt
            return Payload.FromString(decrypt(nonce, data[_SALT + _NONCE :], self._bound[key_id]))
        except (InvalidTag, ValueError, DecodeError):
            raise SealedPayloadError(
                f"the key {key_id!r} doesn't open a payload: it was altered, sealed for another namespace than "
                f"{self.namespace!r}, or sealed by a namesake of that key"
            ) from None

    def _derived(self, key_id: str, salt: bytes) -> AESGCM:
        return AESGCM(HKDF(SHA256(), 32, salt=salt, info=_PURPOSE).derive(self._keys[key_id]))

    def _associated(self, key_id: str) -> bytes:
        """What a payload is bound to, in which no part can be taken for another."""
        parts = (_PURPOSE, self.namespace.encode(), key_id.encode())
        return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def key_of(payload: Payload) -> str:
    """The id of the key that a sealed payload names."""
    return payload.metadata.get(KEY_ID, b"").decode("ascii", "replace")[:64]
