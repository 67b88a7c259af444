"""How the secrets are got: from OpenSSL's key log in memory, wiped at once, and never on a disk."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
import trustme

from idlebell.net import traffic_secrets
from idlebell.net.secret_arena import SecretArena
from idlebell.net.tls_policy import TlsPolicy
from idlebell.net.traffic_keys import RECEIVE, SEND
from idlebell.net.traffic_secrets import FILE_BYTES, LOG_BYTES, STREAM_BYTES, TrafficSecrets, client_random_of

RANDOM = bytes(range(32))
OTHER = bytes(32)
SUITE = "TLS_AES_128_GCM_SHA256"


def line(label: str, random: bytes, secret: bytes) -> bytes:
    return f"{label} {random.hex()} {secret.hex()}\n".encode()


def logged(secrets: TrafficSecrets) -> bytes:
    """What is in the file and is no zero."""
    return os.pread(secrets._descriptor, 1 << 20, 0).strip(b"\0")


@pytest.fixture
def secrets() -> TrafficSecrets:
    return TrafficSecrets(SecretArena())


def write(secrets: TrafficSecrets, *lines: bytes) -> None:
    """As OpenSSL does: another descriptor, opened to append."""
    with open(f"/proc/self/fd/{secrets._descriptor}", "ab") as log:
        log.write(b"".join(lines))


WANTED = (line("CLIENT_TRAFFIC_SECRET_0", RANDOM, b"c" * 32), line("SERVER_TRAFFIC_SECRET_0", RANDOM, b"s" * 32))


def test_the_two_secrets_of_the_connection_are_kept_and_all_else_is_wiped(secrets):
    write(
        secrets,
        line("SERVER_HANDSHAKE_TRAFFIC_SECRET", RANDOM, b"h" * 32),
        line("CLIENT_TRAFFIC_SECRET_0", OTHER, b"o" * 32),
        line("EXPORTER_SECRET", RANDOM, b"e" * 32),
        *WANTED,
        line("CLIENT_RANDOM", RANDOM, b"m" * 48),
    )
    slot = secrets.collect(RANDOM, SUITE)
    assert slot is not None
    view = secrets.arena.view(slot)
    assert bytes(view[SEND.secret : SEND.secret + 32]) == b"c" * 32
    assert bytes(view[RECEIVE.secret : RECEIVE.secret + 32]) == b"s" * 32
    assert logged(secrets) == b""
    assert secrets._pages[:] == bytes(LOG_BYTES + STREAM_BYTES)
    assert "63" * 4 not in repr(secrets)


@pytest.mark.parametrize(
    ("lines", "random", "suite"),
    [
        ((), RANDOM, SUITE),
        (WANTED[:1], RANDOM, SUITE),
        (WANTED, OTHER, SUITE),
        (WANTED, RANDOM, "TLS_AES_256_GCM_SHA384"),  # whose secrets are longer
        (WANTED, RANDOM, "TLS_AES_128_CCM_SHA256"),
        (WANTED, RANDOM, "ECDHE-RSA-AES128-GCM-SHA256"),
        ((WANTED[0], WANTED[1][:-1] + b"00\n"), RANDOM, SUITE),
        ((WANTED[0], WANTED[1][:-1]), RANDOM, SUITE),
        ((b"x" * LOG_BYTES, *WANTED), RANDOM, SUITE),  # more than one step of a handshake writes
    ],
)
def test_what_is_not_all_there_is_nothing_and_wiped_too(secrets, lines, random, suite):
    write(secrets, *lines)
    assert secrets.collect(random, suite) is None
    assert logged(secrets) == b""
    assert secrets._pages[:] == bytes(LOG_BYTES + STREAM_BYTES)
    assert secrets.arena.used == 0


def test_the_file_does_not_grow_for_ever(secrets):
    for _ in range(3_000):
        write(secrets, *WANTED)
        slot = secrets.collect(RANDOM, SUITE)
        assert slot is not None
        secrets.arena.free(slot)
        assert os.fstat(secrets._descriptor).st_size < FILE_BYTES
    assert logged(secrets) == b""


def test_the_client_random_is_read_from_the_first_record(policy):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = policy.client_context.wrap_bio(incoming, outgoing, server_hostname="mail.test")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    record = outgoing.read()
    assert record[0] == 22
    assert record[5] == 1
    assert client_random_of(record) == record[11:43]


def handshake(context: ssl.SSLContext, server: ssl.SSLContext, name: str = "mail.test", step=lambda: None) -> bytes:
    """In memory; the client's random. ``step`` is called after each of the client's steps."""
    client_in, client_out, server_in, server_out = (ssl.MemoryBIO() for _ in range(4))
    client = context.wrap_bio(client_in, client_out, server_hostname=name)
    peer = server.wrap_bio(server_in, server_out, server_side=True)
    random, over = b"", False
    while not over:
        try:
            client.do_handshake()
            over = True
        except ssl.SSLWantReadError:
            step()
        said = client_out.read()
        random = random or client_random_of(said)
        server_in.write(said)
        with contextlib.suppress(ssl.SSLWantReadError):
            peer.do_handshake()
        client_in.write(server_out.read())
    return random


@pytest.fixture(scope="module")
def ca_file(ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    return path


def test_a_handshake_leaves_its_secrets_once(ca_file, server_tls):
    policy = TlsPolicy(ca_file, SecretArena())
    assert policy.secrets is not None
    random = handshake(policy.session_context, server_tls, step=policy.secrets.discard)
    # The last line is in the C library's buffer still: in the one that is ours.
    assert b"CLIENT_TRAFFIC_SECRET_0 " + random.hex().encode() in policy.secrets._pages[LOG_BYTES:]
    slot = policy.secrets.collect(random, "TLS_AES_256_GCM_SHA384")
    assert slot is not None
    assert policy.secrets._pages[:] == bytes(LOG_BYTES + STREAM_BYTES)
    assert bytes(policy.secrets.arena.view(slot)[:96]) != bytes(96)
    assert policy.secrets.collect(random, "TLS_AES_256_GCM_SHA384") is None


@pytest.mark.parametrize("missing", ["_IO_list_all", "another stream"])
def test_where_the_stream_is_not_found_it_keeps_its_own_buffer(ca_file, server_tls, monkeypatch, missing):
    def newest(libc: ctypes.CDLL) -> ctypes.c_void_p:
        return ctypes.c_void_p.in_dll(libc, "stdout" if missing == "another stream" else missing + "?")

    monkeypatch.setattr(traffic_secrets, "_newest_stream", newest)
    policy = TlsPolicy(ca_file, SecretArena())
    assert policy.secrets is not None
    random = handshake(policy.session_context, server_tls, step=policy.secrets.discard)
    assert policy.secrets._pages[LOG_BYTES:] == bytes(STREAM_BYTES)
    assert policy.secrets.collect(random, "TLS_AES_256_GCM_SHA384") is not None


def test_a_context_may_outlive_the_secrets(ca_file, server_tls):
    context = TlsPolicy(ca_file, SecretArena()).session_context
    gc.collect()
    handshake(context, server_tls)


def test_what_is_no_session_leaves_no_secret(ca_file, server_tls):
    """Push services, discovery and submission have a context that nobody listens to."""
    policy = TlsPolicy(ca_file, SecretArena())
    assert policy.secrets is not None
    assert policy.client_context is not policy.session_context
    handshake(policy.client_context, server_tls)
    assert logged(policy.secrets) == b""
    without = TlsPolicy(ca_file)
    assert without.client_context is without.session_context
    assert without.secrets is None
    assert without.no_parking != ""


@pytest.mark.parametrize("arena", [None, SecretArena()])
def test_sslkeylogfile_gets_no_secret(ca_file, server_tls, tmp_path, monkeypatch, arena):
    log = tmp_path / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(log))
    policy = TlsPolicy(ca_file, arena)
    for context in (policy.client_context, policy.session_context):
        handshake(context, server_tls)
    assert not log.exists() or b"SECRET" not in log.read_bytes()


HARDENED = """
import os
from idlebell.net.hardening import harden_process
from idlebell.net.secret_arena import SecretArena
from idlebell.net.tls_policy import TlsPolicy
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
harden_process()
print(repr(TlsPolicy(None, SecretArena()).no_parking))
"""


def test_it_works_for_an_ordinary_user_in_a_process_that_nobody_may_look_into():
    ran = subprocess.run([sys.executable, "-c", HARDENED], capture_output=True, text=True, check=False)
    assert ran.stdout.strip() == "''", ran.stderr


@pytest.mark.parametrize("error", [OSError("no such call"), AttributeError("memfd_create")])
def test_without_a_memory_file_parking_is_off_and_says_why(ca_file, monkeypatch, error):
    def refuse(*args):
        raise error

    monkeypatch.setattr(os, "memfd_create", refuse)
    policy = TlsPolicy(ca_file, SecretArena())
    assert policy.secrets is None
    assert policy.session_context is policy.client_context
    assert "memory file" in policy.no_parking


def test_its_descriptor_goes_with_it():
    secrets = TrafficSecrets(SecretArena())
    descriptor = secrets._descriptor
    del secrets
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
