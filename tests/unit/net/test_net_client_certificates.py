"""Contexts that show a certificate, and what becomes of one that a server does not take."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from net_peers import LOOPBACK, FakeResolver

from idlebell.model.account import ClientCertificate, ImapTarget, Tls
from idlebell.model.trust import AUTHORITIES, FirstUse, pinned
from idlebell.net.certificate import read_certificate_file
from idlebell.net.client_certificates import CONTEXTS_MOST
from idlebell.net.clock import Clock
from idlebell.net.connector import Connector
from idlebell.net.errors import TlsFailed
from idlebell.net.open_connection import open_connection
from idlebell.net.secret_arena import SecretArena
from idlebell.net.tls_policy import TlsPolicy

PEOPLE, STRANGERS, SERVERS = trustme.CA(), trustme.CA(), trustme.CA()


def files(folder: Path, user: str, authority: trustme.CA = PEOPLE) -> ClientCertificate:
    made = authority.issue_cert(common_name=user)
    certificate, key = folder / f"{user}.pem", folder / f"{user}.key"
    certificate.write_bytes(made.cert_chain_pems[0].bytes())
    key.write_bytes(made.private_key_pem.bytes())
    return ClientCertificate(str(certificate), str(key))


def test_accounts_with_the_same_certificate_share_one_context_and_there_are_so_many_at_most(tmp_path: Path) -> None:
    policy = TlsPolicy()
    alice = files(tmp_path, "alice")
    shared = policy.context_for(AUTHORITIES, alice)
    assert policy.context_for(AUTHORITIES, ClientCertificate(alice.certificate, alice.key)) is shared
    by_key = policy.context_for(FirstUse(), alice)
    assert policy.context_for(pinned([b"k" * 32]), alice) is by_key
    assert len({id(one) for one in (shared, by_key, policy.session_context, policy.context_for(FirstUse()))}) == 4
    assert (shared.verify_mode, shared.check_hostname, by_key.verify_mode) == (ssl.CERT_REQUIRED, True, ssl.CERT_NONE)
    assert shared.minimum_version is ssl.TLSVersion.TLSv1_2
    for number in range(CONTEXTS_MOST):
        same = tmp_path / f"{number}.pem"
        same.write_bytes(Path(alice.certificate).read_bytes())
        policy.context_for(FirstUse(), ClientCertificate(str(same), alice.key))
    assert policy.context_for(AUTHORITIES, alice) is not shared, "the one used longest ago went"
    assert len(policy._showing) == CONTEXTS_MOST


def test_a_certificate_that_was_renewed_is_read_anew(tmp_path: Path) -> None:
    policy = TlsPolicy()
    alice = files(tmp_path, "alice")
    before = policy.context_for(FirstUse(), alice)
    assert policy.context_for(FirstUse(), alice) is before
    files(tmp_path, "alice")
    os.utime(alice.key, ns=(1, 1))  # whatever the file system's clock is like
    assert policy.context_for(FirstUse(), alice) is not before


def test_files_that_cannot_be_used_are_told_and_nobody_is_asked_for_a_passphrase(tmp_path: Path) -> None:
    policy = TlsPolicy()
    alice, bob = files(tmp_path, "alice"), files(tmp_path, "bob")
    locked = tmp_path / "locked.key"
    key = load_pem_private_key(Path(alice.key).read_bytes(), None)
    locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"correct horse")))
    empty = tmp_path / "empty.pem"
    empty.touch()
    for wrong, told in (
        (ClientCertificate(alice.certificate, bob.key), "is not its key"),
        (ClientCertificate(alice.certificate, str(locked)), "without a passphrase"),
        (ClientCertificate(str(empty), alice.key), "as PEM"),
        (ClientCertificate(str(tmp_path / "none"), alice.key), "No such file"),
        (ClientCertificate(str(tmp_path), str(tmp_path)), "Is a directory"),
    ):
        with pytest.raises(TlsFailed, match=told) as caught:
            policy.context_for(FirstUse(), wrong)
        assert caught.value.reason == "own-certificate"
        assert len(policy._showing) == 0


def test_of_a_file_the_first_certificate_counts(tmp_path: Path) -> None:
    one, other = files(tmp_path, "alice"), files(tmp_path, "bob")
    chain = tmp_path / "chain.pem"
    chain.write_bytes(b"".join(Path(path).read_bytes() for path in (one.key, one.certificate, other.certificate)))
    found = read_certificate_file(str(chain))
    assert found is not None
    assert "CN=alice," in found.subject
    assert datetime.fromisoformat(found.not_after) > datetime.now(UTC) + timedelta(days=30)
    for none in (one.key, str(tmp_path / "none")):
        assert read_certificate_file(none) is None


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_server_that_refuses_the_certificate_or_misses_it_is_told_so(
    version: ssl.TLSVersion, tmp_path: Path
) -> None:
    """Under TLS 1.3 the client's handshake is over by then. Who is let in can be parked as ever."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = version
    SERVERS.issue_cert("localhost").configure_cert(context)
    PEOPLE.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    ca_file = tmp_path / "ca.pem"
    SERVERS.cert_pem.write_to_path(str(ca_file))
    arena = SecretArena(lambda _: None)
    policy = TlsPolicy(ca_file, arena)
    connector = Connector(LOOPBACK, FakeResolver(localhost=[["127.0.0.1"]]))
    seen: list[object] = []

    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]

    def serve() -> None:
        """In a thread: asyncio's own TLS would keep the alert to itself."""
        for _ in range(3):
            try:
                accepted, _ = listening.accept()
            except OSError:
                return  # the test is over
            try:
                with context.wrap_socket(accepted, server_side=True) as tls:
                    seen.append(tls.getpeercert()["subject"][-1])
                    tls.sendall(b"* OK [CAPABILITY IMAP4rev1 AUTH=EXTERNAL] here\r\n")
                    tls.recv(100)
            except OSError:
                accepted.close()

    serving = asyncio.get_running_loop().run_in_executor(None, serve)
    target = ImapTarget("localhost", port, Tls.IMPLICIT)

    async def come(certificate: ClientCertificate | None) -> None:
        connection = await open_connection(
            target, connector=connector, tls_policy=policy, clock=Clock(), certificate=certificate
        )
        connection.close()

    try:
        await come(files(tmp_path, "alice"))
        assert seen == [(("commonName", "alice"),)]
        for wrong in (None, files(tmp_path, "mallory", STRANGERS)):
            with pytest.raises(TlsFailed) as caught:
                await come(wrong)
            assert caught.value.reason == "client-certificate", caught.value
        assert len(seen) == 1
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        await serving
