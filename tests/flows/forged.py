"""Certificates that no honest authority would sign, and some that one would, for attackers who show them."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import warnings
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NAME = "mail.example.test"
NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)

_SHA256_WITH_RSA = bytes.fromhex("2a864886f70d01010b")
_SHA1_WITH_RSA = bytes.fromhex("2a864886f70d010105")


def named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def dns(*names: str) -> tuple[x509.GeneralName, ...]:
    return tuple(x509.DNSName(name) for name in names)


class Signer:
    """Somebody who signs. ``pem``: of its own certificate, and of those above it but the root."""

    def __init__(self, name: x509.Name, key: Any, pem: bytes = b"") -> None:
        self.name, self.key, self.pem = name, key, pem


class Forger:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made = 0
        self.key: Any = ec.generate_private_key(ec.SECP256R1())
        self.weak_key = rsa.generate_private_key(65_537, 1_024)
        name = named("Example root")
        key: Any = ec.generate_private_key(ec.SECP256R1())
        self.root = Signer(name, key)
        rsa_key: Any = rsa.generate_private_key(65_537, 2_048)
        rsa_name = named("Example RSA root")
        self.rsa_root = Signer(rsa_name, rsa_key)
        self.weak_root = Signer(named("Example weak root"), self.weak_key)
        self.old_root = Signer(named("Example root of old"), ec.generate_private_key(ec.SECP256R1()))
        trusted = [
            self.certificate(subject=one.name, signer=one, key=one.key, authority=True, names=(), **validity)
            for one, validity in (
                (self.root, {}),
                (self.rsa_root, {}),
                (self.weak_root, {}),
                (self.old_root, {"start": NOW - 9 * DAY, "end": NOW - DAY}),
            )
        ]
        self.ca_file = folder / "trusted.pem"
        self.ca_file.write_bytes(b"".join(trusted))

    def certificate(
        self,
        *,
        subject: x509.Name | None = None,
        signer: Signer | None = None,
        key: Any = None,
        names: tuple[x509.GeneralName, ...] = dns(NAME),
        authority: bool = False,
        start: datetime.datetime = NOW - DAY,
        end: datetime.datetime = NOW + DAY,
        usage: x509.ObjectIdentifier | None = None,
        constraint: str = "",
    ) -> bytes:
        """PEM. Its key is :attr:`key` where none is given."""
        signer = signer or self.root
        builder = (
            x509.CertificateBuilder()
            .subject_name(named(NAME) if subject is None else subject)
            .issuer_name(signer.name)
            .public_key((key or self.key).public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        if usage is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if constraint:
            permitted = x509.NameConstraints([x509.DNSName(constraint)], None)
            builder = builder.add_extension(permitted, critical=True)
        return builder.sign(signer.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM) + signer.pem

    def signer(self, name: str, **how: Any) -> Signer:
        """One between the root and a server."""
        key: Any = ec.generate_private_key(ec.SECP256R1())
        return Signer(named(name), key, self.certificate(subject=named(name), key=key, names=(), **how))

    def by_sha1(self) -> bytes:
        """PEM. The library signs nothing by SHA-1 any more, so the name of the algorithm is exchanged (both have 9 bytes)."""
        found = x509.load_pem_x509_certificate(self.certificate(signer=self.rsa_root))
        body = found.tbs_certificate_bytes.replace(_SHA256_WITH_RSA, _SHA1_WITH_RSA)
        signature = self.rsa_root.key.sign(body, padding.PKCS1v15(), hashes.SHA1())
        der = found.public_bytes(serialization.Encoding.DER)
        forged = der.replace(found.tbs_certificate_bytes, body).replace(_SHA256_WITH_RSA, _SHA1_WITH_RSA)
        return ssl.DER_cert_to_PEM_cert(forged.replace(found.signature, signature)).encode()

    def altered(self) -> bytes:
        """PEM of one whose name was changed after it was signed."""
        honest = ssl.PEM_cert_to_DER_cert(self.certificate(names=dns("mail.example.tess")).decode())
        return ssl.DER_cert_to_PEM_cert(honest.replace(b"mail.example.tess", NAME.encode())).encode()

    def context(self, pem: bytes, *, key: Any = None, ciphers: str = "", version: ssl.TLSVersion | None = None) -> Any:
        """A server's, that would take any client."""
        self._made += 1
        path = self._folder / f"server{self._made}.pem"
        path.write_bytes(
            pem
            + (key or self.key).private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers(ciphers or "ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            if version is not None:
                context.minimum_version = context.maximum_version = version
        context.load_cert_chain(path)
        return context


def certificates(forger: Forger) -> dict[str, tuple[Any, str]]:
    """Contexts of false servers by what is wrong with them, and the check that each fails. Asked for as :data:`NAME`."""
    it, tls12 = forger, ssl.TLSVersion.TLSv1_2
    leaf = it.signer("Not an authority")
    client = ExtendedKeyUsageOID.CLIENT_AUTH
    stranger = Signer(named("Nobody's root"), ec.generate_private_key(ec.SECP256R1()))
    between = it.signer("Between", authority=True)
    narrow = it.signer("For others", authority=True, constraint="other.test")
    past = it.signer("Expired authority", authority=True, start=NOW - 9 * DAY, end=NOW - DAY)
    made = {
        "expired yesterday": (it.certificate(start=NOW - 2 * DAY, end=NOW - DAY), "expired"),
        "valid from tomorrow": (it.certificate(start=NOW + DAY, end=NOW + 2 * DAY), "not-yet-valid"),
        "another name": (it.certificate(names=dns("other.example.test")), "wrong-host"),
        "the name in the subject alone": (it.certificate(names=()), "wrong-host"),
        "the domain above": (it.certificate(names=dns("example.test")), "wrong-host"),
        "a name below": (it.certificate(names=dns(f"a.{NAME}")), "wrong-host"),
        "NUL in the name": (it.certificate(names=dns(f"{NAME}\0.evil.test")), "wrong-host"),
        "wildcard *": (it.certificate(names=dns("*")), "wrong-host"),
        "wildcard for a top-level domain": (it.certificate(names=dns("*.test")), "wrong-host"),
        "wildcard for two labels": (it.certificate(names=dns("*.*.test")), "wrong-host"),
        "wildcard in a label": (it.certificate(names=dns("m*.example.test")), "wrong-host"),
        "wildcard not the first label": (it.certificate(names=dns("mail.*.test")), "wrong-host"),
        "the name as a URI": (it.certificate(names=(x509.UniformResourceIdentifier(f"imap://{NAME}"),)), "wrong-host"),
        "the name as a mail address": (it.certificate(names=(x509.RFC822Name(f"root@{NAME}"),)), "wrong-host"),
        "the address instead of the name": (
            it.certificate(names=(x509.IPAddress(ipaddress.ip_address("127.0.0.1")),)),
            "wrong-host",
        ),
        "self-signed": (it.certificate(signer=Signer(named(NAME), it.key)), "self-signed"),
        "self-signed as an authority": (
            it.certificate(signer=Signer(named(NAME), it.key), authority=True),
            "self-signed",
        ),
        "unknown authority": (it.certificate(signer=stranger), "unknown-authority"),
        "unknown authority of a known name": (
            it.certificate(signer=Signer(it.root.name, stranger.key)),
            "untrusted",
        ),
        "authority left out": (it.certificate(signer=Signer(between.name, between.key)), "unknown-authority"),
        "signed by a server's certificate": (it.certificate(signer=leaf), "not-an-authority"),
        "authority limited to other names": (it.certificate(signer=narrow), "name-not-permitted"),
        "expired authority between": (it.certificate(signer=past), "expired"),
        "expired root": (it.certificate(signer=it.old_root), "expired"),
        "for clients only": (it.certificate(usage=client), "wrong-purpose"),
        "altered after signing": (it.altered(), "untrusted"),
        "signed by SHA-1": (it.by_sha1(), "weak-signature"),
        "root with RSA 1024": (it.certificate(signer=it.weak_root), "weak-key"),
    }
    good = it.certificate()
    found = {name: (it.context(pem), check) for name, (pem, check) in made.items()}
    found |= {
        "RSA 1024": (it.context(it.certificate(key=it.weak_key), key=it.weak_key), "weak-key"),
        "TLS 1.0": (it.context(good, version=ssl.TLSVersion.TLSv1), "old-protocol"),
        "TLS 1.1": (it.context(good, version=ssl.TLSVersion.TLSv1_1), "old-protocol"),
        "ciphers without encryption (NULL)": (
            it.context(good, ciphers="eNULL:@SECLEVEL=0", version=tls12),
            "no-common-cipher",
        ),
        "ciphers without a certificate (anonymous)": (
            it.context(good, ciphers="aNULL:@SECLEVEL=0", version=tls12),
            "no-common-cipher",
        ),
        "ciphers for an RSA key that it has not": (
            it.context(good, ciphers="AES128-SHA:@SECLEVEL=0", version=tls12),
            "no-common-cipher",
        ),
    }
    return found
