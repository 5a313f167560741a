"""The certificates that servers show: checked when a process starts, and read again when their files change."""

import ssl
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import structlog
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

# A busy server doesn't look at its files more often.
_LOOK_EVERY = 1.0

_log = structlog.get_logger(__name__)


class TlsError(ValueError):
    """A certificate or key that can't be used: which variable, which file, what is wrong."""


@dataclass(frozen=True)
class TlsFiles:
    """Where a server's certificate chain and key are, and the authority that clients' certificates must be from.

    `name` is what the variables begin with, such as GRPC_TLS.
    """

    name: str
    cert: str
    key: str
    client_ca: str = ""

    def problem(self) -> str:
        """What is wrong with these settings in themselves; empty if nothing."""
        if bool(self.cert) != bool(self.key):
            given, missing = ("CERT", "KEY") if self.cert else ("KEY", "CERT")
            return f"{self.name}_{given}: {self.name}_{missing} belongs to it, and isn't set"
        if self.client_ca and not self.cert:
            return f"{self.name}_CLIENT_CA: {self.name}_CERT and {self.name}_KEY belong to it, and aren't set"
        return ""

    def read(self) -> "Material":
        """What the files hold; TlsError says what is wrong with them."""
        chain, key = self._bytes("CERT", self.cert), self._bytes("KEY", self.key)
        certificate = self._certificates("CERT", self.cert, chain)[0]
        try:
            private = load_pem_private_key(key, None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise TlsError(f"{self.name}_KEY: {self.key} holds no private key in PEM, unencrypted") from None
        if private.public_key() != certificate.public_key():
            raise TlsError(f"{self.name}_KEY: {self.key} isn't the key of the certificate in {self.cert}")
        if certificate.not_valid_after_utc < datetime.now(UTC):
            ended = certificate.not_valid_after_utc.isoformat()
            raise TlsError(f"{self.name}_CERT: the certificate in {self.cert} expired at {ended}; renew it")
        authority = self._bytes("CLIENT_CA", self.client_ca) if self.client_ca else None
        if authority is not None:
            self._certificates("CLIENT_CA", self.client_ca, authority)
        return Material(chain, key, authority, certificate.not_valid_after_utc)

    def stamp(self) -> tuple[object, ...]:
        """Changes when a file does."""
        return tuple(_stamp(Path(file)) for file in (self.cert, self.key, self.client_ca) if file)

    def _bytes(self, part: str, file: str) -> bytes:
        try:
            return Path(file).read_bytes()
        except OSError as error:
            raise TlsError(f"{self.name}_{part}: {file} can't be read: {error.strerror}") from None

    def _certificates(self, part: str, file: str, content: bytes) -> list[x509.Certificate]:
        try:
            return x509.load_pem_x509_certificates(content)
        except ValueError:
            raise TlsError(f"{self.name}_{part}: {file} holds no certificate in PEM") from None


@dataclass(frozen=True)
class Material:
    """A certificate chain and its key, and the authority for clients' certificates, as PEM."""

    chain: bytes
    key: bytes
    client_ca: bytes | None
    ends: datetime


class Certificate:
    """What a server shows: renewed files are taken for new connections; bad ones are logged, and the old kept."""

    def __init__(self, files: TlsFiles) -> None:
        self.files = files
        self._stamp = files.stamp()
        self._material = files.read()
        self._looked = time.monotonic()
        self._lock = threading.Lock()

    @property
    def material(self) -> Material:
        """What the files held when they were last good."""
        return self._material

    def renewed(self) -> bool:
        """Whether the files have changed since the last call, and are good."""
        with self._lock:
            if time.monotonic() - self._looked < _LOOK_EVERY:
                return False
            self._looked = time.monotonic()
            stamp = self.files.stamp()
            if stamp == self._stamp:
                return False
            try:
                material = self.files.read()
            except TlsError as error:
                _log.warning("a renewed certificate can't be used; the old one is kept", reason=str(error))
                return False
            self._stamp, self._material = stamp, material
        _log.info("certificate renewed", name=self.files.name, valid_until=material.ends.isoformat())
        return True

    def grpc(self) -> grpc.ServerCredentials:
        """Credentials of a gRPC server; with a client authority, a client without its certificate isn't let in."""
        demanded = self._material.client_ca is not None
        return grpc.dynamic_ssl_server_credentials(_configuration(self._material), self._renewal, demanded)

    def _renewal(self) -> Any:
        """What gRPC asks before each handshake; None, which its types don't know, lets it keep what it has."""
        return _configuration(self._material) if self.renewed() else None

    def context(self) -> ssl.SSLContext:
        """The context of an HTTP server."""
        context = _context(self.files)

        def renew(connection: ssl.SSLObject, name: str | None, asked: ssl.SSLContext) -> None:
            nonlocal context
            if self.renewed():
                context = _context(self.files)
            connection.context = context

        context.sni_callback = renew
        return context


def certificate(files: TlsFiles) -> Certificate | None:
    """What the files hold, or None where none are set; TlsError if they can't be used."""
    return Certificate(files) if files.cert else None


def _configuration(material: Material) -> Any:
    return grpc.ssl_server_certificate_configuration([(material.key, material.chain)], material.client_ca)


def _context(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(files.cert, files.key)
    return context


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
