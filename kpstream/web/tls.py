"""Certificates: one that the user has, or one that is made on the spot and signs itself."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kpstream.errors import UsageError

_VALID = datetime.timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Certificate:
    """Where a certificate and its key are. Without paths it is made on the spot, and nothing of it is kept."""

    certificate: Path | None = None
    """PEM, with the certificates between it and its root."""
    key: Path | None = None
    """PEM, without a password; None where it is in the same file."""

    def context(self, hosts: Iterable[str]) -> ssl.SSLContext:
        """What the server speaks TLS with.

        Args:
            hosts: Names and addresses that the page is called by, for a certificate made on the spot.

        Raises:
            UsageError: The files cannot be used.
        """
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        if self.certificate is None:
            _load_self_signed(context, hosts)
            return context

        def no_password() -> str:
            raise UsageError(
                f"{self.key or self.certificate}: has a password; give a key without one", option="tls_key"
            )

        try:
            context.load_cert_chain(self.certificate, self.key, no_password)
        except OSError as error:  # ssl's errors are of this kind, too
            raise UsageError(f"{self.certificate}: {_reason(error)}", option="tls_cert") from None
        return context

    def names(self) -> frozenset[str]:
        """The host names that a certificate of the user's own is for, in small letters; ``*.`` stands as it is there.

        Nothing of one that is made on the spot, nor of one that cannot be read.
        """
        if self.certificate is None:
            return frozenset()
        try:
            certificate = x509.load_pem_x509_certificate(self.certificate.read_bytes())
            subject = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
            found = subject.value.get_values_for_type(x509.DNSName)
        except x509.ExtensionNotFound:  # an old one, whose only name is its subject
            found = [str(name.value) for name in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        except (OSError, ValueError):
            return frozenset()
        return frozenset(name.lower() for name in found)


class RenewableTls:
    """What the server speaks TLS with, whose certificate can be renewed while it runs.

    Args:
        certificate: Where it is.
        hosts: Names and addresses that the page is called by, for a certificate made on the spot.

    Raises:
        UsageError: The files cannot be used.
    """

    def __init__(self, certificate: Certificate, hosts: Iterable[str]) -> None:
        self._certificate = certificate
        self._newest = self.context = certificate.context(hosts)
        self.names = certificate.names()
        """The host names that the certificate is for."""
        self.context.sni_callback = self._choose

    def renew(self) -> None:
        """Read the files again; connections from now on get the new certificate. Nothing for one made on the spot.

        Raises:
            UsageError: The files cannot be used; what holds goes on to hold.
        """
        if self._certificate.certificate is not None:
            self._newest = self._certificate.context(())
            self.names = self._certificate.names()

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._newest


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return "the certificate and the key do not fit together, or are not PEM"
    return f"cannot be read: {error.filename or ''} {error.strerror or error}".replace("  ", " ")


def _load_self_signed(context: ssl.SSLContext, hosts: Iterable[str]) -> None:
    # OpenSSL reads files alone. They are for this user's eyes, and gone before anybody connects.
    try:
        with tempfile.TemporaryDirectory(prefix="kpstream-") as folder:
            path = Path(folder, "self-signed.pem")
            path.touch(0o600)
            path.write_bytes(self_signed(hosts))
            context.load_cert_chain(path)
    except OSError as error:
        text = f"self needs a place for temporary files: {error.filename or 'none'}: {error.strerror or error}"
        raise UsageError(text, option="tls") from None


def self_signed(hosts: Iterable[str]) -> bytes:
    """A new key and a certificate for it, as PEM.

    Args:
        hosts: Names and addresses that it is for, beside this machine's own.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    machine = socket.gethostname() or "kpstream"
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"kpstream on {machine}"[:64])])
    now = datetime.datetime.now(datetime.UTC)
    names = dict.fromkeys(["localhost", machine, f"{machine}.local", "127.0.0.1", "::1", *hosts])
    subjects = [subject for host in names if (subject := _subject(host)) is not None]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectAlternativeName(subjects), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


def _subject(host: str) -> x509.GeneralName | None:
    """A host as a certificate names it; None for what is no name, as a part of it has more than 63 letters."""
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return x509.DNSName(host.encode("idna").decode()) if host else None
    except UnicodeError:
        return None
