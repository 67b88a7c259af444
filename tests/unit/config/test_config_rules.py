from __future__ import annotations

import json
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from idlebell.config import load
from idlebell.config.loader import line_of
from idlebell.config.rules import foreign, unheard, unreadable, without_effect


def test_files_that_are_named_and_not_there_are_told(tmp_path):
    here = tmp_path / "ca.pem"
    here.write_text("x")
    settings = load(
        None,
        {
            "IDLEBELL_IMAP__CA_FILE": str(here),
            "IDLEBELL_SERVER__TLS_KEY": str(tmp_path / "none.key"),
            "IDLEBELL_SERVER__TLS_CERTIFICATE": str(tmp_path / "none.pem"),
        },
    )
    told = [line_of(verdict, "file.toml") for verdict in unreadable(settings)]
    assert told == [
        f"[server] tls_certificate: {tmp_path}/none.pem cannot be read: No such file or directory (file.toml)",
        f"[server] tls_key: {tmp_path}/none.key cannot be read: No such file or directory (file.toml)",
    ]


def test_endpoints_that_cannot_be_rung_are_told():
    watch = {"url": "imaps://a@h.example", "password_command": "pass", "notify": []}
    told = []
    for url in (
        "ntfys://h.example/x",
        "dbus://h.example/x",
        "simplepush+http://h.example/x",
        "simplepush+https://h.example/x",
        "https://h.example",
    ):
        settings = load(None, {"IDLEBELL_WATCH": json.dumps([{**watch, "notify": [url]}])})
        told += [line_of(verdict, "file.toml") for verdict in unheard(settings)]
    assert [line.partition("notify: ")[2] for line in told] == [
        (
            "dbus:// is not offered; use https:// (a webhook), simplepush+https://, or a service of push.apprise_services "
            "(file.toml)"
        ),
        "simplepush+http:// needs network.allow_plaintext (file.toml)",
    ]


def test_outbound_addresses_that_the_machine_does_not_have_are_told():
    settings = load(None, {"IDLEBELL_IMAP__SOURCE_ADDRESSES": '["127.0.0.2", "192.0.2.7", "2001:db8::7"]'})
    told = [line_of(verdict, "file.toml") for verdict in foreign(settings)]
    assert told == [
        f"[imap] source_addresses: {address} is no address of this machine; add it to an interface, or leave it out"
        " (file.toml)"
        for address in ("192.0.2.7", "2001:db8::7")
    ]


def test_a_store_without_a_folder_is_told(tmp_path):
    settings = load(None, {"IDLEBELL_STORE__URL": f"sqlite:{tmp_path}/none/idlebell.db"})
    told = [line_of(verdict, "file.toml") for verdict in unreadable(settings)]
    assert told == [f"[store] url: there is no folder {tmp_path}/none; make it, writable by the gateway (file.toml)"]


def test_files_that_do_not_hold_what_they_are_to_hold_are_told(tmp_path):
    authority = trustme.CA()
    made = [authority.issue_cert("front.example") for _ in range(2)]
    chain, key, others = (tmp_path / name for name in ("chain.pem", "its.key", "others.key"))
    made[0].cert_chain_pems[0].write_to_path(chain)
    made[0].private_key_pem.write_to_path(key)
    made[1].private_key_pem.write_to_path(others)
    locked, short, hexadecimal = (tmp_path / name for name in ("locked.key", "short", "hexadecimal"))
    secret = load_pem_private_key(key.read_bytes(), None)
    locked.write_bytes(
        secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"a passphrase"))
    )
    short.write_text("ab")
    hexadecimal.write_text("ab" * 32)

    def told(tls_key: Path, **ingest: str) -> list[str]:
        settings = load(
            None,
            {
                "IDLEBELL_FRONT__LISTEN": "127.0.0.1:1993",
                "IDLEBELL_FRONT__UPSTREAM": "imap.example.org:993",
                "IDLEBELL_FRONT__TLS_CERTIFICATE": str(chain),
                "IDLEBELL_FRONT__TLS_KEY": str(tls_key),
                "IDLEBELL_INGEST": json.dumps([{"name": "main", **ingest}]),
            },
        )
        return [line_of(verdict, "file.toml") for verdict in unreadable(settings)]

    assert told(key, key_file=str(hexadecimal)) == []
    for tls_key in (others, locked, hexadecimal):  # the one with a passphrase is not asked for at the terminal
        (line,) = told(tls_key, key_file=str(hexadecimal))
        assert line.startswith(f"[front] tls_certificate: {chain} and {tls_key} are not a certificate and its key: ")
        assert line.endswith("the key without a passphrase (file.toml)")
    assert told(key, key_file=str(short)) == [
        (
            f"[[ingest]] 1 key_file: {short} must hold one line of at least 22 visible ASCII characters: openssl rand -hex 32"
            " (file.toml)"
        )
    ]
    assert told(key, key_file=str(hexadecimal), form="signed") == [
        (
            f"[[ingest]] 1 key_file: {hexadecimal} must hold whsec_ and 24 to 64 bytes in base64: openssl rand -base64 32"
            " (file.toml)"
        )
    ]


def test_a_front_that_listens_nowhere_is_told():
    upstream = {"IDLEBELL_FRONT__UPSTREAM": "imap.example.org:993"}
    assert [line_of(verdict, "file.toml") for verdict in without_effect(load(None, upstream))] == [
        '[front] listen: is empty, so there is no front; for example listen = "0.0.0.0:993" (file.toml)'
    ]
    assert not list(without_effect(load(None, upstream | {"IDLEBELL_FRONT__LISTEN": "127.0.0.1:1143"})))
    assert not list(without_effect(load(None, {})))


def test_a_command_that_cannot_be_started_is_told_without_its_words():
    commands = ("/nowhere/at/all s3cret", "/bin/echo 'open s3cret", "/bin/echo s3cret", "found-by-path s3cret")
    watch = [{"url": f"imaps://a{n}@h.example", "token_command": one, "exec": "x"} for n, one in enumerate(commands)]
    told = [line_of(one, "file.toml") for one in unreadable(load(None, {"IDLEBELL_WATCH": json.dumps(watch)}))]
    assert told == [
        "[[watch]] 1 token_command: /nowhere/at/all is not there, or not executable (file.toml)",
        "[[watch]] 2 token_command: is no command line: No closing quotation (file.toml)",
    ]
